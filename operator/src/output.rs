//! What is printed: text for people or JSON for programs on stdout, and progress on stderr.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;

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
    pub(crate) fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        let shown = if self.is_json { serde_json::to_string_pretty(value)? } else { text(value) };
        println!("{}", shown.trim_end());
        Ok(())
    }
}

/// Rows as columns of the same width, below a header.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
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
            eprintln!("{done} {} ...", self.what);
            self.last = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
