//! The command line: `up`, `token`, `emit`.

mod options;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};

use self::options::Period;
pub(crate) use self::options::Up;
use crate::{
    emit,
    token::{Bearer, Company, DevKey},
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
    Up(Up),
    Token(Token),
    Emit(Emit),
}

/// Prints a token of the dev issuer, for any client of a local stack.
#[derive(Debug, Args)]
struct Token {
    /// Whose token it is.
    #[arg(long, value_name = "ID")]
    user: String,
    /// The name that others see.
    #[arg(long)]
    name: Option<String>,
    /// A company and what the user is there: admin, member or customer; may be given more than once.
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
        Command::Up(options) => runtime()?.block_on(up::run(options)),
        Command::Emit(options) => runtime()?.block_on(emit::run(&options)).map_err(Failure::Other),
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
