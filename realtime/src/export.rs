//! Exporting a conversation, or what is stored of a user, line by line: each line is one JSON object.
//!
//! Both go through the logs a page at a time, and hand each line on before the next one is made: they take the memory of a page,
//! however long a conversation is.

use std::collections::{BTreeSet, HashMap};

use funnelcast_aws::{
    config::Lease,
    table::{
        Stored,
        files::StoredFile,
        history::{Wanted, Window},
    },
};
use funnelcast_core::{
    Channel, ConversationId, Error, FileId, Seq, Timestamp, UserId,
    action::StatusReply,
    erasure,
    event::{Absent, Emoji},
    file::Attachment,
    frame::Event,
    identity::Name,
    moderation::Restriction,
};
use serde::Serialize;

use crate::{access::Access, erase::channels_of, history, membership::connection::status_of};

/// How many events are read at once.
const PAGE_EVENTS: usize = 100;

/// A line of the export of a user.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Line {
    /// A connection that is open.
    Connection {
        /// The user's display name.
        name: Name,
        /// The connection, and its channels.
        #[serde(flatten)]
        status: StatusReply,
    },
    /// What restricts the user in a company.
    Restriction {
        /// The company, or the conversation.
        scope: String,
        /// The restriction.
        #[serde(flatten)]
        restriction: Restriction,
    },
    /// A company or an experience in which Whop was asked for the user's role.
    Role {
        /// The company or the experience.
        place: String,
    },
    /// A conversation in which they take part, or have left something.
    Conversation {
        /// The conversation.
        conversation_id: ConversationId,
        /// Whether they take part.
        is_participant: bool,
        /// When they were last seen in it, if they take part and have left it.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_seen: Option<Timestamp>,
        /// Up to where they have received it.
        delivered: Seq,
        /// Up to where they have read it.
        read: Seq,
    },
    /// An event that they have sent, as it is now; or outside of conversations, one that names them.
    Event {
        /// The event.
        event: Event,
    },
    /// A message of somebody else's that mentions them, or to which they have reacted.
    Named {
        /// The conversation.
        conversation_id: ConversationId,
        /// The message.
        seq: Seq,
        /// Whether it mentions them.
        mentioned: bool,
        /// Their reactions.
        reactions: Vec<Emoji>,
    },
    /// An event that was sent to them alone.
    Notification {
        /// The event.
        event: Event,
    },
    /// A file of theirs.
    File {
        /// The conversation that it is for.
        channel: Channel,
        /// The message that names it.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<Seq>,
        /// The file. Its bytes are the object `file/{id}` of the bucket, and before it has been examined `upload/{id}`.
        file: Attachment,
    },
}

/// Exports a conversation, from its first event or from those after a place: what `history` gives, in order. Returns the last
/// place. 1 read by size for each 100 events, and 1 for the receipts of each.
///
/// # Errors
/// [`Error::Internal`] if the table fails; those of `line`.
pub async fn conversation(
    access: &Access,
    conversation: &ConversationId,
    after: Option<Seq>,
    mut line: impl FnMut(Event) -> Result<(), Error>,
) -> Result<Seq, Error> {
    let channel = Channel::Conversation(conversation.clone());
    let mut place = after.unwrap_or(Seq::ZERO);
    loop {
        let wanted = Wanted::default();
        let page = access.table.history(&channel, Window::After(place), PAGE_EVENTS, wanted).await?;
        let mut events = page.events;
        history::mark_all_read(access, &channel, &mut events).await?;
        place = page.next.or_else(|| events.last().and_then(|event| event.seq)).unwrap_or(place);
        events.into_iter().try_for_each(&mut line)?;
        if page.next.is_none() {
            return Ok(place);
        }
    }
}

/// Exports what is stored of a user: what they wrote, their files, what they were told, and what is said of them. What others
/// have written is theirs, and only named by its place. 6 reads, the logs of the channels in which they are and of their companies, 3 for each conversation and all of its log by size, and 1 for each
/// file.
///
/// # Errors
/// [`Error::Internal`] if the table fails; those of `line`.
pub async fn user(
    access: &Access,
    lease: Lease,
    user: &UserId,
    mut line: impl FnMut(Line) -> Result<(), Error>,
) -> Result<(), Error> {
    let table = &access.table;
    let connections = table.connections(user).await?;
    let channels: BTreeSet<String> =
        channels_of(table, user, &connections).await?.iter().map(Channel::to_string).collect();
    for connection in connections {
        line(Line::Connection { name: connection.name.clone(), status: status_of(connection, lease) })?;
    }
    for (scope, restriction) in table.restrictions_of(user).await? {
        line(Line::Restriction { scope, restriction })?;
    }
    for place in table.roles_of(user).await? {
        line(Line::Role { place })?;
    }
    let places = table.places(user).await?;
    for conversation in &places.conversations {
        of_conversation(access, conversation, user, &mut line).await?;
    }
    for channel in channels.iter().filter_map(|channel| channel.parse().ok()) {
        of_channel(access, &channel, user, &mut line).await?;
    }
    for id in places.files {
        of_file(access, &id, &mut line).await?;
    }
    Ok(())
}

