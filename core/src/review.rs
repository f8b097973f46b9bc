//! Reviews: what the app's own function is asked before a message of a user is kept, and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    CompanyId, ConversationId, Error, Key,
    event::EventName,
    frame::Sender,
    json::raw,
    message::{Change, ChangeKind},
    moderation::RESTRICTION_REASON_BYTES_MAX,
    publication::{Effect, Publication},
};

/// What the function is asked: a message, or the new text of one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question<'a> {
    /// The conversation.
    pub conversation_id: &'a ConversationId,
    /// The company that it belongs to; absent for a conversation that was never set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// `chat.message` or `chat.edit`.
    pub event: EventName,
    /// The user who sends it.
    #[serde(flatten)]
    pub from: &'a Sender,
    /// The key by which a repeat is recognised, which is asked about again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a Key>,
    /// The message as it would be kept; of an edit, its `target` and what it would change.
    pub data: Box<RawValue>,
}

/// What the function answers.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The message is kept as it is; not at all, if it is `false`.
    Allow(bool),
    /// It is kept with another text.
    Change {
        /// The text.
        content: String,
        /// The data of the app; what the sender gave, if there is none.
        #[serde(default)]
        metadata: Option<Map<String, Value>>,
    },
    /// It is not kept, for this reason, which the sender is told.
    Refuse(String),
}

impl<'a> Question<'a> {
    /// The question about a publication of a user, without the company. `None` for what no function is asked about.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be serialised.
    pub fn about(
        publication: &'a Publication,
        conversation_id: &'a ConversationId,
    ) -> Result<Option<Self>, Error> {
        let Publication { event, from: Some(from), key, effect, data, .. } = publication else {
            return Ok(None);
        };
        let data = match effect {
            Effect::Message(_) => data.clone(),
            Effect::Change(Change { target, kind: ChangeKind::Edit { content, metadata }, .. }) => {
                let mut edit = Map::from_iter([
                    ("target".to_owned(), Value::from(target.get())),
                    ("content".to_owned(), Value::from(content.as_str())),
                ]);
                if let Some(metadata) = metadata {
                    edit.insert("metadata".to_owned(), Value::Object(metadata.clone()));
                }
                raw(&edit)?
            }
            _ => return Ok(None),
        };
        let (event, key) = (*event, key.as_ref());
        Ok(Some(Self { conversation_id, company_id: None, event, from, key, data }))
    }
}

impl Verdict {
    /// Reads the result of the function.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is none of the answers.
    pub fn read(result: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(result).map_err(|error| {
            Error::Internal(format!(
                "it answered none of allow, change and refuse: {}",
                Error::from_serde(&error)
            ))
        })
    }

