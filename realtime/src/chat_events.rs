//! What the app's backend hears of conversations: events on the bus ([`chat_event`](funnelcast_core::chat_event)).
//!
//! The digest puts them, so no sender waits for it, and a crash puts them again. That nobody has seen a message is found out by a
//! timer, which is set only if none of its recipients is connected when the digest takes it into account.
//!
//! A device that has vanished counts as connected until its lease ends.

use std::{collections::BTreeSet, time::Duration};

use funnelcast_aws::{
    Config, Resource,
    bus::{Bus, BusEvent},
    table::{activity::ActiveConversation, conversations::Conversation, log::Unquoted},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Seq, UserId,
    chat_event::{ChatEvent, ChatEventType, SOURCE},
    event::EventName,
    frame::Event,
};
use futures_util::future::try_join_all;

use crate::{context::Realtime, deliver::DIRECT_MEMBERS_MAX, timer::Timer};

/// How long the recipients of a message have for seeing it.
const UNANSWERED_AFTER: Duration = Duration::from_secs(30);

/// The bus that the backend hears of conversations on.
#[derive(Debug)]
pub struct ChatEvents {
    bus: Bus,
}

/// Those whom a message is for.
#[derive(Debug, PartialEq, Eq)]
enum Recipients<'a> {
    /// The participants but the author.
    Participants(BTreeSet<&'a UserId>),
    /// The team, if there is no other participant.
    Team(&'a CompanyId),
}

impl ChatEvents {
    /// The bus that is configured, if the backend is to hear of conversations.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is misconfigured.
    pub async fn build(config: &Config) -> Result<Option<Self>, Error> {
        match &config.bus {
            Some(_) => Ok(Some(Self { bus: Bus::build(config).await? })),
            None => Ok(None),
        }
    }

    /// Tells of events that are new in the log of a conversation, and sets a timer for each message of which no recipient is
    /// among the users who are `present`: 1 event of the bus each, 1 read for each message that is quoted, and 1 message for each
    /// timer.
    ///
    /// # Errors
    /// [`Error::Internal`] if the bus, the table or the queue fails. The events must then be given again.
    pub async fn tell(
        &self,
        realtime: &Realtime,
        conversation: &ConversationId,
        known: Option<&Conversation>,
        new: Vec<Unquoted>,
        present: &BTreeSet<UserId>,
    ) -> Result<(), Error> {
        let channel = Channel::Conversation(conversation.clone());
        let events = realtime.table().quoted(&channel, new).await?;
        let unseen = events.iter().filter(|event| event.event == EventName::ChatMessage).filter(|event| {
            let author = event.from.as_ref().map(|from| &from.user_id);
            known.is_some_and(|known| !Recipients::of(known, author).include_any(present, author))
        });
        let timers = unseen.filter_map(|event| event.seq).map(async |seq| {
            let timer = Timer::Unanswered { conversation: conversation.clone(), seq };
            realtime.timers.set(&timer, UNANSWERED_AFTER).await
        });
        try_join_all(timers).await?;
        let told = events.into_iter().filter_map(|event| {
            let of = ChatEventType::of_new(event.event)?;
            Some((of, detail(conversation, known, event)))
        });
        self.put(told.collect()).await
    }

    /// Tells that none of the recipients of a message has seen it, if that is so: 2 reads, 1 for the receipts, 1 for the
    /// conversation's members and 1 for each recipient, or for the team; and 1 event of the bus.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table or the bus fails.
    pub async fn check_unanswered(
        &self,
        realtime: &Realtime,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<(), Error> {
        let channel = Channel::Conversation(conversation.clone());
        let table = realtime.table();
        let (stored, active) =
            tokio::try_join!(table.stored_message(&channel, seq), table.active_conversation(conversation))?;
        let Some(stored) = stored.filter(|stored| stored.body().is_ok_and(|body| body.deleted_at.is_none()))
        else {
            return Ok(()); // it has expired, or nothing is left of it to tell
        };
        let ActiveConversation { conversation: Some(known), activity } = active else { return Ok(()) };
        let (author, n) = (stored.author().cloned(), stored.n());
        let recipients = Recipients::of(&known, author.as_ref());
        let receipts = table.receipts(&channel).await?;
        let seen =
            receipts.into_iter().filter(|(_, receipts)| seq <= receipts.delivered).map(|(user, _)| user);
        let sent = activity.sent.into_iter().filter(|(_, sent)| n < *sent).map(|(user, _)| user);
        if recipients.include_any(&seen.chain(sent).collect(), author.as_ref())
            || is_any_connected(realtime, &channel, &recipients, author.as_ref()).await?
        {
            return Ok(());
        }
        let events = table.quoted(&channel, vec![stored.into_event(channel.clone())?]).await?;
        let told = events
            .into_iter()
            .map(|event| (ChatEventType::MessageUnanswered, detail(conversation, Some(&known), event)));
        self.put(told.collect()).await
    }

    async fn put(&self, told: Vec<(ChatEventType, ChatEvent)>) -> Result<(), Error> {
        let mut events = Vec::with_capacity(told.len());
        for (of, detail) in told {
            let detail = serde_json::to_value(detail)
                .map_err(|error| Error::internal("an event of the bus", &error))?;
            events.push(BusEvent { source: SOURCE, detail_type: of.as_str(), detail });
        }
        self.bus.put(&events).await
    }
}

impl<'a> Recipients<'a> {
    fn of(known: &'a Conversation, author: Option<&UserId>) -> Self {
        let others: BTreeSet<_> =
            known.participants.iter().filter(|participant| Some(*participant) != author).collect();
        if others.is_empty() { Self::Team(&known.company) } else { Self::Participants(others) }
    }

    /// Whether any of the users is one. Whoever is in a conversation and neither its author nor a participant is of the team.
    fn include_any(&self, users: &BTreeSet<UserId>, author: Option<&UserId>) -> bool {
        match self {
            Self::Participants(participants) => {
                participants.iter().any(|participant| users.contains(*participant))
            }
            Self::Team(_) => users.iter().any(|user| Some(user) != author),
        }
    }
}

/// Whether any recipient has a connection: in the conversation, or one that hears of their inbox.
async fn is_any_connected(
    realtime: &Realtime,
    channel: &Channel,
    recipients: &Recipients<'_>,
    author: Option<&UserId>,
) -> Result<bool, Error> {
    let table = realtime.table();
    let is_any_in = async |channel: &Channel| -> Result<bool, Error> {
        // More members than these are not the author's devices.
        let members = table.few_members(channel, DIRECT_MEMBERS_MAX).await?;
        let users = members.map(|members| members.into_iter().map(|member| member.user).collect());
        Ok(users.is_none_or(|users| recipients.include_any(&users, author)))
    };
    if is_any_in(channel).await? {
        return Ok(true);
    }
    match recipients {
        Recipients::Team(company) => is_any_in(&Channel::Inbox((*company).clone())).await,
        Recipients::Participants(participants) => {
            for user in participants {
                let of_user = Channel::User((*user).clone());
                if !table.members_of_user(&of_user, user).await?.is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn detail(conversation: &ConversationId, known: Option<&Conversation>, event: Event) -> ChatEvent {
    ChatEvent {
        conversation_id: conversation.clone(),
        company_id: known.map(|known| known.company.clone()),
        participants: known.map(|known| known.participants.clone()).unwrap_or_default(),
        event,
    }
}
