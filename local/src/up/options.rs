//! The options of the command `up`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use http::Uri;

use crate::{
    api_gateway::websocket::{
        CONNECTION_MAX, FRAME_BYTES_MAX, IDLE_MAX, INTEGRATION_TIMEOUT, MESSAGE_BYTES_MAX,
    },
    command::{Period, at_least_one, key_value},
    faults::{DelayMsMax, FaultKind, FaultSettings, Rate},
    log::LogFormat,
};

/// Starts the stack with nothing but these options, for a program: prints one line of JSON with its URLs when it is ready,
/// and runs until Ctrl-C. People start it by `dev`.
///
/// A function whose binary is replaced is reloaded; a change of the template needs a restart.
#[derive(Debug, Args)]
pub(crate) struct UpOptions {
    /// The SAM template to run.
    #[arg(long, default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Folder whose .funnelcast has the dev issuer's key [default: the template's].
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// Port of the WebSocket API, of @connections and of every AWS service; 0 takes a free one.
    #[arg(long, default_value_t = 3001)]
    pub(crate) port: u16,
    /// Port of the HTTP API and of the page; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub(crate) http_port: u16,
    /// Folder of a page with an index.html, served on the HTTP port for paths without a route of the HTTP API. The
    /// port's origin is then allowed, unless the parameter `AllowedOrigins` is set.
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,
    /// Folder that keeps tables, queues and unfinished work between runs, even if a run is killed. Without it
    /// everything is in memory and gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of the functions' binaries, as NAME or NAME/bootstrap [default: target/debug beside the template].
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// A parameter of the template; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) parameter: Vec<(String, String)>,
    /// A secret of Secrets Manager that the functions can read by its name; may be repeated. Visible to everyone who
    /// can list this machine's processes.
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) secret: Vec<(String, String)>,
    /// A function of the app's own that the stack's functions may invoke, such as that of `ReviewFunction`: its name, and the
    /// URL on this machine that is posted the event and answers the result; may be repeated.
    #[arg(long, value_name = "NAME=URL", value_parser = own_function)]
    pub(crate) function: Vec<(String, Uri)>,
    /// Also write the line of JSON into this file, which appears with its whole content.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Append a line to this file for each right that a function uses, and for each call that its policies do not
    /// allow; the command `rights` reads it.
    #[arg(long, value_name = "FILE")]
    pub(crate) rights_log: Option<PathBuf>,
    /// Format of log lines, both the stack's and the functions'.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Do not show what the functions log.
    #[arg(long)]
    pub(crate) quiet_functions: bool,
    /// End when stdin closes, so that the stack ends with the program that has started it.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    /// The most processes that a function may have at once; further invocations wait.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub(crate) concurrency: usize,
    /// Delay before the first retry of an asynchronous invocation, doubled for the second; on AWS it is 1m.
    #[arg(long, value_name = "TIME", default_value_t = Period(Duration::from_secs(1)))]
    pub(crate) async_retry_delay: Period,
    /// The longest visibility timeout of a queue [default: as the template says].
    #[arg(long, value_name = "TIME")]
    pub(crate) visibility_max: Option<Period>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
    #[command(flatten)]
    pub(crate) faults: FaultOptions,
}

/// Limits of the WebSocket API; the defaults are AWS's.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the WebSocket API")]
pub(crate) struct LimitOptions {
    /// Time without messages after which a connection is closed (1001).
    #[arg(long, value_name = "TIME", default_value_t = Period(IDLE_MAX))]
    pub(crate) idle_timeout: Period,
    /// Age at which a connection is closed (1001).
    #[arg(long, value_name = "TIME", default_value_t = Period(CONNECTION_MAX))]
    pub(crate) connection_max: Period,
    /// The longest that a route's function may take.
    #[arg(long, value_name = "TIME", default_value_t = Period(INTEGRATION_TIMEOUT))]
    pub(crate) integration_timeout: Period,
    /// Largest message; a larger one closes the connection (1009), and a larger post is refused (413).
    #[arg(long, value_name = "BYTES", default_value_t = MESSAGE_BYTES_MAX, value_parser = at_least_one)]
    pub(crate) message_bytes_max: usize,
    /// Largest frame of a message; a larger one closes the connection (1009).
    #[arg(long, value_name = "BYTES", default_value_t = FRAME_BYTES_MAX, value_parser = at_least_one)]
    pub(crate) frame_bytes_max: usize,
}

