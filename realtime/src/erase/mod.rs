//! Erasing a user: what they wrote, their files, and every row that names them, in every conversation that they were in. Others'
//! conversations stay readable, and those who are in them see their messages vanish as when they are deleted one by one.
//!
//! A run first bars the user and ends their connections, and then goes from place to place ([`places`](funnelcast_aws::table::places)).
//! Each step finds what is left by itself, so a run that was interrupted is repeated from its beginning, and does then what is still to
//! be done. What was under way when the user was barred (a message, a `join`, a record of the table's stream) is found by a
//! last run a minute later, which forgets the places as well.
//!
//! # Layout
//! - here: a run, place by place
//! - `log`: a log

mod log;

use std::{collections::BTreeSet, time::Duration};

use funnelcast_aws::{
    Table,
    clock::now,
    table::{connections::Connection, erasure::Erasure, restrictions::OnErasure},
};
use funnelcast_core::{
    Channel, CompanyId, ConversationId, Error, ExperienceId, FileId, Timestamp, UserId, event::EventName,
};
use serde::Serialize;

use self::log::{ErasedInLog, LogEraser};
use crate::{calls, context::Realtime, membership::connection, revoke, timer::JOIN_TIME_MAX};

/// How long after its beginning the last run is made: by then no `join` and no frame of before is under way, and the stream has
/// brought what was written.
pub const SETTLED_AFTER: Duration = JOIN_TIME_MAX.saturating_mul(2);
/// How long a user is barred unless something else is said. Whoever has a token that is valid for longer could come back with it.
pub const BARRED_FOR: Duration = Duration::from_hours(24);
/// The reason given to devices that are removed.
const ERASED: &str = "this user has been erased";
/// What the ids of experiences begin with.
const EXPERIENCE_PREFIX: &str = "exp_";

/// Whom to erase.
#[derive(Debug, Clone)]
pub struct Erase {
    /// The user.
    pub user: UserId,
    /// What becomes of their mutes and bans.
    pub restrictions: OnErasure,
    /// How long they are barred.
    pub bar: Duration,
    /// Channels that are looked through as well: such as rooms in which they have been.
    pub also: Vec<Channel>,
}

impl Erase {
    /// The erasure of a user, with the defaults.
    pub const fn of(user: UserId) -> Self {
        Self { user, restrictions: OnErasure::Remove, bar: BARRED_FOR, also: Vec::new() }
    }
}

/// What a run has erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// Connections that were closed.
    pub connections: usize,
    /// Conversations that were looked through.
    pub conversations: usize,
    /// Messages that were deleted.
    pub messages: usize,
    /// Reactions to others' messages that were taken back.
    pub reactions: usize,
    /// Other events that no longer say anything of them.
    pub events: usize,
    /// Files that were in no message.
    pub files: usize,
    /// Rows of their own that were removed.
    pub rows: usize,
}

impl Erased {
    const fn add(&mut self, ErasedInLog { messages, reactions, events }: ErasedInLog) {
        self.messages += messages;
        self.reactions += reactions;
        self.events += events;
    }
}

/// What is to be done after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another run, not before this time.
    Again(Timestamp),
    /// Nothing.
    Done,
}