    /// Applies it to what was asked about.
    ///
    /// # Errors
    /// [`Error::Refused`] if the message is refused; [`Error::Internal`] if a changed text is none that a message can have.
    pub fn apply(self, publication: Publication) -> Result<Publication, Error> {
        match self {
            Self::Allow(true) => Ok(publication),
            Self::Allow(false) => Err(Error::Refused { reason: None }),
            Self::Refuse(mut reason) => {
                reason.truncate(reason.floor_char_boundary(RESTRICTION_REASON_BYTES_MAX));
                Err(Error::Refused { reason: Some(reason).filter(|reason| !reason.is_empty()) })
            }
            Self::Change { content, metadata } => publication
                .with_content(content, metadata)
                .map_err(|error| Error::Internal(format!("the changed message: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        Identity, Timestamp,
        action::{Send, parse},
        identity::CompaniesBy,
    };

    fn publication(event: &str, data: &Value) -> Publication {
        let frame = json!({"action": "send", "channel": "conversation:c1", "event": event, "key": "k1", "data": data});
        let send = parse::<Send>(&frame.to_string()).unwrap().action;
        let ann = Identity {
            user: "user_1".parse().unwrap(),
            name: "Ann".to_owned().try_into().unwrap(),
            companies: vec![],
            companies_by: CompaniesBy::Token,
            experiences: vec![],
            rooms: vec![],
            expires_at: Timestamp::EPOCH,
        };
        Publication::from_client(send, &ann, None, Timestamp::EPOCH, || "msg_1".into()).unwrap()
    }

    fn question(event: &str, data: &Value) -> Option<Value> {
        let (publication, conversation) = (publication(event, data), "c1".parse().unwrap());
        let question = Question::about(&publication, &conversation).unwrap()?;
        let question = Question { company_id: "biz_1".parse().ok(), ..question };
        Some(serde_json::to_value(question).unwrap())
    }

    #[test]
    fn a_question_is_about_a_message_or_its_new_text() {
        let message = question("chat.message", &json!({"content": "hi", "metadata": {"a": 1}})).unwrap();
        assert_eq!(message["data"]["content"], "hi");
        let edit = question("chat.edit", &json!({"target": 7, "content": "hi"})).unwrap();
        assert_eq!(
            edit,
            json!({"conversationId": "c1", "companyId": "biz_1", "event": "chat.edit", "userId": "user_1", "name": "Ann",
                   "key": "k1", "data": {"target": 7, "content": "hi"}})
        );
        assert_eq!(question("chat.delete", &json!({"target": 7})), None);
        assert_eq!(question("chat.reaction", &json!({"target": 7, "emoji": "x", "on": true})), None);
    }

    #[test]
    fn an_answer_is_one_of_three() {
        for (result, verdict) in [
            (r#"{"allow": true}"#, Some(Verdict::Allow(true))),
            (r#"{"refuse": "no links"}"#, Some(Verdict::Refuse("no links".to_owned()))),
            (
                r#"{"change": {"content": "***"}}"#,
                Some(Verdict::Change { content: "***".to_owned(), metadata: None }),
            ),
            (r#"{"allow": true, "refuse": "both"}"#, None),
            ("{}", None),
            ("null", None),
            (r#"{"statusCode": 200}"#, None),
            ("", None),
        ] {
            assert_eq!(Verdict::read(result.as_bytes()).ok(), verdict, "{result}");
        }
    }

    #[test]
    fn what_is_kept_is_what_the_answer_says() {
        let applied = |event: &str, draft: Value, verdict: Verdict| verdict.apply(publication(event, &draft));
        let draft = || json!({"content": "buy", "metadata": {"a": 1}});
        let change = |content: &str, metadata: Value| Verdict::Change {
            content: content.to_owned(),
            metadata: metadata.as_object().cloned(),
        };
        for (verdict, content, metadata) in [
            (Verdict::Allow(true), "buy", json!({"a": 1})),
            (change("***", Value::Null), "***", json!({"a": 1})),
            (change("***", json!({"b": 2})), "***", json!({"b": 2})),
        ] {
            let data = applied("chat.message", draft(), verdict).unwrap().data;
            let data: Value = serde_json::from_str(data.get()).unwrap();
            assert_eq!((&data["content"], &data["metadata"]), (&json!(content), &metadata));
        }
        let edit = applied("chat.edit", json!({"target": 7, "content": "buy"}), change("***", Value::Null));
        let Effect::Change(Change { kind: ChangeKind::Edit { content, metadata }, .. }) =
            edit.unwrap().effect
        else {
            panic!("it is an edit")
        };
        assert_eq!((content.as_str(), metadata), ("***", None));
        for (verdict, reason) in [
            (Verdict::Allow(false), None),
            (Verdict::Refuse(String::new()), None),
            (Verdict::Refuse("no".to_owned()), Some("no".to_owned())),
            (Verdict::Refuse("ü".repeat(200)), Some("ü".repeat(128))),
        ] {
            let refused = applied("chat.message", draft(), verdict).unwrap_err();
            assert_eq!(refused, Error::Refused { reason });
        }
        for bad in ["", &"x".repeat(20_000)] {
            let failed = applied("chat.message", draft(), change(bad, Value::Null)).unwrap_err();
            assert_eq!(failed.code(), "internal", "it is no mistake of the sender");
        }
    }
}
