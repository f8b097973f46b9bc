//! The one error type. Its [`code`](Error::code) and [`public_message`](Error::public_message) go to the caller;
//! its `Display` goes to the log. The two differ only for [`Error::Internal`], whose text never leaves the house.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::parse::parse;

/// What can go wrong, from the caller's point of view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
pub enum Error {
    /// The frame, or a field of it, is not what the protocol says. The text names the field.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// A field is not what the protocol says: `field` is where, `reason` what it must be.
    #[cfg_attr(feature = "schema", schemars(skip))] // its code is `bad_request` too
    #[error("{field} {reason}")]
    Invalid {
        /// The field, by its path, e.g. `data.funnelName`.
        field: String,
        /// What is wrong with it, as the rest of a sentence that begins with the field.
        reason: Cow<'static, str>,
    },
    /// The frame names an action that is no route of this API.
    #[error("unknown action")]
    UnknownAction,
    /// Not `kind` or `kind:id` of a kind and id that exist.
    #[error("invalid channel: {0}")]
    InvalidChannel(&'static str),
    /// No identity, or one that has expired.
    #[error("{0}")]
    Unauthorized(Cow<'static, str>),
    /// The policy says no.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The action needs a membership in the channel.
    #[error("join the channel first")]
    NotJoined,
    /// What the request names does not exist.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// A part of the request is larger than its limit in bytes.
    #[error("{what} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The part that is too large: a field by its path, or in words, as `the body`.
        what: Cow<'static, str>,
        /// Its limit.
        bytes_max: usize,
    },
    /// Too fast.
    #[error("too many requests")]
    RateLimited {
        /// When to try again, in milliseconds from now.
        retry_after_ms: u64,
    },
    /// The request contradicts the present state; the text says what to do.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// Ours. What went wrong is for the log alone.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The code on the wire: the part that programs read.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::Invalid { .. } => "bad_request",
            Self::UnknownAction => "unknown_action",
            Self::InvalidChannel(_) => "invalid_channel",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotJoined => "not_joined",
            Self::NotFound(_) => "not_found",
            Self::TooLarge { .. } => "too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::Conflict(_) => "conflict",
            Self::Internal(_) => "internal",
        }
    }

    /// The status of an HTTP response that says so (RFC 9110, 15).
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) | Self::Invalid { .. } | Self::InvalidChannel(_) => 400,
            Self::Unauthorized(_) => 401,
            Self::Forbidden(_) | Self::NotJoined => 403,
            Self::NotFound(_) => 404,
            Self::UnknownAction => 405,
            Self::Conflict(_) => 409,
            Self::TooLarge { .. } => 413,
            Self::RateLimited { .. } => 429,
            Self::Internal(_) => 500,
        }
    }

    /// The field that it is about, by its path, where it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::TooLarge { what, .. } if !what.contains(' ') => Some(what),
            Self::InvalidChannel(_) => Some("channel"),
            _ => None,
        }
    }

    /// An [`Invalid`](Error::Invalid), whose field may be named by a stranger: in one line, and cut short.
    pub fn invalid(field: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        const FIELD_BYTES_MAX: usize = 128;
        let field = &field[..field.floor_char_boundary(FIELD_BYTES_MAX)];
        let field = field.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self::Invalid { field, reason: reason.into() }
    }

    /// The same said of this field, where it is said of none yet.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        match self {
            Self::BadRequest(text) => Self::invalid(field, Self::as_reason(text.into_owned())),
            other => other,
        }
    }

    /// The same with its field, where it has one, as a field of `parent`.
    #[must_use]
    pub fn within(self, parent: &str) -> Self {
        match self {
            Self::Invalid { field, reason } => Self::Invalid { field: format!("{parent}.{field}"), reason },
            Self::TooLarge { what, bytes_max } if !what.contains(' ') => {
                Self::TooLarge { what: format!("{parent}.{what}").into(), bytes_max }
            }
            other => other,
        }
    }

    /// A text as the rest of a sentence that begins with the field.
    pub(crate) fn as_reason(text: String) -> String {
        if text.starts_with("must ") { text } else { format!("is not valid: {text}") }
    }

    /// Whether the same request may succeed later: what went wrong is ours, or was too fast. All else is refused for good.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::RateLimited { .. })
    }

    /// The text on the wire: the part that people read. Never says what went wrong inside.
    pub fn public_message(&self) -> String {
        match self {
            Self::Internal(_) => "something went wrong on our side; try again".to_owned(),
            other => other.to_string(),
        }
    }

    /// A [`BadRequest`](Error::BadRequest) from what `serde` found. Values that it quotes are left out, because what people
    /// write belongs in no log; names of fields stay, in one line and cut short.
    pub fn from_serde(error: &serde_json::Error) -> Self {
        const MESSAGE_CHARS_MAX: usize = 200;
        let mut text = error.to_string();
        if let (Some(from), Some(to)) = (text.find('"'), text.rfind('"')) {
            text.replace_range(from..=to, "...");
        }
        let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self::BadRequest(line.take(MESSAGE_CHARS_MAX).collect::<String>().into())
    }

    /// Parses what somebody outside has sent, or says what is wrong with which field.
    pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Self> {
        parse(value, "")
    }

    /// The same of a part of it, which is called `root`.
    pub fn parse_at<T: DeserializeOwned>(root: &str, value: Value) -> Result<T, Self> {
        parse(value, root)
    }

    /// [`Unauthorized`](Error::Unauthorized), because the connection is not in the table any more.
    pub const fn connection_ended() -> Self {
        Self::Unauthorized(Cow::Borrowed("this connection has ended; connect again"))
    }

    /// An [`Internal`](Error::Internal) from anything that can be printed with its causes.
    pub fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Internal(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let error = Error::Internal("table funnelcast-dev is on fire".into());
        assert_eq!(error.code(), "internal");
        assert!(!error.public_message().contains("fire"));
        assert!(error.to_string().contains("fire"));
    }

    #[test]
    fn a_serde_message_has_no_values_and_is_one_line() {
        let message = |json: &str| {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, u8>>(json).unwrap_err();
            Error::from_serde(&error).public_message()
        };
        assert!(message(r#"{"a": "my secret"}"#).starts_with("invalid type: string ..., expected u8"));
        assert!(
            message(r#"{"a": "my \"secret\" here"}"#).starts_with("invalid type: string ..., expected u8")
        );
        let named = serde_json::from_str::<crate::action::Status>("{\"a\\nb\":1}").unwrap_err();
        let named = Error::from_serde(&named).public_message();
        assert!(named.contains("unknown field `a b`"), "{named}");
    }

    #[test]
    fn a_serde_message_is_cut() {
        let long = format!("\"{}\"", "x".repeat(10_000));
        let error = serde_json::from_str::<u8>(&long).unwrap_err();
        assert!(Error::from_serde(&error).public_message().len() <= 200);
    }
}
