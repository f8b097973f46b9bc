//! The digest: what the log of a conversation means for inboxes. It follows the table's stream, so no sender waits for it.
//!
//! The records of a conversation are taken into account together: one write, and one `inbox.update` to each who may want to
//! know. They may come again after a crash, which changes nothing that is stored; the update is then posted again, in case the
//! crash was before the posts. A device whose post failed is owed the update, because the update is no event of a log, and a
//! device that stays connected has no reason to ask for the inbox again. An update that comes twice or late changes nothing:
//! clients take the later of two by `at`, and `readN` never goes back.
//!
//! # Layout
//! - here: the news of a conversation
//! - `late`: records that come after what they say may have been erased

pub(crate) mod late;

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_aws::{
    clock::now,
    spending::{self, price},
    table::{
        Member, activity::ActiveConversation, conversations::Conversation, log::Unquoted,
        postings::TextChange,
    },
};
use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, Timestamp, UserId,
    event::EventName,
    frame::Event,
    inbox::{Activity, InboxUpdate, LogNews},
    moderation::RestrictionKind,
};
use futures_util::future::try_join_all;
use serde_json::value::to_raw_value;

use crate::{
    chat_events::{ChatEvents, MEMBERS_MAX, Present},
    context::Realtime,
    deliver::{self, Delivery},
    search::postings,
};

/// What is new in the log of one conversation, in its order.
#[derive(Debug, Default)]
pub struct News {
    /// What inboxes make of it.
    pub news: Vec<LogNews>,
    /// The events that are new.
    pub events: Vec<Unquoted>,
    /// What has become of the texts of messages, if they are indexed.
    pub texts: Vec<TextChange>,
}

/// What has been taken into account.
#[derive(Debug)]
pub struct Digested {
    /// The conversation's company; `None` if it was never set, or has ended.
    pub company: Option<CompanyId>,
    /// How many new messages there are.
    pub messages: usize,
}

/// Takes news of a conversation's log into account, at the cost of the users who wrote the messages: what
/// [`learn`](funnelcast_aws::Table::learn) costs and, if the last message is new or has changed, 1 read for the conversation's
/// members, 1 for each participant, 1 more for each who has a device there, and 1 for the team, and the posts; what
/// [`ChatEvents::tell`] costs, if the backend is to hear of it; and what the changes of texts cost in the index of the company
/// (`postings::index`). What is older than half a minute is looked at again, in case its user has been erased since: 1 read by size each.
///
/// # Errors
/// [`Error::Internal`] if the table, the queue or the bus fails. The news must then be given again.
pub async fn digest(
    realtime: &Realtime,
    chat_events: Option<&ChatEvents>,
    conversation: &ConversationId,
    News { mut news, mut events, mut texts }: News,
) -> Result<Digested, Error> {
    let channel = Channel::Conversation(conversation.clone());
    late::without_erased(realtime.table(), &channel, &mut news, &mut events, &mut texts).await?;
    let messages = events.iter().filter(|event| event.event().event == EventName::ChatMessage).count();
    let (digested, dollars) = spending::counted(Box::pin(async {
        let active = if news.is_empty() {
            realtime.table().active_conversation(conversation).await?
        } else {
            realtime.table().learn(conversation, &news).await?
        };
        let mut present = Present::default();
        if concerns_last(&news, &active.activity) {
            present = tell(realtime, conversation, &active).await?;
        }
        if let Some(chat_events) = chat_events.filter(|_| !events.is_empty()) {
            let known = active.conversation.as_ref();
            chat_events.tell(realtime, conversation, known, events, present).await?;
        }
        postings::index(realtime.table(), active.owners.as_ref(), &texts).await?;
        Ok(Digested { company: active.conversation.map(|known| known.company), messages })
    }))
    .await;
    let senders = senders(&news, &texts);
    let share = (dollars + price::INVOCATION) / f64::from(u32::try_from(senders.len()).unwrap_or(u32::MAX));
    for sender in senders.into_iter().filter(|sender| Some(*sender) != realtime.agent.as_ref()) {
        realtime.access.rates.charge(sender, share, now()).await;
    }
    digested
}

/// Whether the last message of a conversation is as it is because of this news, which may have come before.
fn concerns_last(news: &[LogNews], activity: &Activity) -> bool {
    let Some(last) = &activity.last else { return false };
    news.iter().any(|news| match news {
        LogNews::Message(message) => message.shown.seq == last.shown.seq && message.changes == last.changes,
        LogNews::Gone(seq) => *seq == last.shown.seq,
        LogNews::BeginsAfter(_) => false,
    })
}

/// The users who sent messages that are new, or whose text has changed in the index.
fn senders<'a>(news: &'a [LogNews], texts: &'a [TextChange]) -> BTreeSet<&'a UserId> {
    let new = news.iter().filter_map(|news| match news {
        LogNews::Message(message) if message.changes == 0 => message.shown.from.as_ref(),
        _ => None,
    });
    let indexed = texts.iter().filter_map(|text| text.author.as_ref());
    new.map(|from| &from.user_id).chain(indexed).collect()
}

