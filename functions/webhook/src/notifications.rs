//! The notifications about webhooks, configured in `notifications.json`, which can be changed without Rust.
//!
//! An entry for a type of webhook has `to`, the channel (`user:` or `company:`), and the `level`, `title`, `message`
//! and optionally `url` of the notification. Each `{/pointer}` in them is replaced by the webhook's value at that
//! pointer (RFC 6901).

use std::collections::BTreeMap;

use funnelcast_core::{
    Channel, Error, Key, Timestamp,
    event::{EventName, Level},
    publication::{Publication, Times},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::envelope::{Envelope, path};

/// The templates, by the type of the webhook.
#[derive(Debug)]
pub(crate) struct Notifications(BTreeMap<String, Template>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    to: String,
    level: Level,
    title: String,
    message: String,
    #[serde(default)]
    url: Option<String>,
}

/// A notification that is ready to be published.
#[derive(Debug)]
pub(crate) struct Notification {
    pub(crate) channel: Channel,
    pub(crate) event: EventName,
    pub(crate) data: Value,
}

impl Notifications {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Internal`] if the file is invalid, which a test notices first.
    pub(crate) fn from_file() -> Result<Self, Error> {
        let file = serde_json::from_str(include_str!("../notifications.json"));
        file.map(Self).map_err(|error| Error::internal("notifications.json", &error))
    }

    /// The notification about a webhook; `None` if there is none for its type.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the webhook lacks a value that the template needs, or if the result is no valid
    /// notification.
    pub(crate) fn notification(
        &self,
        webhook: &Envelope,
        id: &Key,
        at: Timestamp,
    ) -> Result<Option<Notification>, Error> {
        let Some(Template { to, level, title, message, url }) = self.0.get(&webhook.kind) else {
            return Ok(None);
        };
        let fill = |template: &str| fill(template, &webhook.all);
        let channel: Channel = fill(to)?.parse()?;
        let mut data = json!({
            "id": id.as_str(), "level": level, "title": fill(title)?, "message": fill(message)?, "timestamp": at,
        });
        if let Some(url) = url {
            data["url"] = fill(url)?.into();
        }
        let event = match &channel {
            Channel::User(user) => {
                data["userId"] = user.as_str().into();
                EventName::UserNotification
            }
            _ => EventName::SystemNotification,
        };
        // Checked as `broadcast` will, so that an invalid notification is noticed here.
        Publication::from_outbox(channel.clone(), event, data.clone(), id.clone(), None, Times::at(at))?;
        Ok(Some(Notification { channel, event, data }))
    }
}

/// Fills the values of the webhook into a template.
fn fill(template: &str, webhook: &Value) -> Result<String, Error> {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once("{/") {
        let (pointer, after) =
            after.split_once('}').ok_or(Error::BadRequest("a `{/` without its `}`".into()))?;
        text.push_str(before);
        match webhook.pointer(&format!("/{pointer}")) {
            Some(Value::String(value)) => text.push_str(value),
            Some(Value::Number(value)) => text.push_str(&value.to_string()),
            _ => return Err(Error::invalid(&path(&format!("/{pointer}")), "must be a string or a number")),
        }
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::EPOCH;

    fn notification(body: &str) -> Result<Option<Notification>, Error> {
        let webhook = Envelope::parse(body).unwrap();
        Notifications::from_file().unwrap().notification(&webhook, &"msg_1".parse().unwrap(), AT)
    }

    /// Every entry of the file yields a notification, for a webhook that has all fields of Whop's.
    #[test]
    fn every_entry_of_the_file_is_a_notification() {
        let file = Notifications::from_file().unwrap();
        assert!(!file.0.is_empty());
        for kind in file.0.keys() {
            let data =
                json!({"id": "id_1", "user": {"id": "user_1"}, "product": {"id": "prod_1", "title": "Gold"}});
            let webhook = json!({"id": "evt_1", "type": kind, "company_id": "biz_1", "data": data});
            let notification = notification(&webhook.to_string()).unwrap().unwrap();
            assert!(
                ["user:user_1", "company:biz_1"].contains(&notification.channel.to_string().as_str()),
                "{kind}"
            );
            assert!(!notification.data["message"].as_str().unwrap().contains("{/"), "{kind}");
        }
    }

    #[test]
    fn a_placeholder_is_filled_with_data_only() {
        let webhook = json!({"a": "{/b}", "b": 7, "c": {"d/e": "x"}, "f": null, "g": [1]});
        assert_eq!(
            fill("{/a} {/b}{/c/d~1e}!", &webhook).unwrap(),
            "{/b} 7x!",
            "values are not filled in again"
        );
        assert_eq!(fill("plain {x}", &webhook).unwrap(), "plain {x}");
        for wrong in ["{/f}", "{/g}", "{/c}", "{/nothing}", "{/a"] {
            assert!(fill(wrong, &webhook).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unlisted_type_is_ignored_and_a_missing_field_is_an_error() {
        assert!(notification(r#"{"type":"entry.created"}"#).unwrap().is_none());
        assert!(notification(r#"{"type":"membership.activated","data":{}}"#).is_err());
        let elsewhere = r#"{"type":"membership.activated","data":{"user":{"id":"x:y"}}}"#;
        assert_eq!(
            notification(elsewhere).unwrap_err().code(),
            "invalid_channel",
            "no id leads out of its channel"
        );
    }
}
