//! `access`: who takes part in a conversation, as the backend says by the `Conversation` event.

use std::collections::BTreeSet;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_aws::{Store, now, store::conversations::Outcome};
use funnelcast_core::{CompanyId, ConversationId, Error, Timestamp, UserId};
use serde::Deserialize;
use serde_json::Value;

/// The detail of a `Conversation` event: all of its participants, not only the new ones.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// Whose: its team may always join.
    pub company_id: CompanyId,
    /// Who else may join.
    pub participants: BTreeSet<UserId>,
}

/// Makes the conversation what the event says, unless a later event has spoken already.
///
/// # Errors
/// [`Error::BadRequest`] where the detail is not what it should be: after its retries the event lies in the dead
/// letters, with that reason.
pub async fn handle(store: &Store, event: EventBridgeEvent<Value>) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants } =
        serde_json::from_value(event.detail).map_err(|error| Error::from_serde(&error))?;
    let at = event.time.map_or_else(now, |time| Timestamp::from_millis(time.timestamp_millis()));
    match store.put_conversation(&conversation_id, &company_id, &participants, at).await? {
        Outcome::Done => {
            tracing::info!(%conversation_id, participants = participants.len(), "conversation set");
        }
        Outcome::Stale => tracing::warn!(%conversation_id, "a later event has spoken; this one is ignored"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_decodes() {
        let sample = include_str!("../../../events/conversation.json");
        let event: EventBridgeEvent<Value> = serde_json::from_str(sample).unwrap();
        let conversation: Conversation = serde_json::from_value(event.detail).unwrap();
        assert!(!conversation.participants.is_empty());
    }
}
