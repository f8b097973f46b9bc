//! What is left of the events of a log once a user has been erased: what they said is gone, and where others speak of them, they
//! are the one erased user, [`UserId::ERASED`].
//!
//! A message of theirs is deleted by a [`Change`](crate::message::Change), as everybody sees it. What is decided here is the
//! payload of everything else, which clients have received long ago and only read again when they recover.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, UserId,
    event::{AppEvent, ChatDelete, ChatEdit, EventName},
    file::FileUpdate,
    text::Text,
};

/// Whose an event of a log is, whatever its payload says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The user has caused it, or it is about a file of theirs.
    Theirs,
    /// Anybody else's.
    Others,
}

/// The payload without the user. It is the same if nothing is said of them.
///
/// What is theirs keeps its form, as far as clients need it. In all other events, whatever is their id and nothing else becomes
/// the erased user; what others have written in words stays as it is.
///
/// # Errors
/// [`Error::Internal`] if a stored payload is not that of its event.
pub fn payload(event: EventName, whose: Whose, data: &str, user: &UserId) -> Result<String, Error> {
    match (event, whose) {
        (EventName::ChatEdit, Whose::Theirs) => {
            let ChatDelete { target } = read(data)?; // whatever else it has
            write(&ChatEdit::superseded(target))
        }
        (EventName::AppEvent, Whose::Theirs) => {
            write(&AppEvent { name: Text::try_from(UserId::ERASED.to_owned())?, payload: None })
        }
        (EventName::FileReady | EventName::FileRefused, Whose::Theirs) => {
            let update: FileUpdate = read(data)?;
            write(&FileUpdate::removed(update.target, update.file.state)?)
        }
        _ => Ok(without(data, user)),
    }
}

/// JSON in which each text that is the id of the user, and nothing else, is that of the erased user. An id consists of characters
/// that JSON does not escape, so it has the same form wherever it is.
pub fn without(json: &str, user: &UserId) -> String {
    json.replace(&format!("\"{user}\""), &format!("\"{}\"", UserId::ERASED))
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    serde_json::from_str(data).map_err(|error| Error::internal("a stored payload", &error))
}

fn write(payload: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(payload).map_err(|error| Error::internal("a payload", &error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn erased(event: EventName, whose: Whose, data: &Value) -> Value {
        let user = "ann".parse().unwrap();
        serde_json::from_str(&payload(event, whose, &data.to_string(), &user).unwrap()).unwrap()
    }

    #[test]
    fn what_is_theirs_keeps_its_form_and_nothing_else() {
        let edit = json!({"target": 3, "content": "secret", "metadata": {"a": 1}});
        assert_eq!(erased(EventName::ChatEdit, Whose::Theirs, &edit), json!({"target": 3}));
        let app = json!({"name": "vote", "payload": {"for": "secret"}});
        assert_eq!(erased(EventName::AppEvent, Whose::Theirs, &app), json!({"name": "deleted"}));
        let file = json!({"id": "f1", "name": "secret.png", "type": "image/png", "bytes": 9, "state": "ready", "width": 1});
        assert_eq!(
            erased(EventName::FileReady, Whose::Theirs, &json!({"target": 3, "file": file})),
            json!({"target": 3, "file": {"id": "deleted", "name": "deleted", "type": "application/octet-stream",
                   "bytes": 0, "state": "ready"}})
        );
    }

    #[test]
    fn others_speak_of_the_erased_user() {
        let reaction = json!({"target": 3, "on": true, "emoji": "👍", "count": 2, "users": ["ann", "annie"]});
        assert_eq!(
            erased(EventName::ChatReaction, Whose::Others, &reaction)["users"],
            json!(["deleted", "annie"])
        );
        let words =
            json!({"content": "ask \"ann\" or \\\"ann\\\"", "userId": "bob", "metadata": {"ann": ["ann"]}});
        let expected = json!({"content": "ask \"ann\" or \\\"ann\\\"", "userId": "bob",
            "metadata": {"deleted": ["deleted"]}});
        assert_eq!(erased(EventName::ChatMessage, Whose::Others, &words), expected);
    }
}
