//! `access`: who may hear what, as the backend says: the `Conversation` event (who takes part) and the `Kick` event (who
//! must go). Both take effect on live connections.

use std::collections::BTreeSet;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_aws::{Fanout, now, store::conversations::Outcome};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Timestamp, UserId, event::MESSAGE_BYTES_MAX, policy,
    text::Text,
};
use serde::Deserialize;
use serde_json::Value;

/// What those are told who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";

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

/// The detail of a `Kick` event. It ends the memberships that there are; whether he may join again is for the token and
/// the participants to say.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kick {
    /// From where.
    pub channel: Channel,
    /// Whom.
    pub user_id: UserId,
    /// What he is told.
    pub reason: Text<MESSAGE_BYTES_MAX>,
}

/// Does what the event says.
///
/// # Errors
/// [`Error::BadRequest`] where the detail is not what it should be: after its retries the event lies in the dead
/// letters, with that reason.
pub async fn handle(fanout: &Fanout, event: EventBridgeEvent<Value>) -> Result<(), Error> {
    match event.detail_type.as_str() {
        "Conversation" => {
            let at = event.time.map_or_else(now, |time| Timestamp::from_millis(time.timestamp_millis()));
            set_conversation(fanout, Error::parse(event.detail)?, at).await
        }
        "Kick" => kick(fanout, Error::parse(event.detail)?).await,
        other => Err(Error::BadRequest(format!("no such detail type: {other:.64}").into())),
    }
}

/// Sets the participants, then takes out of the channel whoever is in it and may not be any more.
async fn set_conversation(fanout: &Fanout, conversation: Conversation, at: Timestamp) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants } = conversation;
    match fanout.store.put_conversation(&conversation_id, &company_id, &participants, at).await? {
        Outcome::Done => {
            tracing::info!(%conversation_id, participants = participants.len(), "conversation set");
        }
        Outcome::Stale => {
            tracing::warn!(%conversation_id, "a later event has spoken; this one is ignored");
            return Ok(());
        }
    }
    let channel = Channel::Conversation(conversation_id);
    let reason = Text::try_from(NO_LONGER_A_PARTICIPANT.to_owned())?;
    let mut pages = fanout.store.members(&channel);
    while let Some(mut members) = pages.next().await? {
        members.retain(|member| {
            let takes_part = participants.contains(&member.user);
            !policy::may_stay_in_conversation(&company_id, takes_part, member.team_of.as_ref())
        });
        fanout.revoke(&channel, &members, &reason).await?;
    }
    Ok(())
}

async fn kick(fanout: &Fanout, Kick { channel, user_id, reason }: Kick) -> Result<(), Error> {
    let members = fanout.store.members_of_user(&channel, &user_id).await?;
    tracing::info!(%channel, user = %user_id, connections = members.len(), "kicked");
    fanout.revoke(&channel, &members, &reason).await
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn sample<T: DeserializeOwned>(json: &str) -> T {
        let event: EventBridgeEvent<Value> = serde_json::from_str(json).unwrap();
        Error::parse(event.detail).unwrap()
    }

    #[test]
    fn the_samples_decode() {
        let conversation: Conversation = sample(include_str!("../../../events/conversation.json"));
        assert!(!conversation.participants.is_empty());
        let kick: Kick = sample(include_str!("../../../events/kick.json"));
        assert!(matches!(kick.channel, Channel::Conversation(_)));
    }
}
