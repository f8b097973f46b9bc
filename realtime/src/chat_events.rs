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
    clock::now,
    table::{Member, activity::ActiveConversation, conversations::Conversation, log::Unquoted},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, Seq, Timestamp, UserId,
    chat_event::{ChatEvent, ChatEventType, SOURCE},
    event::EventName,
    frame::Event,
    moderation::RestrictionKind,
};
use futures_util::future::try_join_all;
use serde::Deserialize;

use crate::{context::Realtime, timer::Timer};

/// How long the recipients of a message have for seeing it.
const UNANSWERED_AFTER: Duration = Duration::from_secs(30);
/// The most members of a conversation that are looked at.
pub(crate) const MEMBERS_MAX: usize = 1_000;
/// How many of those who follow the inbox of a company are looked at.
const INBOX_MEMBERS_MAX: usize = 100;

/// The bus that the backend hears of conversations on.
#[derive(Debug)]
pub struct ChatEvents {
    bus: Bus,
}

/// Who is connected, and hears of a message.
#[derive(Debug, Default)]
pub struct Present {
    /// All of them.
    pub users: BTreeSet<UserId>,
    /// Those who are here as one of the team.
    pub team: BTreeSet<UserId>,
}

/// Those whom a message is for.
#[derive(Debug, PartialEq, Eq)]
enum Recipients<'a> {
    /// The participants but the author, and but those who are banned.
    Participants(BTreeSet<&'a UserId>),
    /// The team, if there is no other participant.
    Team,
}

impl Present {
    /// Who is in a conversation.
    pub(crate) fn in_conversation(members: &[Member], now: Timestamp) -> Self {
        let mut present = Self::default();
        for member in members.iter().filter(|member| member.is_live(now)) {
            present.users.insert(member.user.clone());
            if member.team_of.is_some() {
                present.team.insert(member.user.clone());
            }
        }
        present
    }

    /// Adds those who follow the inbox of the company: 1 read.
    async fn with_inbox(mut self, realtime: &Realtime, company: &CompanyId) -> Result<Self, Error> {
        // Of a larger team the rest is not needed: who is recognised among these is enough, or nobody is.
        let inbox = Channel::Inbox(company.clone());
        let mut members = realtime.table().members(&inbox).page_size(INBOX_MEMBERS_MAX);
        let now = now();
        for member in members.next().await?.into_iter().flatten().filter(|member| member.is_live(now)) {
            self.users.insert(member.user.clone());
            self.team.insert(member.user);
        }
        Ok(self)
    }
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
    /// `present`, or follows the inbox of the company: 1 event of the bus each, 1 read for each message that is quoted, and, if
    /// nobody is present, 1 read and 1 message for each timer.
    ///
    /// # Errors
    /// [`Error::Internal`] if the bus, the table or the queue fails. The events must then be given again.
    pub async fn tell(
        &self,
        realtime: &Realtime,
        conversation: &ConversationId,
        known: Option<&Conversation>,
        new: Vec<Unquoted>,
        present: Present,
    ) -> Result<(), Error> {
        let channel = Channel::Conversation(conversation.clone());
        let events = realtime.table().quoted(&channel, new).await?;
        if let Some(known) = known {
            let messages = events.iter().filter(|event| event.event == EventName::ChatMessage);
            let messages = messages.filter_map(|event| Some((event.seq?, author_of(event)))).collect();
            self.set_timers(realtime, conversation, known, messages, present).await?;
        }
        let told = events.into_iter().filter_map(|event| {
            let of = ChatEventType::of_new(event.event)?;
            Some((of, detail(conversation, known, event)))
        });
        self.put(told.collect()).await
    }