/// What was sent to the user alone; of other channels but conversations, which are looked through by themselves, the events that
/// they have sent or that name them.
async fn of_channel(
    access: &Access,
    channel: &Channel,
    user: &UserId,
    line: &mut impl FnMut(Line) -> Result<(), Error>,
) -> Result<(), Error> {
    let is_own = *channel == Channel::User(user.clone());
    if matches!(channel, Channel::Conversation(_)) {
        return Ok(());
    }
    of_log(access, channel, line, async |stored| {
        let is_theirs = stored.from() == Some(user) || erasure::without(stored.data(), user) != stored.data();
        if !stored.lives() || !(is_own || is_theirs) {
            return Ok(None);
        }
        let event = stored.into_event(channel.clone())?.quoting(None)?;
        Ok(Some(if is_own { Line::Notification { event } } else { Line::Event { event } }))
    })
    .await
}

/// Goes through the log of a channel, page by page. Each event becomes a line, or none.
async fn of_log(
    access: &Access,
    channel: &Channel,
    line: &mut impl FnMut(Line) -> Result<(), Error>,
    of: impl AsyncFn(Stored) -> Result<Option<Line>, Error>,
) -> Result<(), Error> {
    let mut after = Seq::ZERO;
    loop {
        let (events, more) = access.table.log_page(channel, after).await?;
        after = events.last().map_or(after, |last| last.seq);
        for stored in events {
            if let Some(of) = of(stored).await? {
                line(of)?;
            }
        }
        if !more {
            return Ok(());
        }
    }
}

async fn of_file(
    access: &Access,
    id: &FileId,
    line: &mut impl FnMut(Line) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(StoredFile { channel, message, file, .. }) = access.table.file(id).await? else { return Ok(()) };
    line(Line::File { channel, message, file })
}

async fn of_conversation(
    access: &Access,
    conversation: &ConversationId,
    user: &UserId,
    line: &mut impl FnMut(Line) -> Result<(), Error>,
) -> Result<(), Error> {
    let (table, channel) = (&access.table, Channel::Conversation(conversation.clone()));
    let (receipts, seen) = tokio::try_join!(table.receipts(&channel), table.last_seen(conversation))?;
    let own = receipts.get(user).copied().unwrap_or_default();
    let seen: HashMap<UserId, Absent> = seen.into_iter().map(|of| (of.user_id.clone(), of)).collect();
    line(Line::Conversation {
        conversation_id: conversation.clone(),
        is_participant: seen.contains_key(user),
        last_seen: seen.get(user).and_then(|of| of.last_seen),
        delivered: own.delivered,
        read: own.read,
    })?;
    if let Some(restriction) = table.restriction_in(conversation, user).await? {
        line(Line::Restriction { scope: conversation.to_string(), restriction })?;
    }
    let of = async |stored| of_event(access, conversation, &channel, user, stored).await;
    of_log(access, &channel, line, of).await
}

/// What an event of a conversation says of a user.
async fn of_event(
    access: &Access,
    conversation: &ConversationId,
    channel: &Channel,
    user: &UserId,
    stored: Stored,
) -> Result<Option<Line>, Error> {
    if !stored.lives() {
        return Ok(None);
    }
    let mut named = None;
    let mut is_theirs = stored.from() == Some(user);
    if stored.is_of_messages() {
        let message = stored.message()?;
        is_theirs |= message.is_by(user);
        let (mentioned, reactions) = (message.body.mentions.contains(user), message.emojis_of(user));
        if mentioned || !reactions.is_empty() {
            let conversation_id = conversation.clone();
            named = Some(Line::Named { conversation_id, seq: stored.seq, mentioned, reactions });
        }
    }
    if !is_theirs {
        return Ok(named);
    }
    let events = access.table.quoted(channel, vec![stored.into_event(channel.clone())?]).await?;
    Ok(events.into_iter().next().map(|event| Line::Event { event }))
}
