//! The command line: `up`, `token`, `emit`, `cost`, `rights`.

mod options;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};

use self::options::Period;
pub(crate) use self::options::Up;
use crate::{
    cost, emit, rights,
    token::{self, Bearer, Company, DevKey},
    up,
};

/// Runs the whole stack of template.yaml on this machine: no Docker, no AWS account.
#[derive(Debug, Parser)]
#[command(name = "funnelcast-local", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(Box<Up>),
    Token(Token),
    Emit(Emit),
    Cost(Cost),
    Rights(RightsOptions),
}

/// Names each right of the template's functions that no stack used, and each call that was denied.
#[derive(Debug, Args)]
pub(crate) struct RightsOptions {
    /// What `up --rights-log` has written.
    pub(crate) log: PathBuf,
    /// The template that gives the rights.
    #[arg(long, default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Also each right that was used, and by how many stacks.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Prints a token of the dev issuer, for any client of a local stack.
#[derive(Debug, Args)]
struct Token {
    /// Whose token it is: 1 to 64 of A-Z, a-z, 0-9, - and _.
    #[arg(long, value_name = "ID", value_parser = token::parse_id)]
    user: String,
    /// The name that others see: 1 to 128 bytes.
    #[arg(long, value_parser = token::parse_name)]
    name: Option<String>,
    /// A company and what the user is there: admin, member, customer, or backend; may be given more than once.
    #[arg(long, value_name = "ID:ROLE")]
    company: Vec<Company>,
    /// How long it is good for.
    #[arg(long, value_name = "TIME", default_value_t = Period(Duration::from_hours(1)))]
    ttl: Period,
    /// The template, beside which the issuer's key lies.
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
}

/// Puts a sample event, or a list of them, on the bus of a running stack.
#[derive(Debug, Args)]
pub(crate) struct Emit {
    /// JSON of whole EventBridge events: source, detail-type, detail, and maybe time and resources.
    pub(crate) file: PathBuf,
    /// Where the stack listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3001")]
    pub(crate) endpoint: String,
    /// The bus [default: the running stack's own].
    #[arg(long, value_name = "NAME")]
    pub(crate) bus: Option<String>,
}

/// Says what each operation costs on AWS, and how long it takes, before anything is sent.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// Members of the channel; may be given more than once.
    #[arg(long, value_name = "N", default_values_t = [2, 50, 1_000, 10_000, 100_000], value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) members: Vec<u32>,
    /// Only this operation, e.g. chat, typing, update.
    #[arg(long, value_name = "NAME")]
    pub(crate) operation: Option<String>,
    /// How long a post to a connection takes.
    #[arg(long, value_name = "MS", default_value_t = 10.0, value_parser = milliseconds)]
    pub(crate) post_ms: f64,
    /// How long a call of the table takes.
    #[arg(long, value_name = "MS", default_value_t = 5.0, value_parser = milliseconds)]
    pub(crate) table_ms: f64,
    /// Bytes of a frame as it is posted [default: those of a chat message].
    #[arg(long, value_name = "BYTES")]
    pub(crate) frame_bytes: Option<u32>,
    /// Other prices, in the form of local/src/cost/prices.yaml.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(ms) if (0.0..=60_000.0).contains(&ms) => Ok(ms),
        _ => Err("write it as a number of milliseconds, at most 60000".to_owned()),
    }
}

/// Why a command failed, by whose fault.
pub(crate) enum Failure {
    /// What was given cannot be run: exit code 2, as for a wrong option.
    Input(anyhow::Error),
    /// Anything else: exit code 1.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Parses the command line and does what it says. A failure is one line on stderr.
pub(crate) fn run() -> ExitCode {
    let (code, error) = match execute(Cli::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Input(error)) => (2, error),
        Err(Failure::Other(error)) => (1, error),
    };
    eprintln!("error: {error:#}");
    ExitCode::from(code)
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(options) => runtime()?.block_on(up::run(*options)),
        Command::Emit(options) => runtime()?.block_on(emit::run(&options)).map_err(Failure::Other),
        Command::Cost(options) => cost::run(&options).map_err(Failure::Input),
        Command::Rights(options) => rights::run(&options).map_err(Failure::Other),
        Command::Token(options) => {
            let bearer = Bearer { user: options.user, name: options.name, companies: options.company };
            println!("{}", DevKey::load_or_create(&options.template)?.sign(&bearer, options.ttl.0)?);
            Ok(())
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
