//! The one error type.
//!
//! Its [`code`](Error::code) and [`public_message`](Error::public_message) go to the caller, its `Display` to the log. They differ
//! only for [`Error::Internal`], whose text is for the log alone.

use std::borrow::Cow;

use serde_json::Value;

/// Why a request is refused, from the caller's point of view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
pub enum Error {
    /// The request, or a field of it, is malformed. The text names the field and says what is right.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// A field is malformed: `field` says which, `reason` what it must be.
    #[cfg_attr(feature = "schema", schemars(skip))] // its code is `bad_request` too
    #[error("{field} {reason}")]
    Invalid {
        /// The path of the field, e.g. `data.funnelName`.
        field: String,
        /// What is wrong with it, as the end of a sentence that begins with the field.
        reason: Cow<'static, str>,
    },
    /// There is no such action or, by HTTP, no such method of the path.
    #[error("there is no such action")]
    UnknownAction,
    /// The channel is neither `system` nor `kind:id` with a kind that exists and a well-formed id.
    // The text completes a sentence that begins with the field.
    #[error("channel {0}")]
    InvalidChannel(&'static str),
    /// There is no valid token, or it has expired.
    #[error("{0}")]
    Unauthorized(Cow<'static, str>),
    /// The policy does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The user may join this channel, but not send in it.
    #[error("you may not send here{}", terms(until.as_deref(), reason.as_deref()))]
    Muted {
        /// When they may again, as the wire writes times; never, if there is no such time.
        until: Option<String>,
        /// The reason, as the team or the backend gave it.
        reason: Option<String>,
    },
    /// The user may neither join this channel nor send in it, nor read it.
    #[error("you are banned here{}", terms(until.as_deref(), reason.as_deref()))]
    Banned {
        /// When they may join again, as the wire writes times; never, if there is no such time.
        until: Option<String>,
        /// The reason, as the team or the backend gave it.
        reason: Option<String>,
    },
    /// The app's own function does not let this message be kept.
    #[error("this message was refused{}", terms(None, reason.as_deref()))]
    Refused {
        /// The reason, as the function gave it.
        reason: Option<String>,
    },
    /// The action needs a membership of the channel.
    #[error("join the channel first")]
    NotJoined,
    /// What the request names does not exist, or not for this caller.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// A part of the request is larger than its limit in bytes.
    #[error("{what} must be at most {bytes_max} bytes")]
    TooLarge {
        /// The part that is too large: the path of a field, or words such as `the body`.
        what: Cow<'static, str>,
        /// The limit of that part.
        bytes_max: usize,
    },
    /// There are too many requests, or they have cost too much.
    #[error("too many requests; try again in {retry_after_ms} ms")]
    RateLimited {
        /// When to try again, in milliseconds from now.
        retry_after_ms: u64,
    },
    /// The state does not allow the request. The text says what to do.
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The call of the conversation does not allow the change.
    #[cfg_attr(feature = "schema", schemars(skip))] // its code is `conflict` too
    #[error("{reason}")]
    InCall {
        /// What to do.
        reason: &'static str,
        /// The call, as it is now and as clients receive it.
        call: Value,
    },
    /// The server failed. The reason is in its log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The code on the wire, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::Invalid { .. } => "bad_request",
            Self::UnknownAction => "unknown_action",
            Self::InvalidChannel(_) => "invalid_channel",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::Muted { .. } => "muted",
            Self::Banned { .. } => "banned",
            Self::Refused { .. } => "refused",
            Self::NotJoined => "not_joined",
            Self::NotFound(_) => "not_found",
            Self::TooLarge { .. } => "too_large",
            Self::RateLimited { .. } => "rate_limited",
            Self::Conflict(_) | Self::InCall { .. } => "conflict",
            Self::Internal(_) => "internal",
        }
    }

    /// The status of an HTTP response with this error (RFC 9110, section 15).
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) | Self::Invalid { .. } | Self::InvalidChannel(_) => 400,
            Self::Unauthorized(_) => 401,
            Self::Forbidden(_)
            | Self::Muted { .. }
            | Self::Banned { .. }
            | Self::Refused { .. }
            | Self::NotJoined => 403,
            Self::NotFound(_) => 404,
            Self::UnknownAction => 405,
            Self::Conflict(_) | Self::InCall { .. } => 409,
            Self::TooLarge { .. } => 413,
            Self::RateLimited { .. } => 429,
            Self::Internal(_) => 500,
        }
    }

    /// The path of the field that is at fault, if it is one field.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::TooLarge { what, .. } if !what.contains(' ') => Some(what),
            Self::InvalidChannel(_) => Some("channel"),
            _ => None,
        }
    }

    /// An [`Invalid`](Error::Invalid). The field's name may come from the caller, so it is put in one line and cut.
    pub fn invalid(field: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        const FIELD_BYTES_MAX: usize = 128;
        let field = &field[..field.floor_char_boundary(FIELD_BYTES_MAX)];
        let field = field.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self::Invalid { field, reason: reason.into() }
    }

    /// This error as an error of `field`, if it has no field yet.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        match self {
            Self::BadRequest(text) => Self::invalid(field, Self::as_reason(text.into_owned())),
            other => other,
        }
    }

    /// This error with its field, if it has one, as a field of `parent`.
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

    /// A text as the end of a sentence that begins with the field.
    pub(crate) fn as_reason(text: String) -> String {
        if text.starts_with("must ") { text } else { format!("is not valid: {text}") }
    }

    /// Whether the same request may succeed later: after [`Internal`](Error::Internal) and [`RateLimited`](Error::RateLimited).
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::RateLimited { .. })
    }

    /// The text on the wire, for people. It never tells the reason of an [`Internal`](Error::Internal).
    pub fn public_message(&self) -> String {
        match self {
            Self::Internal(_) => "the server failed; try again".to_owned(),
            other => other.to_string(),
        }
    }

    /// A [`BadRequest`](Error::BadRequest) with the message of `serde_json`. Quoted values are left out, because users' texts do
    /// not belong in a log. Names of fields are kept, in one line and cut.
    pub fn from_serde(error: &serde_json::Error) -> Self {
        const MESSAGE_CHARS_MAX: usize = 200;
        let mut text = error.to_string();
        if let (Some(from), Some(to)) = (text.find('"'), text.rfind('"')) {
            text.replace_range(from..=to, "...");
        }
        let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self::BadRequest(line.take(MESSAGE_CHARS_MAX).collect::<String>().into())
    }

    /// An [`Unauthorized`](Error::Unauthorized) for a connection that is no longer in the table.
    pub const fn connection_ended() -> Self {
        Self::Unauthorized(Cow::Borrowed("this connection has ended; connect again"))
    }

    /// An [`Internal`](Error::Internal) with the text of an error and of its causes.
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

/// Until when and why, as the end of a sentence.
fn terms(until: Option<&str>, reason: Option<&str>) -> String {
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    until + &reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_internal_error_is_not_public() {
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
