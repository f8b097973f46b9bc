//! The command line: `up`, `token`, `emit`.

use std::{fmt, path::PathBuf, process::ExitCode, str::FromStr, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::{
    emit,
    lambda::LogFormat,
    token::{Bearer, Company, DevKey},
    up,
    websocket::{CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, MESSAGE_BYTES_MAX},
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

/// Starts the stack, prints one line of JSON with its URLs when it is ready, and runs until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The SAM template to run.
    #[arg(long, default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Port of the WebSocket API, of @connections and of every AWS service; 0 takes a free one.
    #[arg(long, default_value_t = 3001)]
    pub(crate) port: u16,
    /// Port of the HTTP API; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub(crate) http_port: u16,
    /// Folder that keeps the data between runs; without it all is gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of the functions' binaries, as NAME or NAME/bootstrap [default: target/debug beside the template].
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// A parameter of the template; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameter: Vec<(String, String)>,
    /// Also write the line of JSON into this file, whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Form of the log, ours and the functions'.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) log_format: Format,
    /// Do not show what the functions log.
    #[arg(long)]
    pub(crate) quiet_functions: bool,
    /// End when stdin does: for a test that starts this and may itself be killed.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    /// Processes that a function may have at once; further invocations wait.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub(crate) concurrency: usize,
    /// Before the first retry of an asynchronous invocation, the second waits twice that; on AWS it is 1m.
    #[arg(long, value_name = "TIME", default_value_t = Period(Duration::from_secs(1)))]
    pub(crate) async_retry_delay: Period,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
}

/// Limits of the WebSocket API, by default AWS's own.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the WebSocket API")]
pub(crate) struct LimitOptions {
    /// Silence after which a connection is closed (1001).
    #[arg(long, value_name = "TIME", default_value_t = Period(IDLE_MAX))]
    pub(crate) idle_timeout: Period,
    /// Age at which a connection is closed (1001).
    #[arg(long, value_name = "TIME", default_value_t = Period(CONNECTION_MAX))]
    pub(crate) connection_max: Period,
    /// Time that a route may take.
    #[arg(long, value_name = "TIME", default_value_t = Period(INTEGRATION_TIMEOUT))]
    pub(crate) integration_timeout: Period,
    /// Size of a message; a larger one closes the connection (1009), a larger post is refused (413).
    #[arg(long, value_name = "BYTES", default_value_t = MESSAGE_BYTES_MAX, value_parser = at_least_one)]
    pub(crate) message_bytes_max: usize,
    /// Size of one frame of a message; a larger one closes the connection (1009).
    #[arg(long, value_name = "BYTES", default_value_t = FRAME_BYTES_MAX, value_parser = at_least_one)]
    pub(crate) frame_bytes_max: usize,
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

/// A length of time, written as `500ms`, `29s`, `10m` or `2h`. Never nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period(pub(crate) Duration);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let period: SignedDuration =
            text.parse().map_err(|_| "write it as 500ms, 29s, 10m or 2h".to_owned())?;
        match Duration::try_from(period) {
            Ok(period) if !period.is_zero() => Ok(Self(period)),
            _ => Err("it must be more than nothing".to_owned()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = SignedDuration::try_from(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{period:#}")
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
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

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as Key=Value".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_are_awss_limits() {
        let Command::Up(up) = Cli::parse_from(["funnelcast-local", "up"]).command else { panic!("no up") };
        let limits = up.limits;
        assert_eq!(limits.idle_timeout, Period(Duration::from_mins(10)));
        assert_eq!(limits.connection_max, Period(Duration::from_hours(2)));
        assert_eq!(limits.integration_timeout, Period(Duration::from_secs(29)));
        assert_eq!((limits.message_bytes_max, limits.frame_bytes_max), (131_072, 32_768));
        assert_eq!((up.port, up.http_port), (3001, 3000));
    }

    #[test]
    fn periods_and_parameters_are_checked() {
        for text in ["500ms", "29s", "10m", "2h"] {
            assert_eq!(text.parse::<Period>().map(|period| period.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["", "10", "-1s", "0s", "soon"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
        assert_eq!(parameter("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(parameter("A").is_err() && parameter("=b").is_err());
        assert!(at_least_one("0").is_err() && at_least_one("x").is_err());
    }
}