/// Makes one run. `seen` is told of each conversation that it comes to, and how many there are.
///
/// It costs, beside what [`revoke`](revoke::revoke) costs for each membership, a read of all of each conversation's log and of the
/// logs of its company by size; 1 transaction for each message; 1 write for each other event that names the user; and for each
/// conversation some 9 reads and 6 writes.
///
/// # Errors
/// [`Error::Internal`] if the table, the gateway or a queue fails. What was done stays done; the run is then to be repeated.
pub async fn run(
    realtime: &Realtime,
    erase: &Erase,
    now: Timestamp,
    mut seen: impl FnMut(&ConversationId, usize),
) -> Result<(Erased, Progress), Error> {
    let (table, user) = (realtime.table(), &erase.user);
    let mut erased = Erased::default();
    let mut erasure = table.begin_erasure(user, now, erase.bar).await?;
    realtime.access.rates.bar(user, erasure.begun_at + erase.bar).await?;
    let is_last = erasure.looked && erasure.begun_at + SETTLED_AFTER <= now;

    let connections = table.connections(user).await?;
    let mut known = channels_of(table, user, &connections).await?;
    known.extend(erase.also.iter().cloned());
    table.note_erasure_channels(user, &mut erasure, &known).await?;
    disconnect(realtime, user, &erasure.channels(), &mut erased).await?;

    let mut places = table.places(user).await?;
    let (conversations, others): (Vec<_>, Vec<_>) =
        erasure.channels().into_iter().partition(|channel| matches!(channel, Channel::Conversation(_)));
    places.conversations.extend(conversations.into_iter().filter_map(as_conversation));
    let mut companies = BTreeSet::new();
    for conversation in &places.conversations {
        seen(conversation, places.conversations.len());
        companies
            .extend(erase_conversation(realtime, erase, conversation, &erasure, is_last, &mut erased).await?);
    }
    let mut rest: BTreeSet<String> = others.iter().map(Channel::to_string).collect();
    rest.extend(companies.iter().flat_map(channels_of_company).map(|channel| channel.to_string()));
    for channel in rest.iter().filter_map(|channel| channel.parse().ok()) {
        erase_channel(realtime, user, &channel, &erasure, &mut erased).await?;
    }
    erase_files(realtime, user, &places.files, &mut erased).await?;
    table.forget_restrictions(user, erase.restrictions).await?;
    erased.rows += table.forget_own_rows(user, &[realtime.access.rates.bar_account()]).await?;
    let progress = if is_last {
        table.end_erasure(user).await?;
        Progress::Done
    } else {
        table.note_erasure_looked(user).await?;
        Progress::Again(erasure.begun_at + SETTLED_AFTER)
    };
    tracing::info!(?erased, ?progress, "a user is erased");
    Ok((erased, progress))
}

/// The channels in which the user is or was, as far as their own rows tell.
pub(crate) async fn channels_of(
    table: &Table,
    user: &UserId,
    connections: &[Connection],
) -> Result<Vec<Channel>, Error> {
    let mut channels = Vec::new();
    let mut companies = table.companies_of(user).await?;
    for connection in connections {
        let joined = connection.channels.iter().chain(&connection.leaves);
        channels.extend(joined.map(|joined| joined.channel.clone()));
        channels.extend(connection.rooms.iter().cloned().map(Channel::Room));
        channels.extend(connection.experiences.iter().cloned().map(Channel::Experience));
        companies.extend(connection.companies.iter().map(|company| company.id.clone()));
    }
    channels.extend(companies.iter().flat_map(channels_of_company));
    channels.push(Channel::User(user.clone()));
    Ok(channels)
}

/// The channels whose events may name users of a company; or the one of an experience, which stands among companies.
fn channels_of_company(company: &CompanyId) -> Vec<Channel> {
    if company.as_str().starts_with(EXPERIENCE_PREFIX) {
        let experience = company.as_str().parse::<ExperienceId>();
        return experience.into_iter().map(Channel::Experience).collect();
    }
    let of = [Channel::Company, Channel::FunnelUpdates, Channel::ResourceUpdates, Channel::Analytics];
    of.map(|channel| channel(company.clone())).into()
}

fn as_conversation(channel: Channel) -> Option<ConversationId> {
    match channel {
        Channel::Conversation(conversation) => Some(conversation),
        _ => None,
    }
}

/// Removes the user from these channels, and closes their connections.
async fn disconnect(
    realtime: &Realtime,
    user: &UserId,
    channels: &[Channel],
    erased: &mut Erased,
) -> Result<(), Error> {
    for channel in channels {
        remove_from(realtime, user, channel).await?;
    }
    erased.connections += connection::close(realtime, user, None).await?.len();
    Ok(())
}

