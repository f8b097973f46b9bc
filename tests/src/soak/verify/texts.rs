//! The texts that messages and changes have had. An event may have been changed in the log after it was heard, and the log no
//! longer has the replaced text, so the texts are known from what was sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::messages::is_change;
use crate::soak::record::{Entry, Event, Record};

/// Fields of a message that edits, deletions or reactions change, or that change without an event.
const CHANGING: [&str; 8] =
    ["content", "metadata", "mentions", "editedAt", "deletedAt", "reactions", "replyTo", "isRead"];

/// The drafts that were sent, and the texts that each message has had.
pub(super) struct Texts<'a> {
    /// The drafts, by user and key.
    sent: BTreeMap<(&'a str, &'a str), &'a Value>,
    /// The texts of messages, by channel and seq.
    of_messages: BTreeMap<(&'a str, u64), BTreeSet<&'a str>>,
}

impl<'a> Texts<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let mut texts = Self { sent: BTreeMap::new(), of_messages: BTreeMap::new() };
        for (device, entry) in record.entries() {
            if let Entry::Sent { key, data, .. } = entry {
                texts.sent.insert((&device.user, key), data);
            }
        }
        let published = record.published_by_mark();
        for event in record.logged().filter(|event| event.event == "chat.message" || is_change(event)) {
            let published = event.mark().and_then(|mark| published.get(mark));
            let said = texts.sent_as(event).or_else(|| published.map(|one| &one.data));
            let place = if is_change(event) { event.data["target"].as_u64() } else { event.seq };
            if let (Some(text), Some(seq)) = (said.and_then(|said| said["content"].as_str()), place) {
                texts.of_messages.entry((&event.channel, seq)).or_default().insert(text);
            }
        }
        texts
    }

    /// The draft of a logged event.
    fn sent_as(&self, event: &Event) -> Option<&'a Value> {
        let name = (event.user.as_deref()?, event.key.as_deref()?);
        self.sent.get(&name).copied()
    }

    /// Whether an event that was heard is the logged one, as it is now or as it was before a change.
    pub(super) fn was_once(&self, logged: &Event, heard: &Event) -> bool {
        if heard.event != logged.event {
            return false;
        }
        let content = heard.data["content"].as_str();
        match &*heard.event {
            "chat.message" => {
                let is_one_of_its_texts = || {
                    let texts = self.of_messages.get(&(&*logged.channel, logged.seq.unwrap_or_default()));
                    content.is_some_and(|text| texts.is_some_and(|texts| texts.contains(text)))
                };
                let text_is_right = heard.data["content"] == logged.data["content"]
                    || (is_rewritten(logged) && is_one_of_its_texts());
                text_is_right
                    && heard.data["replyTo"]["seq"] == logged.data["replyTo"]["seq"]
                    && steady(&heard.data) == steady(&logged.data)
            }
            "chat.edit" => {
                let sent = self.sent_as(logged).and_then(|draft| draft["content"].as_str());
                heard.data["target"] == logged.data["target"]
                    && (content.is_none() || content == sent)
                    && (logged.data["content"].is_null() || heard.data == logged.data)
            }
            "chat.delete" | "chat.reaction" => heard.data == logged.data,
            _ => logged.is(&heard.data),
        }
    }
}

/// Whether a logged event is what was sent, except for what has been changed since.
pub(super) fn is_as_sent(logged: &Event, name: &str, draft: &Value) -> bool {
    if logged.event != name {
        return false;
    }
    let has_its_text = logged.data["content"] == draft["content"];
    match name {
        "chat.message" => {
            (has_its_text || is_rewritten(logged)) && logged.data["replyTo"]["seq"] == draft["replyTo"]
        }
        // `messages` checks that only replaced edits have no text.
        "chat.edit" => {
            logged.data["target"] == draft["target"] && (has_its_text || logged.data["content"].is_null())
        }
        _ => logged.is(draft),
    }
}

/// Whether the text of a logged message has been changed.
pub(super) fn is_rewritten(logged: &Event) -> bool {
    ["editedAt", "deletedAt"].iter().any(|field| logged.data[field].is_string())
}

/// The fields that never change.
fn steady(data: &Value) -> BTreeMap<&str, &Value> {
    let fields = data.as_object().into_iter().flatten();
    fields.map(|(name, value)| (&**name, value)).filter(|(name, _)| !CHANGING.contains(name)).collect()
}
