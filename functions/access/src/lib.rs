//! `access`: who may hear what, as the backend says: the `Conversation` event (who takes part), the `Kick` event (who must
//! go) and the `AccessChanged` event (ask again). All take effect on live connections. The HTTP API says the same of conversations by [`set`] and [`end`].

use std::collections::BTreeSet;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_aws::{
    Fanout, now,
    store::conversations::{self, Outcome, Word},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Identity, Timestamp, UserId, event::MESSAGE_BYTES_MAX, policy,
    text::Text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The detail of a `Conversation` event: all of its participants, not only the new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The detail of an `AccessChanged` event: what a user is to a company may not be what it was.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessChanged {
    /// Who.
    pub user_id: UserId,
    /// To whom.
    pub company_id: CompanyId,
}

/// Who says so.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The bus: who may put events on it speaks for every company.
    Bus,
    /// Somebody with a token, who speaks for the companies that he is the backend of.
    Backend(&'a Identity),
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
            match set(fanout, &Error::parse(event.detail)?, Author::Bus, at).await {
                Err(Error::Conflict(_)) => Ok(()), // it came late, and no retry makes it later
                other => other,
            }
        }
        "Kick" => kick(fanout, Error::parse(event.detail)?).await,
        "AccessChanged" => {
            let AccessChanged { user_id, company_id } = Error::parse(event.detail)?;
            fanout.team_changed(&user_id, &company_id).await
        }
        other => Err(Error::BadRequest(format!("no such detail type: {other:.64}").into())),
    }
}

/// Sets the participants, then takes out of the channel whoever is in it and may not be any more: 1 read and 1
/// transaction, and what leaving costs for each who must go.
///
/// # Errors
/// [`Error::Forbidden`] where the author may not speak of it; [`Error::Conflict`] where a later word stands already.
pub async fn set(
    fanout: &Fanout,
    conversation: &Conversation,
    author: Author<'_>,
    at: Timestamp,
) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants } = conversation;
    let may = |owner: Option<&CompanyId>| match author {
        Author::Bus => true,
        Author::Backend(identity) => policy::may_manage_conversation(identity, owner, Some(company_id)),
    };
    let word = Word::Is(conversations::Conversation {
        company: company_id.clone(),
        participants: participants.clone(),
    });
    match fanout.store.change_conversation(conversation_id, &word, at, may).await? {
        Outcome::Done => {
            tracing::info!(%conversation_id, participants = participants.len(), "conversation set");
        }
        Outcome::Stale => return Err(stale(conversation_id)),
        Outcome::Refused => return Err(Error::Forbidden("you may not set this conversation")),
    }
    fanout.conversation_changed(conversation_id).await
}

/// Ends a conversation, and takes everybody out of it: 1 read and 1 transaction, and what leaving costs for each of them.
/// To end one that is over is no error, so that a call which broke off can be made again.
///
/// # Errors
/// [`Error::NotFound`] where this backend's company has no such conversation; [`Error::Conflict`] as for [`set`].
pub async fn end(
    fanout: &Fanout,
    conversation: &ConversationId,
    backend: &Identity,
    at: Timestamp,
) -> Result<(), Error> {
    let may = |owner: Option<&CompanyId>| policy::may_manage_conversation(backend, owner, None);
    match fanout.store.change_conversation(conversation, &Word::Ends, at, may).await? {
        Outcome::Done => tracing::info!(%conversation, "conversation ended"),
        Outcome::Stale => return Err(stale(conversation)),
        Outcome::Refused => return Err(Error::NotFound("the conversation")),
    }
    fanout.conversation_changed(conversation).await
}

fn stale(conversation: &ConversationId) -> Error {
    tracing::warn!(%conversation, "a later word stands; this one is ignored");
    Error::Conflict("a later word on this conversation stands already")
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
        let changed: AccessChanged = sample(include_str!("../../../events/access-changed.json"));
        assert_eq!(changed.company_id.as_str(), "biz_1");
    }
}
