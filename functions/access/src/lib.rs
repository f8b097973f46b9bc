//! `access`: who may hear what, as the backend says: the `Conversation` event (who takes part), the `Kick` event (who must
//! go) and the `AccessChanged` event (ask again). All take effect on live connections. The HTTP API says the same of conversations by [`set`] and [`end`].

use std::collections::BTreeSet;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use funnelcast_aws::{
    DeadLetters, Fanout, bus, now,
    store::{
        Member,
        conversations::{self, Outcome, Word},
    },
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Identity, Timestamp, UserId, event::MESSAGE_BYTES_MAX, policy,
    text::Text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What those are told who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";
/// What everybody in it is told of one that is over.
const ENDED: &str = "the conversation has ended";
/// What he is told who may not be in a company's channel any more.
const NO_LONGER_ALLOWED: &str = "no longer allowed";

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
/// [`Error::Internal`] and [`Error::RateLimited`], which a retry may mend. An event that is refused lies in the dead letters
/// instead, with the reason.
pub async fn handle((fanout, letters): &(Fanout, DeadLetters), event: Value) -> Result<(), Error> {
    bus::deal_with(letters, event, async |event| obey(fanout, event).await).await
}

async fn obey(fanout: &Fanout, event: EventBridgeEvent<Value>) -> Result<(), Error> {
    match event.detail_type.as_str() {
        "Conversation" => {
            let at = event.time.map_or_else(now, |time| Timestamp::from_millis(time.timestamp_millis()));
            match set(fanout, &Error::parse_at("detail", event.detail)?, Author::Bus, at).await {
                Err(Error::Conflict(_)) => Ok(()), // it came late, and no retry makes it later
                other => other.map_err(|error| error.within("detail")),
            }
        }
        "Kick" => kick(fanout, Error::parse_at("detail", event.detail)?).await,
        "AccessChanged" => look_again(fanout, &Error::parse_at("detail", event.detail)?).await,
        _ => Err(Error::invalid("detail-type", "must be one of Conversation, Kick, AccessChanged")),
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
    take_out(fanout, conversation_id, NO_LONGER_A_PARTICIPANT, |member| {
        let takes_part = participants.contains(&member.user);
        // Who is here by a grant never took part; he stays until that ends, or a `Kick` takes him out.
        member.grant.is_none()
            && !policy::may_stay_in_conversation(company_id, takes_part, member.team_of.as_ref())
    })
    .await
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
    take_out(fanout, conversation, ENDED, |_| true).await
}

fn stale(conversation: &ConversationId) -> Error {
    tracing::warn!(%conversation, "a later word stands; this one is ignored");
    Error::Conflict("a later word on this conversation stands already")
}

/// Takes out of a conversation's channel those who `must_go`.
async fn take_out(
    fanout: &Fanout,
    conversation: &ConversationId,
    reason: &str,
    must_go: impl Fn(&Member) -> bool,
) -> Result<(), Error> {
    let channel = Channel::Conversation(conversation.clone());
    let reason = Text::try_from(reason.to_owned())?;
    let mut pages = fanout.store.members(&channel);
    while let Some(mut members) = pages.next().await? {
        members.retain(&must_go);
        fanout.revoke(&channel, &members, &reason).await?;
    }
    Ok(())
}

async fn kick(fanout: &Fanout, Kick { channel, user_id, reason }: Kick) -> Result<(), Error> {
    let members = fanout.store.members_of_user(&channel, &user_id).await?;
    tracing::info!(%channel, user = %user_id, connections = members.len(), "kicked");
    fanout.revoke(&channel, &members, &reason).await
}

/// Asks of each channel that he is in for the company's sake whether he still may be, as a join would, and takes him out
/// where not: 1 write, 1 read, and for each such channel a query and what a join's question costs. What Whop has said of him
/// before is forgotten first.
async fn look_again(
    fanout: &Fanout,
    AccessChanged { user_id, company_id }: &AccessChanged,
) -> Result<(), Error> {
    let reason = Text::try_from(NO_LONGER_ALLOWED.to_owned())?;
    let mut taken_out = 0;
    fanout.store.forget_team(user_id, company_id).await?;
    for connection in fanout.store.connections(user_id).await? {
        let (id, channels) = (connection.id.clone(), connection.channels.clone());
        let identity = connection.into_caller(now()).identity;
        for channel in channels {
            let is_conversation = matches!(channel, Channel::Conversation(_));
            if !is_conversation && channel.company() != Some(company_id) {
                continue;
            }
            let mut members = fanout.store.members_of_user(&channel, user_id).await?;
            // Who takes part is in a conversation for his own sake, and a grant ends by itself.
            members.retain(|member| {
                let for_its_sake = !is_conversation || member.team_of.as_ref() == Some(company_id);
                member.connection == id && member.grant.is_none() && for_its_sake
            });
            if members.is_empty() {
                continue;
            }
            match fanout.store.check_join(&identity, &channel, now()).await {
                Ok(_) => {}
                Err(Error::Forbidden(_)) => {
                    taken_out += members.len();
                    fanout.revoke(&channel, &members, &reason).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
    tracing::info!(user = %user_id, company = %company_id, taken_out, "access looked at again");
    Ok(())
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