/// Posts the last message to the devices of the participants on which the conversation is not open, and to the team. Returns who
/// of the former hears of it: a device that is gone hears nothing. With more than [`MEMBERS_MAX`] members, those on which it is open are told as well.
async fn tell(
    realtime: &Realtime,
    conversation: &ConversationId,
    active: &ActiveConversation,
) -> Result<Present, Error> {
    let ActiveConversation { conversation: Some(known), activity, .. } = active else {
        return Ok(Present::default());
    };
    let now = now();
    let update = InboxUpdate {
        conversation_id: conversation.clone(),
        company_id: Some(known.company.clone()),
        n: Some(activity.n()),
        last: activity.last(now).cloned(),
        read_n: None,
    };
    let channel = Channel::Conversation(conversation.clone());
    let members = realtime.table().few_members(&channel, MEMBERS_MAX).await?.unwrap_or_default();
    let mut present = Present::in_conversation(&members, now);
    let open: BTreeSet<ConnectionId> = members.into_iter().map(|member| member.connection).collect();
    let participants = async {
        let elsewhere = devices_of_all(realtime, &known.participants, &open).await?;
        let banned = banned_among(realtime, conversation, known, elsewhere.keys().copied(), now);
        let banned = Box::pin(banned).await?; // the SDK's futures are large
        let told = elsewhere.into_iter().filter(|(user, _)| !banned.contains(*user));
        let posts = told.map(async |(user, devices)| -> Result<Option<UserId>, Error> {
            // Their own message may not be the last one any more, and who sends has read.
            let update = InboxUpdate { read_n: activity.sent.get(user).copied(), ..update.clone() };
            let event = inbox_event(Channel::User(user.clone()), &update, now)?;
            let tally = deliver::post_or_owe(realtime, event, &devices, None).await?;
            Ok((tally.sent > 0).then(|| user.clone()))
        });
        try_join_all(posts).await
    };
    let team = inbox_event(Channel::Inbox(known.company.clone()), &update, now)?;
    let team = deliver::deliver_or_queue(realtime, Delivery::to_all(team, None));
    let (elsewhere, ()) = tokio::try_join!(participants, team)?;
    present.users.extend(elsewhere.into_iter().flatten());
    Ok(present)
}

/// The members by which each of these users hears of their inbox, if any: 1 read for each user.
async fn devices_of_all<'a>(
    realtime: &Realtime,
    users: &'a BTreeSet<UserId>,
    except: &BTreeSet<ConnectionId>,
) -> Result<BTreeMap<&'a UserId, Vec<Member>>, Error> {
    let of_each = try_join_all(users.iter().map(|user| devices(realtime, user, except))).await?;
    Ok(users.iter().zip(of_each).filter(|(_, devices)| !devices.is_empty()).collect())
}

/// The members by which a user hears of their inbox, but for some connections: 1 read.
async fn devices(
    realtime: &Realtime,
    user: &UserId,
    except: &BTreeSet<ConnectionId>,
) -> Result<Vec<Member>, Error> {
    let mut members = realtime.table().members_of_user(&Channel::User(user.clone()), user).await?;
    members.retain(|member| !except.contains(&member.connection));
    Ok(members)
}

/// Which of these users may not read a conversation: 2 items for each in 1 call, and for each who is banned 1 read more, because
/// nothing restricts the company's team. Who is of it is known by their tokens; Whop is not asked here, where nobody waits for an
/// answer.
async fn banned_among(
    realtime: &Realtime,
    conversation: &ConversationId,
    known: &Conversation,
    users: impl IntoIterator<Item = &UserId>,
    now: Timestamp,
) -> Result<BTreeSet<UserId>, Error> {
    let restricted = realtime.table().restricted_among(conversation, &known.company, users, now).await?;
    let banned = restricted.into_iter().filter(|(_, kind)| *kind == RestrictionKind::Ban);
    let banned = banned.map(async |(user, _)| -> Result<Option<UserId>, Error> {
        let connections = realtime.table().connections(&user).await?;
        let mut identities = connections.into_iter().map(|connection| connection.into_caller(now).identity);
        Ok((!identities.any(|identity| identity.is_team_of(&known.company))).then_some(user))
    });
    Ok(try_join_all(banned).await?.into_iter().flatten().collect())
}

/// Posts an update to a user's connections, but for those that know of it, or has the queue post it: 1 read.
///
/// # Errors
/// [`Error::Internal`] if the table or the queue fails.
pub(crate) async fn tell_user(
    realtime: &Realtime,
    user: &UserId,
    update: &InboxUpdate,
    except: &BTreeSet<ConnectionId>,
    at: Timestamp,
) -> Result<(), Error> {
    let devices = devices(realtime, user, except).await?;
    let event = inbox_event(Channel::User(user.clone()), update, at)?;
    deliver::post_or_owe(realtime, event, &devices, None).await.map(drop)
}

fn inbox_event(channel: Channel, update: &InboxUpdate, at: Timestamp) -> Result<Event, Error> {
    let data = to_raw_value(update).map_err(|error| Error::internal("an update of an inbox", &error))?;
    Ok(Event { channel, event: EventName::InboxUpdate, seq: None, at, from: None, key: None, data })
}
