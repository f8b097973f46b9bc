//! The payload of `app.event` and `app.signal`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{limits::LABEL_BYTES_MAX, message::check_json};
use crate::{Error, text::Text};

limits! {
    /// The largest `payload` of an `app.event` or `app.signal`, in bytes of JSON.
    pub const APP_PAYLOAD_BYTES_MAX: usize = 16 * 1024;
}

/// The draft of `app.event` and `app.signal`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AppEventDraft {
    /// The name of the event, which the app chooses.
    pub name: Text<LABEL_BYTES_MAX>,
    /// The content, at most [`APP_PAYLOAD_BYTES_MAX`] bytes of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// An event whose meaning the app defines: `app.event` is kept, `app.signal` is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AppEvent {
    /// The name of the event, which the app chooses.
    pub name: Text<LABEL_BYTES_MAX>,
    /// The content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

impl AppEventDraft {
    /// The event, whose payload is within its limit. That limit is not part of the type, because it has an error code of
    /// its own.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the payload is.
    pub fn into_event(self) -> Result<AppEvent, Error> {
        let Self { name, payload } = self;
        if let Some(payload) = &payload {
            check_json(payload, "payload", APP_PAYLOAD_BYTES_MAX)?;
        }
        Ok(AppEvent { name, payload })
    }
}