/// Faults; none by default. `PUT /_local/faults` changes them while the stack is running.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults (none by default; GET, PUT and DELETE /_local/faults while it runs)")]
pub(crate) struct FaultOptions {
    /// A kind of fault and its rate from 0 to 1; may be repeated.
    ///
    /// `lost_disconnect`       $disconnect is not called
    /// `gone`                  a function's post to an open connection is answered with 410
    /// `throttled`             a function's post is answered with 429, in bursts
    /// `dynamodb_before`       a function's call of DynamoDB is answered with 500 and not carried out
    /// `dynamodb_after`        a function's write is carried out and then answered with 500
    /// `transaction_conflict`  a function's write is refused as if a transaction on its item were under way
    /// `duplicated`            an asynchronous invocation, a batch of a stream or queue, or a bucket's notification is delivered twice
    /// `delayed`               such a delivery is late, possibly after later ones, but never out of an item's order
    /// `killed`                a process is killed during an invocation, or after it and before its response is read
    /// `cut`                   a socket ends without a close frame; the rate is per second and connection
    /// `s3_before`             a function's request of S3, also by its presigned URL, is answered with 500 and not carried out
    /// `s3_after`              such a request is carried out, if it changes an object, and then answered with 500
    /// `s3_slow_down`          such a request is answered with 503 and not carried out
    /// `lost_notification`     a bucket does not tell EventBridge of a change of an object
    #[arg(long, value_name = "KIND=RATE", value_parser = fault, verbatim_doc_comment)]
    pub(crate) fault: Vec<(FaultKind, Rate)>,
    /// The longest delay of `delayed`.
    #[arg(long, value_name = "MS", default_value_t)]
    pub(crate) delay_ms_max: DelayMsMax,
    /// Seed of the faults' random numbers; the same seed makes the same decisions again [default: random, and logged if
    /// there are faults].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl FaultOptions {
    /// The options as settings. If a kind is repeated, the last rate counts.
    pub(crate) fn settings(&self) -> FaultSettings {
        let rates = self.fault.iter().copied().collect();
        FaultSettings { seed: self.seed, delay_ms_max: self.delay_ms_max, rates }
    }
}

fn own_function(text: &str) -> Result<(String, Uri), String> {
    let (name, url) = key_value(text)?;
    match url.parse::<Uri>() {
        Ok(url) if url.scheme_str() == Some("http") && url.host().is_some() => Ok((name, url)),
        _ => Err("must be NAME=URL, such as review=http://127.0.0.1:9000/".to_owned()),
    }
}

fn fault(text: &str) -> Result<(FaultKind, Rate), String> {
    match text.split_once('=') {
        Some((kind, rate)) => Ok((kind.parse()?, rate.parse()?)),
        None => Err("must be KIND=RATE, such as gone=0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        up: UpOptions,
    }

    fn up(options: &[&str]) -> Result<UpOptions, clap::Error> {
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
    fn a_function_of_the_app_is_reached_by_http() {
        let functions = up(&["--function", "review=http://127.0.0.1:9000/x"]).unwrap().function;
        assert_eq!(functions[0].0, "review");
        assert_eq!(functions[0].1.to_string(), "http://127.0.0.1:9000/x");
        for wrong in ["review", "review=", "review=/x", "review=https://app.example/"] {
            assert!(up(&["--function", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn faults_are_read_and_there_are_none_by_default() {
        assert_eq!(up(&[]).unwrap().faults.settings(), FaultSettings::default());
        let options = ["--fault", "gone=0.1", "--fault", "cut=1", "--seed", "7", "--delay-ms-max", "20"];
        let read: FaultSettings =
            serde_json::from_str(r#"{"gone":0.1,"cut":1,"seed":7,"delay_ms_max":20}"#).unwrap();
        assert_eq!(up(&options).unwrap().faults.settings(), read);
        for wrong in ["gone", "gone=2", "went=0.1", "=0.1", "gone="] {
            let error = up(&["--fault", wrong]).unwrap_err().to_string();
            assert!(
                error.contains("a rate must be")
                    || error.contains("KIND=RATE")
                    || error.contains("lost_disconnect"),
                "{error}"
            );
        }
    }
}
