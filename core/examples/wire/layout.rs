//! TypeScript declarations, laid out as the client's formatter would: what is generated need not be formatted again.

use std::fmt::{Result, Write as _};

/// The formatter's longest line, in columns.
const LINE_MAX: usize = 110;

/// The text of a file.
#[derive(Default)]
pub(crate) struct Source(String);

/// A field of an interface.
pub(crate) struct Field {
    /// The documentation.
    pub(crate) about: Option<String>,
    pub(crate) name: String,
    pub(crate) presence: Presence,
    /// The text of its type.
    pub(crate) type_: String,
}

/// Whether a field may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// One of the types of a union.
pub(crate) struct Variant {
    /// The documentation.
    pub(crate) about: Option<String>,
    /// The text of the type.
    pub(crate) type_: String,
}

impl Source {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// A text that is laid out already.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    pub(crate) fn section(&mut self, title: &str) -> Result {
        writeln!(self.0, "\n// {:-<66} {title}", "")
    }

    /// An interface; a type without fields is none.
    pub(crate) fn interface(&mut self, name: &str, about: Option<&str>, fields: &[Field]) -> Result {
        self.0.push('\n');
        self.comment("", about)?;
        if fields.is_empty() {
            return writeln!(self.0, "export type {name} = Record<never, never>;");
        }
        writeln!(self.0, "export interface {name} {{")?;
        for Field { about, name, presence, type_ } in fields {
            self.comment("  ", about.as_deref())?;
            let name = if name.contains('.') { quoted(name) } else { name.clone() };
            let mark = if *presence == Presence::Optional { "?" } else { "" };
            let line = format!("  {name}{mark}: {type_};");
            if line.len() <= LINE_MAX {
                writeln!(self.0, "{line}")?;
            } else {
                writeln!(self.0, "  {name}{mark}:\n    | {};", type_.replace(" | ", "\n    | "))?;
            }
        }
        writeln!(self.0, "}}")
    }

    /// A constant.
    pub(crate) fn constant(&mut self, name: &str, about: &str, value: &str) -> Result {
        self.0.push('\n');
        self.comment("", Some(about))?;
        let line = format!("export const {name} = {value};");
        if line.lines().all(|line| line.len() <= LINE_MAX) {
            writeln!(self.0, "{line}")
        } else {
            writeln!(self.0, "export const {name} =\n  {value};")
        }
    }

    /// A name for another type.
    pub(crate) fn alias(&mut self, name: &str, about: Option<&str>, type_: &str) -> Result {
        self.0.push('\n');
        self.comment("", about)?;
        writeln!(self.0, "export type {name} = {type_};")
    }

    /// A name for one of several types.
    pub(crate) fn union(&mut self, name: &str, about: Option<&str>, variants: &[Variant]) -> Result {
        self.0.push('\n');
        self.comment("", about)?;
        write!(self.0, "export type {name} =")?;
        for Variant { about, type_ } in variants {
            self.0.push('\n');
            self.comment("  ", about.as_deref())?;
            write!(self.0, "  | {type_}")?;
        }
        writeln!(self.0, ";")
    }

    /// A comment in one line where it fits, else in paragraphs.
    fn comment(&mut self, margin: &str, text: Option<&str>) -> Result {
        let Some(text) = text else { return Ok(()) };
        let line = format!("{margin}/** {text} */");
        if line.len() <= LINE_MAX && !text.contains('\n') {
            return writeln!(self.0, "{line}");
        }
        writeln!(self.0, "{margin}/**")?;
        for paragraph in text.split('\n') {
            let mut line = format!("{margin} *");
            for word in paragraph.split_whitespace() {
                if line.len() + 1 + word.len() > LINE_MAX {
                    writeln!(self.0, "{line}")?;
                    line = format!("{margin} *");
                }
                line.push(' ');
                line.push_str(word);
            }
            writeln!(self.0, "{line}")?;
        }
        writeln!(self.0, "{margin} */")
    }
}

/// A string as a type of its own.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{text}'")
}