/// Removes the user from a channel: their memberships, and what its members were told of them.
async fn remove_from(realtime: &Realtime, user: &UserId, channel: &Channel) -> Result<(), Error> {
    let members = realtime.table().members_of_user(channel, user).await?;
    if !members.is_empty() {
        revoke::revoke(realtime, channel, &members, &revoke::text(ERASED)?).await?;
    }
    if channel.kind().policy().presence { realtime.table().forget_told(channel, user).await } else { Ok(()) }
}

/// Erases the user from a conversation. Returns its company.
async fn erase_conversation(
    realtime: &Realtime,
    Erase { user, restrictions, .. }: &Erase,
    conversation: &ConversationId,
    erasure: &Erasure,
    is_last: bool,
    erased: &mut Erased,
) -> Result<Option<CompanyId>, Error> {
    let (table, channel) = (realtime.table(), Channel::Conversation(conversation.clone()));
    // First, so that the conversation is found again whatever else is done by then.
    table.note_place(&channel, user).await?;
    remove_from(realtime, user, &channel).await?;
    calls::erase(realtime, conversation, user).await?;
    let mut log = LogEraser::new(realtime, &channel, user, erasure);
    erased.add(log.erase().await?);
    table.forget_outbox(&channel, user, async |event, data| log.is_of_their_file(event, data).await).await?;
    table.forget_in_activity(conversation, user).await?;
    table.forget_restrictions_in(conversation, user, *restrictions).await?;
    table.forget_participant(conversation, user).await?;
    if is_last {
        table.forget_place(&channel, user).await?;
    } else {
        table.forget_receipts(&channel, user).await?;
    }
    erased.conversations += 1;
    table.last_company_of(conversation).await
}

/// Erases the user from what is kept of a channel that is no conversation.
async fn erase_channel(
    realtime: &Realtime,
    user: &UserId,
    channel: &Channel,
    erasure: &Erasure,
    erased: &mut Erased,
) -> Result<(), Error> {
    if *channel == Channel::User(user.clone()) {
        return Ok(()); // removed as a whole
    }
    let table = realtime.table();
    let mut log = LogEraser::new(realtime, channel, user, erasure);
    erased.add(log.erase().await?);
    table.rewrite_latest(channel, |data| funnelcast_core::erasure::without(data, user)).await?;
    table.forget_outbox(channel, user, async |_: EventName, _: &str| Ok(false)).await
}

async fn erase_files(
    realtime: &Realtime,
    user: &UserId,
    files: &BTreeSet<FileId>,
    erased: &mut Erased,
) -> Result<(), Error> {
    for file in files {
        erased.files += usize::from(realtime.table().remove_file_of(file, user).await?);
    }
    Ok(())
}

/// What an erasure would find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// Connections that would be closed.
    pub connections: usize,
    /// Conversations that would be looked through.
    pub conversations: usize,
    /// Messages that would be deleted.
    pub messages: usize,
    /// Files, in messages or not.
    pub files: usize,
}

/// What an erasure would find, and changes nothing: the reads of a run.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub async fn survey(realtime: &Realtime, erase: &Erase) -> Result<Survey, Error> {
    let (table, user) = (realtime.table(), &erase.user);
    let connections = table.connections(user).await?;
    let mut places = table.places(user).await?;
    let mut joined = channels_of(realtime.table(), &erase.user, &connections).await?;
    joined.extend(erase.also.iter().cloned());
    places.conversations.extend(joined.into_iter().filter_map(as_conversation));
    let mut survey = Survey {
        connections: connections.len(),
        conversations: places.conversations.len(),
        messages: 0,
        files: places.files.len(),
    };
    let now = now();
    for conversation in places.conversations {
        let channel = Channel::Conversation(conversation);
        let begun = Erasure::beginning(now);
        survey.messages += LogEraser::new(realtime, &channel, user, &begun).count().await?;
    }
    Ok(survey)
}
