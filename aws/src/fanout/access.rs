//! Taking out of channels whoever may not be in them any more.
//!
//! Each of these looks at what the table says now, not at what somebody said a moment ago, so that it may run again, late
//! and beside others. A `join` writes its membership and then asks for access once more; a change of access is written
//! first, and then the memberships are looked at. One of the two sees the other, unless the `join` dies in between: so the
//! memberships are looked at once more when no `join` of before can be under way ([`JOIN_TIME_MAX`]).

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, UserId,
    event::{AccessRevoked, EventName, MESSAGE_BYTES_MAX},
    frame::Event,
    grant::Capability,
    policy,
    text::Text,
};
use serde_json::value::to_raw_value;

use super::Fanout;
use crate::{
    errand::{Errand, JOIN_TIME_MAX},
    now,
    store::{Member, conversations::Conversation},
};

/// What those are told who no longer take part in a conversation.
const NO_LONGER_A_PARTICIPANT: &str = "no longer a participant";
/// What everybody in a conversation is told when it is over.
const ENDED: &str = "the conversation has ended";
/// What a user is told who may not be in a company's channel any more.
const NO_LONGER_ALLOWED: &str = "no longer allowed";
/// What a user is told whose grant has ended.
const GRANT_HAS_ENDED: &str = "the grant has ended";

impl Fanout {
    /// Takes members out of a channel, and tells each of them why, and the others that they have left.
    ///
    /// They hear nothing any more before they are told, and their memberships are removed after: whatever ends in between is
    /// found again by a retry.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails. A post that fails is only logged: who does not hear of it hears
    /// nothing else of the channel either.
    pub async fn revoke(
        &self,
        channel: &Channel,
        members: &[Member],
        reason: &Text<MESSAGE_BYTES_MAX>,
    ) -> Result<(), Error> {
        for member in members {
            let Member { user, connection, join_order, .. } = member;
            self.store.note_departure(user, connection, &member.join(channel), now()).await?;
            self.store.forget_channel(user, connection, channel, *join_order).await?;
            let revoked = AccessRevoked { user_id: user.clone(), reason: reason.clone(), order: *join_order };
            let event = Event {
                channel: channel.clone(),
                event: EventName::AccessRevoked,
                seq: None,
                at: now(),
                from: None,
                key: None,
                data: to_raw_value(&revoked).map_err(|error| Error::internal("a revocation", &error))?,
            };
            let hearing = Member { grant: None, departed_at: None, ..member.clone() };
            self.post(&event, &[hearing], None).await?;
            self.end_membership(channel, member).await?;
            tracing::info!(%channel, %user, %connection, "access revoked");
        }
        Ok(())
    }

    /// Takes a connection out of a channel where the grant that let it in has ended: 1 read, and what
    /// [`revoke`](Self::revoke) costs. A membership that has been made again meanwhile, by another grant or by a right of the
    /// user's own, stays.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn end_grant(
        &self,
        user: &UserId,
        connection: &ConnectionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let member = self.store.membership(user, connection, channel).await?;
        let ended = member.filter(|member| !member.may(Capability::Join, now()));
        let Some(member) = ended else { return Ok(()) };
        self.revoke(channel, &[member], &text(GRANT_HAS_ENDED)?).await
    }

    /// Takes out of a conversation whoever may not be in it, now and once more when all `join`s that are under way are over:
    /// 2 reads and 1 message, and what [`revoke`](Self::revoke) costs for each who must go.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn conversation_changed(&self, conversation: &ConversationId) -> Result<(), Error> {
        self.errands.put(&Errand::Conversation(conversation.clone()), JOIN_TIME_MAX).await?;
        self.check_conversation(conversation).await
    }

    /// Takes out of a conversation whoever may not be in it: 2 reads, and what [`revoke`](Self::revoke) costs.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn check_conversation(&self, conversation: &ConversationId) -> Result<(), Error> {
        let channel = Channel::Conversation(conversation.clone());
        let mut pages = self.store.members(&channel);
        while let Some(mut members) = pages.next().await? {
            if members.is_empty() {
                continue;
            }
            // Read after the members, so that whoever has joined by a newer change stays.
            let stands = self.store.conversation(conversation).await?;
            members.retain(|member| must_go(stands.as_ref(), member));
            let reason = if stands.is_some() { NO_LONGER_A_PARTICIPANT } else { ENDED };
            self.revoke(&channel, &members, &text(reason)?).await?;
        }
        Ok(())
    }

    /// Takes a user out of the channels that they are in for a company's sake and may not be in any more, now and once more
    /// when all `join`s that are under way are over: 1 message, and twice what [`check_team`](Self::check_team) costs.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table or the queue fails.
    pub async fn team_changed(&self, user: &UserId, company: &CompanyId) -> Result<(), Error> {
        let errand = Errand::Team { user: user.clone(), company: company.clone() };
        self.errands.put(&errand, JOIN_TIME_MAX).await?;
        self.check_team(user, company).await
    }

    /// Forgets what Whop has said of a user, then asks of each channel that they are in for a company's sake whether they still
    /// may be, as a `join` would, and takes them out where not: 1 write, 1 read, and for each such channel a query and what a
    /// join's question costs. The second look forgets too: what Whop said at the first may have been out of date.
    ///
    /// # Errors
    /// [`Error::Internal`] where the table, the queue or Whop fails.
    pub async fn check_team(&self, user: &UserId, company: &CompanyId) -> Result<(), Error> {
        self.store.forget_team(user, company).await?;
        let reason = text(NO_LONGER_ALLOWED)?;
        for connection in self.store.connections(user).await? {
            let (id, channels) = (connection.id.clone(), connection.channels.clone());
            let identity = connection.into_caller(now()).identity;
            for channel in channels.into_iter().map(|joined| joined.channel) {
                let is_conversation = matches!(channel, Channel::Conversation(_));
                if !is_conversation && channel.company() != Some(company) {
                    continue;
                }
                let member = self.store.membership(user, &id, &channel).await?;
                // A participant is in a conversation for their own sake, and a grant ends by itself.
                let for_its_sake = |member: &Member| {
                    member.grant.is_none() && (!is_conversation || member.team_of.as_ref() == Some(company))
                };
                let Some(member) = member.filter(for_its_sake) else { continue };
                match self.store.check_join(&identity, &channel, now()).await {
                    Ok(_) => {}
                    Err(Error::Forbidden(_)) => self.revoke(&channel, &[member], &reason).await?,
                    Err(error) => return Err(error),
                }
            }
        }
        tracing::info!(%user, %company, "access checked again");
        Ok(())
    }
}

/// Whether a member may not be in a conversation that is this, or over.
fn must_go(conversation: Option<&Conversation>, member: &Member) -> bool {
    conversation.is_none_or(|conversation| {
        let takes_part = conversation.participants.contains(&member.user);
        // Whoever is here by a grant never took part; they stay until that ends, or a `Kick` takes them out.
        member.grant.is_none()
            && !policy::may_stay_in_conversation(&conversation.company, takes_part, member.team_of.as_ref())
    })
}

fn text(reason: &str) -> Result<Text<MESSAGE_BYTES_MAX>, Error> {
    reason.to_owned().try_into()
}
