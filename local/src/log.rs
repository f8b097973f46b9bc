//! What the terminal shows, all of it on stderr: the stack's own log lines, and those of the functions with their names.
//!
//! stdout carries only the ready line.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::{Map, Value};
use tracing_subscriber::{EnvFilter, fmt};

use crate::{template::LogLevel, usage::Usage};

/// ANSI colours that are readable on black and on white. A function always has the same colour.
const COLORS: [u8; 10] = [31, 32, 33, 34, 35, 36, 91, 92, 94, 95];
/// The width of the column of the functions' names.
const NAME_WIDTH: usize = 10;

/// The form of log lines: the stack's own, and those that functions are told to write (`AWS_LAMBDA_LOG_FORMAT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Sends the stack's own log lines to stderr. `RUST_LOG` selects them; the default is `info` and above, without the
/// lines by which `s3s` reports each refusal as an error.
pub(crate) fn init(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,dynoxide=error,s3s=off"));
    // The stack runs on if stderr is closed, as it is with its terminal: to say so would be to write there, and to panic.
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    let lines = lines.with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).compact().init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// Shows what functions print, and counts it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct FunctionLog {
    style: Style,
    usage: Arc<Usage>,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Hidden,
    Plain,
    Colored,
    Json,
}

impl FunctionLog {
    /// `quiet` hides all lines of the functions. There are colours only if stderr is a terminal.
    pub(crate) fn new(format: LogFormat, quiet: bool, usage: Arc<Usage>) -> Self {
        let style = match format {
            _ if quiet => Style::Hidden,
            LogFormat::Json => Style::Json,
            LogFormat::Text if io::stderr().is_terminal() => Style::Colored,
            LogFormat::Text => Style::Plain,
        };
        Self { style, usage }
    }

    /// Shows and counts a line that the function `name` wrote to stdout or stderr, unless its level is below `least`.
    pub(crate) fn line(&self, name: &str, line: &str, least: LogLevel) {
        if least > LogLevel::Trace && level_of(line) < least {
            return;
        }
        self.usage.logged(name, line.len());
        if let Some(shown) = self.style.show(name, line) {
            // The stack runs on if stderr is closed.
            let _ = writeln!(io::stderr().lock(), "{shown}");
        }
    }
}

impl Style {
    fn show(self, name: &str, line: &str) -> Option<String> {
        match self {
            Self::Hidden => None,
            Self::Plain => Some(format!("{name:>NAME_WIDTH$} | {line}")),
            Self::Colored => Some(format!("\x1b[{}m{name:>NAME_WIDTH$} |\x1b[0m {line}", color(name))),
            Self::Json => Some(named(name, line).to_string()),
        }
    }
}

/// The level of a function's line: the member `level` of JSON or the first word of text, otherwise INFO, as on AWS.
fn level_of(line: &str) -> LogLevel {
    #[derive(Deserialize)]
    struct Leveled {
        level: String,
    }
    let level = match serde_json::from_str(line) {
        Ok(Leveled { level }) => LogLevel::named(&level),
        Err(_) => line.split_whitespace().next().and_then(LogLevel::named),
    };
    level.unwrap_or(LogLevel::Info)
}

/// The line as JSON with the function's name: a JSON line gets a member, and any other becomes the message.
fn named(name: &str, line: &str) -> Value {
    let mut object = match serde_json::from_str(line) {
        Ok(Value::Object(object)) => object,
        _ => Map::from_iter([("message".to_owned(), Value::from(line))]),
    };
    object.insert("function".to_owned(), Value::from(name));
    Value::Object(object)
}

fn color(name: &str) -> u8 {
    // FNV-1a, as the standard library's hasher may change.
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    COLORS[hash as usize % COLORS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_names_the_function() {
        assert_eq!(Style::Hidden.show("send", "hello"), None);
        assert_eq!(Style::Plain.show("send", "hello").as_deref(), Some("      send | hello"));
        assert_eq!(
            Style::Json.show("send", r#"{"level":"INFO"}"#).as_deref(),
            Some(r#"{"function":"send","level":"INFO"}"#)
        );
        assert_eq!(
            Style::Json.show("send", "oops").as_deref(),
            Some(r#"{"function":"send","message":"oops"}"#)
        );
    }

    #[test]
    fn a_line_has_a_level() {
        for (line, level) in [
            (r#"{"level":"DEBUG","message":"m"}"#, LogLevel::Debug),
            (r#"{"_aws":{}}"#, LogLevel::Info),
            ("DEBUG invoke: m", LogLevel::Debug),
            ("  WARN m", LogLevel::Warn),
            ("thread 'main' panicked", LogLevel::Info),
            ("", LogLevel::Info),
        ] {
            assert_eq!(level_of(line), level, "{line}");
        }
        assert!(LogLevel::Trace < LogLevel::Debug && LogLevel::Error < LogLevel::Fatal);
    }

    #[test]
    fn a_colour_belongs_to_a_name() {
        assert_eq!(color("send"), color("send"));
        assert_ne!(color("send"), color("join"));
    }
}
