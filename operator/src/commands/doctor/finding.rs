//! A mistake that was found, and what to do about it.

use serde::Serialize;

/// How bad a mistake is. A later one is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Severity {
    /// Something to know.
    Note,
    /// Nobody is refused or loses anything today.
    Warning,
    /// Somebody is refused, or something is lost or does not arrive.
    Error,
}

impl Severity {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The name of the check, such as `origins.form`, which stays the same.
    pub(super) code: &'static str,
    /// What is wrong, and where.
    pub(super) message: String,
    /// What to do.
    pub(super) todo: String,
}

impl Finding {
    pub(super) fn error(code: &'static str, message: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), todo: todo.into() }
    }

    pub(super) fn warning(code: &'static str, message: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message, todo) }
    }

    pub(super) fn note(code: &'static str, message: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, message, todo) }
    }

    /// An error of a stage that serves customers, and a warning of one for development.
    pub(super) fn graver_if(self, is_grave: bool) -> Self {
        Self { severity: if is_grave { Severity::Error } else { Severity::Warning }, ..self }
    }
}
