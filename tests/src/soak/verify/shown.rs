//! A conversation as a device shows it: the messages that it heard, with the changes that it heard later.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::soak::record::Event;

/// How many characters of a message a reply quotes.
const EXCERPT_CHARS_MAX: usize = 80;

/// A conversation, as a device shows it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    messages: BTreeMap<u64, Value>,
}

impl Shown {
    /// The messages, with their seqs.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.messages.iter().map(|(seq, data)| (*seq, data))
    }

    /// Applies an event of the log. A message may have been heard so late that it has its later changes already; these then
    /// change nothing.
    pub(super) fn hears(&mut self, event: &Event) {
        let target = event.data["target"].as_u64().unwrap_or_default();
        match (&*event.event, event.seq) {
            ("chat.message", Some(seq)) => drop(self.messages.insert(seq, event.data.clone())),
            ("chat.edit", _) => {
                // An edit without its text has been replaced by a later one, and only says when it was made.
                let is_whole = event.data["content"].is_string();
                self.change(target, |message| {
                    for field in ["content", "metadata"] {
                        if let Some(value) = event.data.get(field).filter(|_| is_whole) {
                            message[field] = value.clone();
                        }
                    }
                    message["editedAt"] = event.at.clone().into();
                });
                if is_whole {
                    self.quote(target, |quote| quote["excerpt"] = excerpt(&event.data["content"]));
                }
            }
            ("chat.delete", _) => {
                self.change(target, |message| {
                    for field in ["metadata", "mentions", "reactions"] {
                        remove(message, field);
                    }
                    message["content"] = "".into();
                    message["deletedAt"] = event.at.clone().into();
                });
                self.quote(target, |quote| remove(quote, "excerpt"));
            }
            ("chat.reaction", _) => self.change(target, |message| react(message, &event.data)),
            _ => {}
        }
    }

    fn change(&mut self, target: u64, change: impl FnOnce(&mut Value)) {
        if let Some(message) = self.messages.get_mut(&target)
            && message["deletedAt"].is_null()
        {
            change(message);
        }
    }

    /// Changes what replies quote of a message.
    fn quote(&mut self, target: u64, change: impl Fn(&mut Value)) {
        let replies = self.messages.values_mut().filter(|message| message["replyTo"]["seq"] == target);
        replies.for_each(|reply| change(&mut reply["replyTo"]));
    }
}

/// What a reply quotes of this text.
pub(super) fn excerpt(content: &Value) -> Value {
    content.as_str().unwrap_or_default().chars().take(EXCERPT_CHARS_MAX).collect::<String>().into()
}

/// A message without what may differ between devices: `isRead` changes without an event, and a device that heard a message with
/// reactions and then their events does not know in which order the emojis were first used.
pub(super) fn comparable(message: &Value) -> Value {
    let mut message = message.clone();
    remove(&mut message, "isRead");
    if let Some(reactions) = message["reactions"].as_array_mut() {
        reactions.sort_by_key(|reaction| reaction["emoji"].as_str().map(str::to_owned));
    } else {
        remove(&mut message, "reactions");
    }
    message
}

/// Sets the users who now react with the event's emoji.
fn react(message: &mut Value, data: &Value) {
    let emoji = &data["emoji"];
    let reaction = json!({"emoji": emoji, "count": data["count"], "users": data["users"]});
    let mut reactions = message["reactions"].as_array().cloned().unwrap_or_default();
    match reactions.iter().position(|one| one["emoji"] == *emoji) {
        Some(place) => reactions[place] = reaction,
        None => reactions.push(reaction),
    }
    reactions.retain(|one| one["count"] != 0);
    if reactions.is_empty() {
        remove(message, "reactions");
    } else {
        message["reactions"] = reactions.into();
    }
}

fn remove(data: &mut Value, field: &str) {
    if let Some(fields) = data.as_object_mut() {
        fields.remove(field);
    }
}
