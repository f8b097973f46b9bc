//! The options of `up`.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use crate::{
    faults::{DelayMsMax, Kind, Rate, Settings},
    lambda::LogFormat,
    websocket::{CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, MESSAGE_BYTES_MAX},
};

/// Starts the stack, prints one line of JSON with its URLs when it is ready, and runs until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The SAM template to run.
    #[arg(long, default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Port of the WebSocket API, of @connections and of every AWS service; 0 takes a free one.
    #[arg(long, default_value_t = 3001)]
    pub(crate) port: u16,
    /// Port of the HTTP API and of the page; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub(crate) http_port: u16,
    /// Folder of a page with its index.html, served on the HTTP port where the HTTP API has no route; that port's
    /// origin is then let in, unless `AllowedOrigins` is given.
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,
    /// Folder that keeps tables, queues and unfinished work between runs, also if this one is killed; without it all is
    /// gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of the functions' binaries, as NAME or NAME/bootstrap [default: target/debug beside the template].
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// A parameter of the template; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameter: Vec<(String, String)>,
    /// A secret of Secrets Manager, for the functions to read by its name; may be given more than once. Of this machine
    /// alone: whoever lists its processes sees it.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) secret: Vec<(String, String)>,
    /// Also write the line of JSON into this file, whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Adds a line to this file for each right of a function's policies that it uses, and for each call that they do not
    /// allow; `rights` reads it.
    #[arg(long, value_name = "FILE")]
    pub(crate) rights_log: Option<PathBuf>,
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
    /// The longest that a queue hides a message that a function has taken and not finished [default: as long as its
    /// template says].
    #[arg(long, value_name = "TIME")]
    pub(crate) visibility_max: Option<Period>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
    #[command(flatten)]
    pub(crate) faults: FaultOptions,
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

/// Faults, of which there are none by default. `PUT /_local/faults` sets them anew while the stack runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults (none by default; GET, PUT and DELETE /_local/faults while it runs)")]
pub(crate) struct FaultOptions {
    /// Something that goes wrong, and how often, from 0 to 1; may be given more than once.
    ///
    /// `lost_disconnect`  $disconnect is not called
    /// `gone`             a function's post to a connection that lives is answered 410
    /// `throttled`        a function's post is answered 429, many at a time
    /// `dynamodb_before`  a function's call of DynamoDB is answered 500, and not carried out
    /// `dynamodb_after`   a function's write is carried out, and then answered 500
    /// `duplicated`       an asynchronous invocation, or a batch of a stream or queue, comes twice
    /// `delayed`          it comes late, and so after others, but never out of an item's order
    /// `killed`           a process is killed at a random moment of an invocation, at the latest before its answer is heard
    /// `cut`              a socket ends without a close frame; so often a second and connection
    #[arg(long, value_name = "KIND=RATE", value_parser = fault, verbatim_doc_comment)]
    pub(crate) fault: Vec<(Kind, Rate)>,
    /// The longest that what is `delayed` waits.
    #[arg(long, value_name = "MS", default_value_t)]
    pub(crate) delay_ms_max: DelayMsMax,
    /// What the faults' random numbers start from: one seed makes the same faults again, as nearly as processes allow
    /// [default: drawn, and shown where there are faults].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl FaultOptions {
    /// As the generator takes them; of a kind that was given twice, the last rate.
    pub(crate) fn settings(&self) -> Settings {
        let rates = self.fault.iter().copied().collect();
        Settings { seed: self.seed, delay_ms_max: self.delay_ms_max, rates }
    }
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

fn fault(text: &str) -> Result<(Kind, Rate), String> {
    match text.split_once('=') {
        Some((kind, rate)) => Ok((kind.parse()?, rate.parse()?)),
        None => Err("write it as KIND=RATE, e.g. gone=0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        up: Up,
    }

    fn up(options: &[&str]) -> Result<Up, clap::Error> {
        Cli::try_parse_from([&["up"], options].concat()).map(|cli| cli.up)
    }

    #[test]
    fn defaults_are_awss_limits() {
        let up = up(&[]).unwrap();
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
    #[test]
    fn faults_are_read_and_there_are_none_by_default() {
        assert_eq!(up(&[]).unwrap().faults.settings(), Settings::default());
        let options = ["--fault", "gone=0.1", "--fault", "cut=1", "--seed", "7", "--delay-ms-max", "20"];
        let read: Settings =
            serde_json::from_str(r#"{"gone":0.1,"cut":1,"seed":7,"delay_ms_max":20}"#).unwrap();
        assert_eq!(up(&options).unwrap().faults.settings(), read);
        for wrong in ["gone", "gone=2", "went=0.1", "=0.1", "gone="] {
            let error = up(&["--fault", wrong]).unwrap_err().to_string();
            assert!(
                error.contains("a rate is")
                    || error.contains("KIND=RATE")
                    || error.contains("lost_disconnect"),
                "{error}"
            );
        }
    }
}