    async fn set_timers(
        &self,
        realtime: &Realtime,
        conversation: &ConversationId,
        known: &Conversation,
        mut messages: Vec<(Seq, Option<UserId>)>,
        present: Present,
    ) -> Result<(), Error> {
        let is_unseen = |author: &Option<UserId>, present: &Present| {
            let author = author.as_ref();
            !Recipients::of(known, author, &BTreeSet::new()).are_among(present, author)
        };
        messages.retain(|(_, author)| is_unseen(author, &present));
        if messages.is_empty() {
            return Ok(());
        }
        let present = present.with_inbox(realtime, &known.company).await?;
        messages.retain(|(_, author)| is_unseen(author, &present));
        let timers = messages.into_iter().map(async |(seq, _)| {
            let timer = Timer::Unanswered { conversation: conversation.clone(), seq };
            realtime.timers.set(&timer, UNANSWERED_AFTER).await
        });
        try_join_all(timers).await.map(drop)
    }

    /// Tells that none of the recipients of a message has seen it, if that is so: 7 reads, of which one has 2 items for each
    /// participant; 1 more for each recipient beyond the first; and 1 event of the bus.
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
        let (Some(stored), ActiveConversation { conversation: Some(known), activity, .. }) = (stored, active)
        else {
            return Ok(()); // the message has expired, or the conversation has ended
        };
        let body = stored.body()?;
        if body.deleted_at.is_some() {
            return Ok(()); // nothing is left of it to tell
        }
        let author = body.user_id.as_ref();
        let others = known.participants.iter().filter(|user| Some(*user) != author);
        let restricted = table.restricted_among(conversation, &known.company, others, now()).await?;
        let banned = restricted.into_iter().filter(|(_, kind)| *kind == RestrictionKind::Ban);
        let banned = banned.map(|(user, _)| user).collect();
        let recipients = Recipients::of(&known, author, &banned);
        let receipts = table.receipts(&channel).await?;
        let received =
            receipts.iter().filter(|(_, receipts)| seq <= receipts.delivered).map(|(user, _)| user);
        let answered = activity.sent.iter().filter(|(_, sent)| stored.n() < **sent).map(|(user, _)| user);
        if recipients.have_seen(received, answered, author)
            || are_any_connected(realtime, &channel, &known, &recipients, author).await?
        {
            return Ok(());
        }
        let recipients = recipients.into_participants();
        let events = table.quoted(&channel, vec![stored.into_event(channel.clone())?]).await?;
        let told = events.into_iter().map(|event| {
            let detail = ChatEvent {
                recipients: Some(recipients.clone()),
                ..detail(conversation, Some(&known), event)
            };
            (ChatEventType::MessageUnanswered, detail)
        });
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
    fn of(known: &'a Conversation, author: Option<&UserId>, banned: &BTreeSet<UserId>) -> Self {
        let is_one = |user: &&UserId| Some(*user) != author && !banned.contains(*user);
        let others: BTreeSet<_> = known.participants.iter().filter(is_one).collect();
        if others.is_empty() { Self::Team } else { Self::Participants(others) }
    }

    /// Whether any of them is present.
    fn are_among(&self, present: &Present, author: Option<&UserId>) -> bool {
        match self {
            Self::Participants(participants) => participants.iter().any(|user| present.users.contains(*user)),
            Self::Team => present.team.iter().any(|user| Some(user) != author),
        }
    }

    /// Whether any of them has received a message, or has sent a later one. Who of the team has received it is not known: of
    /// somebody else who has, a guest perhaps, nothing says so.
    fn have_seen<'b>(
        &self,
        received: impl Iterator<Item = &'b UserId>,
        mut answered: impl Iterator<Item = &'b UserId>,
        author: Option<&UserId>,
    ) -> bool {
        match self {
            Self::Participants(participants) => {
                received.chain(answered).any(|user| participants.contains(user))
            }
            Self::Team => answered.any(|user| Some(user) != author),
        }
    }

    fn into_participants(self) -> BTreeSet<UserId> {
        match self {
            Self::Participants(participants) => participants.into_iter().cloned().collect(),
            Self::Team => BTreeSet::new(),
        }
    }
}

