//! `access`: who may hear what, as the backend says: the `Conversation` event (who takes part), the `Kick` event (who must
//! go) and the `AccessChanged` event (ask again). All take effect on live connections. The HTTP API says the same of conversations by [`set`] and [`end`].

use funnelcast_aws::{
    Arrival, DeadLetters, Fanout, bus,
    store::conversations::{self, ConversationChange, Outcome},
};
use funnelcast_core::{
    CompanyId, ConversationId, Error, Identity, Key, Version,
    bus::{AccessChanged, Conversation, Kick},
    policy,
    version::Clock,
};
use serde_json::Value;

/// Who says so.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The bus: who may put events on it speaks for every company.
    Bus,
    /// Somebody with a token, that speaks for the companies whose backend it is.
    Backend(&'a Identity),
}

/// Does what the event says.
///
/// # Errors
/// [`Error::Internal`] and [`Error::RateLimited`], which a retry may mend. An event that is refused lies in the dead letters
/// instead, with the reason: also one that is older than what stands.
pub async fn handle((fanout, letters): &(Fanout, DeadLetters), event: Value) -> Result<(), Error> {
    bus::deal_with(letters, event, async |arrival| obey(fanout, arrival).await).await
}

async fn obey(fanout: &Fanout, arrival: Arrival) -> Result<(), Error> {
    let times = arrival.times();
    let event = arrival.event;
    match event.detail_type.as_str() {
        "Conversation" => {
            let detail: Conversation = Error::parse_at("detail", event.detail)?;
            let sent = (times.sent_at, Clock::Bus);
            let version = Version::new(detail.revision, detail.timestamp, sent, times.taken_at);
            let key = event.id.map(Key::try_from).transpose().map_err(|error| error.at("id"))?;
            set(fanout, &detail, Author::Bus, version, key).await.map_err(|error| error.within("detail"))
        }
        "Kick" => kick(fanout, Error::parse_at("detail", event.detail)?).await,
        "AccessChanged" => {
            let AccessChanged { user_id, company_id } = Error::parse_at("detail", event.detail)?;
            fanout.team_changed(&user_id, &company_id).await
        }
        _ => Err(Error::invalid("detail-type", "must be one of Conversation, Kick, AccessChanged")),
    }
}

/// Sets the participants, then takes out of the channel whoever is in it and may not be any more: 1 read and 1
/// transaction, 2 reads for who is in it, and what leaving costs for each who must go.
///
/// # Errors
/// [`Error::Forbidden`] where the author may not speak of it; [`Error::Conflict`] where a newer change stands already, and
/// where what was said before would be opened, which it does not ask for.
pub async fn set(
    fanout: &Fanout,
    conversation: &Conversation,
    author: Author<'_>,
    version: Version,
    key: Option<Key>,
) -> Result<(), Error> {
    let Conversation { conversation_id, company_id, participants, keep_log, .. } = conversation;
    let may = |owner: Option<&CompanyId>| match author {
        Author::Bus => true,
        Author::Backend(identity) => policy::may_manage_conversation(identity, owner, Some(company_id)),
    };
    let to = conversations::Conversation { company: company_id.clone(), participants: participants.clone() };
    let change = ConversationChange { to: Some(to), version, key, keep_log: *keep_log };
    match fanout.store.change_conversation(conversation_id, &change, may).await? {
        Outcome::Refused => return Err(Error::Forbidden("you may not set this conversation")),
        outcome => check(conversation_id, outcome)?,
    }
    fanout.conversation_changed(conversation_id).await
}

/// Ends a conversation, and takes everybody out of it, who is in it by a grant too: the costs of [`set`]. To end one that
/// is over is no error, so that a call which broke off can be made again.
///
/// # Errors
/// [`Error::NotFound`] where this backend's company has no such conversation; [`Error::Conflict`] where a newer change
/// stands already.
pub async fn end(
    fanout: &Fanout,
    conversation: &ConversationId,
    backend: &Identity,
    version: Version,
) -> Result<(), Error> {
    let may = |owner: Option<&CompanyId>| policy::may_manage_conversation(backend, owner, None);
    let change = ConversationChange { to: None, version, key: None, keep_log: false };
    match fanout.store.change_conversation(conversation, &change, may).await? {
        Outcome::Refused => return Err(Error::NotFound("the conversation")),
        outcome => check(conversation, outcome)?,
    }
    fanout.conversation_changed(conversation).await
}

/// Tells whoever made a change that it does not stand.
fn check(conversation: &ConversationId, outcome: Outcome) -> Result<(), Error> {
    tracing::info!(%conversation, ?outcome, "conversation changed");
    match outcome {
        Outcome::Done | Outcome::Repeated => Ok(()),
        Outcome::Stale(standing) => Err(standing.stands()),
        Outcome::HasLog(why) => Err(Error::Conflict(
            format!("{why}; `keepLog: true` sets it all the same, and opens what was said in it").into(),
        )),
        Outcome::Refused => Err(Error::Forbidden("you may not change this conversation")),
    }
}

async fn kick(fanout: &Fanout, Kick { channel, user_id, reason }: Kick) -> Result<(), Error> {
    let members = fanout.store.members_of_user(&channel, &user_id).await?;
    tracing::info!(%channel, user = %user_id, connections = members.len(), "kicked");
    fanout.revoke(&channel, &members, &reason).await
}

#[cfg(test)]
mod tests {
    use funnelcast_core::Channel;
    use serde::de::DeserializeOwned;

    use super::*;

    fn sample<T: DeserializeOwned>(json: &str) -> T {
        let arrival: Arrival = serde_json::from_str(json).unwrap();
        Error::parse(arrival.event.detail).unwrap()
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
