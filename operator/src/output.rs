//! What is printed: text for people or JSON for programs on stdout, and progress on stderr. Nothing else writes there.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use funnelcast_core::Error;
use serde::Serialize;

/// What fails if nothing can be printed.
const STDOUT: &str = "the output could not be written";

/// How a command prints what it has found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    is_json: bool,
}

impl Output {
    pub(crate) const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Prints `value` as JSON, or else the text that `text` makes of it.
    ///
    /// # Errors
    /// The [`io::Error`] of stdout, by which [`is_reader_gone`] knows a broken pipe.
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let shown =
            if self.is_json { serde_json::to_string_pretty(value)? } else { printable(&text(value), "\n") };
        let mut out = io::stdout().lock();
        writeln!(out, "{}", shown.trim_end()).and_then(|()| out.flush()).context(STDOUT)
    }
}

/// Lines of JSON on stdout. It is kept why writing has failed, as whoever exports knows no [`io::Error`].
pub(crate) struct Lines<W: Write> {
    out: W,
    written: usize,
    progress: Progress,
    failed: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    /// Lines that are written to `out`.
    pub(crate) fn to(out: W) -> Self {
        Self { out, written: 0, progress: Progress::of("lines written"), failed: None }
    }

    /// Writes a line.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let written = serde_json::to_vec(line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.out.write_all(&line)
        });
        if let Err(error) = written {
            let told = Error::internal(STDOUT, &error);
            self.failed = Some(error);
            return Err(told);
        }
        self.written += 1;
        self.progress.at(self.written);
        Ok(())
    }

    /// The end of what `outcome` came of. How many lines there are, or why not all are written.
    pub(crate) fn end<T>(mut self, outcome: Result<T, Error>) -> Result<usize> {
        if let Some(error) = self.failed {
            return Err(error).context(STDOUT);
        }
        outcome?;
        self.out.flush().context(STDOUT)?;
        Ok(self.written)
    }
}

/// Says something on stderr, besides what a command prints. If nobody can read that, nothing is lost.
pub(crate) fn say(what: impl Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Whether a command ended because whoever read its output has gone away, as `head` does.
pub(crate) fn is_reader_gone(error: &anyhow::Error) -> bool {
    // Not its causes: a connection to AWS may break as well.
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Text in which control characters are escaped but those of `but`: others have written it, and a terminal obeys it.
pub(crate) fn printable(text: &str, but: &str) -> String {
    let escaped = |c: char| {
        if c.is_control() && !but.contains(c) { c.escape_default().to_string() } else { c.to_string() }
    };
    text.chars().map(escaped).collect()
}

/// Rows as columns of the same width, below a header.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| std::array::from_fn(|column| printable(&row[column], ""))).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(header)).chain(rows).collect()
}

/// `1 letter`, `2 letters`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A line on stderr that says how far a command has come, every second at most, and only where a person is looking.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    is_shown: bool,
    last: Option<Instant>,
}

impl Progress {
    const PAUSE: Duration = Duration::from_secs(1);

    /// The progress of `what`, such as `connections read`.
    pub(crate) fn of(what: &'static str) -> Self {
        Self { what, is_shown: std::io::stderr().is_terminal(), last: Some(Instant::now()) }
    }

    /// Says that so many are done.
    pub(crate) fn at(&mut self, done: usize) {
        if self.is_shown && self.last.is_none_or(|last| last.elapsed() >= Self::PAUSE) {
            say(format_args!("{done} {} ...", self.what));
            self.last = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose other end is closed, or a disk that is full.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broken_pipe_is_told_from_other_errors() {
        for (kind, is_gone) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            let mut lines = Lines::to(Failing(kind));
            let outcome = lines.write(&1);
            let error = lines.end(outcome).unwrap_err();
            assert_eq!(is_reader_gone(&error), is_gone, "{error:#}");
        }
        let mut lines = Lines::to(Vec::new());
        let outcome = lines.write(&"x");
        assert_eq!(lines.end(outcome).unwrap(), 1);
        assert!(!is_reader_gone(&anyhow::anyhow!("broken pipe")));
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let rows = [["a\nb".to_owned(), "\u{1b}[31mred\u{9b}".to_owned()]];
        assert_eq!(table(["x", "y"], &rows), "x     y\na\\nb  \\u{1b}[31mred\\u{9b}\n");
        assert_eq!(printable("Été\n\r", "\n"), "Été\n\\r");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["user_1".to_owned(), "c1=".to_owned()], ["u".to_owned(), "connection".to_owned()]];
        assert_eq!(
            table(["user", "connection"], &rows),
            "user    connection\nuser_1  c1=\nu       connection\n"
        );
        assert_eq!((count(1, "letter"), count(2, "letter")), ("1 letter".to_owned(), "2 letters".to_owned()));
    }
}