/// Whether any recipient has a connection: in the conversation, or one that hears of an inbox in which it is.
async fn are_any_connected(
    realtime: &Realtime,
    channel: &Channel,
    known: &Conversation,
    recipients: &Recipients<'_>,
    author: Option<&UserId>,
) -> Result<bool, Error> {
    let (table, now) = (realtime.table(), now());
    let members = table.few_members(channel, MEMBERS_MAX).await?.unwrap_or_default();
    let present = Present::in_conversation(&members, now).with_inbox(realtime, &known.company).await?;
    if recipients.are_among(&present, author) {
        return Ok(true);
    }
    if let Recipients::Participants(participants) = recipients {
        for user in participants {
            let devices = table.members_of_user(&Channel::User((*user).clone()), user).await?;
            if devices.iter().any(|device| device.is_live(now)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The author of a message, also if the backend has sent it for them.
fn author_of(event: &Event) -> Option<UserId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Author {
        user_id: Option<UserId>,
    }
    serde_json::from_str::<Author>(event.data.get()).ok()?.user_id
}

fn detail(conversation: &ConversationId, known: Option<&Conversation>, event: Event) -> ChatEvent {
    ChatEvent {
        conversation_id: conversation.clone(),
        company_id: known.map(|known| known.company.clone()),
        participants: known.map(|known| known.participants.clone()).unwrap_or_default(),
        recipients: None,
        event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }

    fn users(names: &[&str]) -> BTreeSet<UserId> {
        names.iter().map(|name| user(name)).collect()
    }

    /// A conversation with these participants, of which Mel is banned.
    fn seen_by(participants: &[&str], present: &[&str], team: &[&str]) -> bool {
        let company = "biz_1".parse().unwrap();
        let known = Conversation { company, participants: users(participants), title: None };
        let (ann, present) = (user("ann"), Present { users: users(present), team: users(team) });
        Recipients::of(&known, Some(&ann), &users(&["mel"])).are_among(&present, Some(&ann))
    }

    #[test]
    fn who_counts_as_a_recipient() {
        assert!(seen_by(&["ann", "bob"], &["bob"], &[]));
        assert!(!seen_by(&["ann", "bob"], &["ann"], &[]), "the author is none");
        assert!(!seen_by(&["ann", "bob"], &["sam"], &["sam"]), "a colleague of the author is none");
        assert!(!seen_by(&["ann", "bob", "mel"], &["mel"], &[]), "who is banned is none");
        assert!(seen_by(&["ann"], &["sam"], &["sam"]), "the team is, where nobody else is");
        assert!(seen_by(&["ann", "mel"], &["sam"], &["sam"]));
        assert!(!seen_by(&["ann"], &["guest"], &[]), "a guest is not of the team");
        assert!(!seen_by(&["ann"], &["ann"], &["ann"]));
    }

    #[test]
    fn who_has_received_it_or_answered_has_seen_it() {
        let company = "biz_1".parse().unwrap();
        let (ann, bob, guest) = (user("ann"), user("bob"), user("guest"));
        let pair = Conversation { company, participants: users(&["ann", "bob"]), title: None };
        let alone = Conversation { participants: users(&["ann"]), ..pair.clone() };
        let seen = |known: &Conversation, received: &[&UserId], answered: &[&UserId]| {
            let recipients = Recipients::of(known, Some(&ann), &BTreeSet::new());
            recipients.have_seen(received.iter().copied(), answered.iter().copied(), Some(&ann))
        };
        assert!(seen(&pair, &[&bob], &[]) && seen(&pair, &[], &[&bob]));
        assert!(!seen(&pair, &[&ann, &guest], &[&ann, &guest]));
        assert!(seen(&alone, &[], &[&bob]), "somebody has answered");
        assert!(!seen(&alone, &[&guest], &[&ann]), "nobody knows whether that was one of the team");
    }

    #[test]
    fn the_author_is_the_one_whom_the_message_names() {
        let event = |data: &str| Event {
            channel: "conversation:c1".parse().unwrap(),
            event: EventName::ChatMessage,
            seq: None,
            at: Timestamp::from_secs(0),
            from: None,
            key: None,
            data: serde_json::value::RawValue::from_string(data.to_owned()).unwrap(),
        };
        assert_eq!(author_of(&event(r#"{"userId":"bob","content":"hi"}"#)), Some(user("bob")));
        assert_eq!(author_of(&event(r#"{"content":"hi"}"#)), None);
    }
}
