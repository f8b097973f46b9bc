//! A channel of any size: the members are rows in the table, without sockets, and a gateway counts what is posted to each. A
//! process has file descriptors for some thousand sockets, but a channel may have more members.
//!
//! Only this module of the suite knows what a membership looks like in the table (`docs/architecture.md`).

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use serde_json::Value;

use crate::gateway::{DEAD, Gateway, Manner};
use crate::{Stack, eventually};

/// One in this many members is gone: a post to it is answered 410.
const DEAD_EVERY: usize = 100;

/// The expiry of everything that belongs to a crowd.
const FAR_FUTURE: &str = "2100-01-01T00:00:00.000Z";

/// Members of channels, behind a gateway that counts.
#[derive(Debug)]
pub struct Crowd {
    /// The gateway to which the stack posts.
    pub gateway: Gateway,
}

/// How many members received an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Living members that received it exactly once.
    pub once: usize,
    /// Living members that received it more than once.
    pub more: usize,
    /// Living members that never received it.
    pub never: usize,
}

impl Crowd {
    /// A gateway without members yet. It runs as long as the caller's runtime.
    pub async fn gather() -> Result<Self> {
        Self::behind(Manner::default()).await
    }

    /// The same, with a gateway that is slow or throttles.
    pub async fn behind(manner: Manner) -> Result<Self> {
        Ok(Self { gateway: Gateway::start(manner).await? })
    }

    /// The template's parameter that makes a stack post to this gateway.
    pub fn parameter(&self) -> String {
        format!("ManagementEndpoint={}", self.gateway.url())
    }

    /// Adds `members` members to a channel whose kind has `shards` shards. One in a hundred of them is gone.
    pub async fn join(&self, stack: &Stack, channel: &str, members: usize, shards: u32) -> Result<()> {
        let of_its_own =
            |connection: String| row(channel, &connection, &format!("user-of-{connection}"), shards);
        let rows = (0..members).map(|n| of_its_own(connection(channel, n))).collect();
        stack.backend().await?.put_rows(rows).await
    }

    /// Adds `members` members for each of these users to a channel of one shard. None of them is gone, and the others have been
    /// told of the users.
    pub async fn join_as(&self, stack: &Stack, channel: &str, users: &[&str], members: usize) -> Result<()> {
        let of_users = each_of(channel, users, members);
        let mut rows: Vec<_> =
            of_users.map(|(user, connection)| row(channel, &connection, user, 1)).collect();
        rows.extend(users.iter().map(|user| told_row(channel, user)));
        stack.backend().await?.put_rows(rows).await
    }

    /// How many of these members received an event that has no `seq`.
    pub fn told(&self, event: &str, channel: &str, users: &[&str], members: usize) -> Result<Heard> {
        let mut told = Heard { once: 0, more: 0, never: 0 };
        for (_, connection) in each_of(channel, users, members) {
            let mut times = 0;
            for frame in self.gateway.frames(&connection) {
                let frame: Value = serde_json::from_slice(&frame).context("a frame is not JSON")?;
                times += usize::from(frame["event"] == event && frame["channel"] == channel);
            }
            told.count(times);
        }
        Ok(told)
    }

    /// Fails unless exactly this many members are left in a channel of one shard.
    pub async fn left(&self, stack: &Stack, channel: &str, members: usize) -> Result<()> {
        let left = stack.backend().await?.count_rows(&format!("CH#{channel}#0")).await?;
        ensure!(left == members, "{left} members are left, not {members}");
        Ok(())
    }

    /// Waits until all living members have been posted an event, and returns how many received it. It goes on waiting as long as
    /// members without it become fewer.
    pub async fn heard(&self, channel: &str, seq: u64, members: usize) -> Result<Heard> {
        let mut heard = self.count(channel, seq, members)?;
        while heard.never > 0 {
            let before = heard.never;
            heard = eventually(&format!("{before} of {members} members to be posted to"), async || {
                let heard = self.count(channel, seq, members)?;
                Ok((heard.never < before).then_some(heard))
            })
            .await?;
        }
        Ok(heard)
    }

    /// Waits until all living members have been posted an event with this name, whatever its `seq`.
    pub async fn heard_of(&self, channel: &str, event: &str, members: usize) -> Result<()> {
        let name = format!(r#""event":"{event}""#);
        let is_it = |frame: &Bytes| frame.windows(name.len()).any(|part| part == name.as_bytes());
        let mut living = (0..members).filter(|n| !is_dead(*n)).map(|n| connection(channel, n));
        let mut waited_for = living.next();
        eventually(&format!("{members} members to be posted a {event}"), async || {
            while let Some(member) = &waited_for {
                if !self.gateway.frames(member).iter().any(is_it) {
                    return Ok(None);
                }
                waited_for = living.next();
            }
            Ok(Some(()))
        })
        .await
    }

    fn count(&self, channel: &str, seq: u64, members: usize) -> Result<Heard> {
        let mut mentions = HashMap::<Bytes, usize>::new(); // of the event, in each distinct frame
        let mut heard = Heard { once: 0, more: 0, never: 0 };
        for connection in (0..members).filter(|n| !is_dead(*n)).map(|n| connection(channel, n)) {
            let mut times = 0;
            for frame in self.gateway.frames(&connection) {
                times += match mentions.get(&frame) {
                    Some(known) => *known,
                    None => *mentions.entry(frame.clone()).or_insert(times_in(&frame, channel, seq)?),
                };
            }
            heard.count(times);
        }
        Ok(heard)
    }

    /// Waits until the rows of gone members have been removed.
    pub async fn forgotten(&self, stack: &Stack, channel: &str, members: usize, shards: u32) -> Result<()> {
        let backend = stack.backend().await?;
        let dead = (0..members).filter(|n| is_dead(*n)).count();
        eventually("the removal of gone members", async || {
            let mut left = 0;
            for shard in 0..shards {
                left += backend.count_rows(&format!("CH#{channel}#{shard}")).await?;
            }
            ensure!(left >= members - dead, "{left} rows are left of {members} members, {dead} of them gone");
            Ok((left == members - dead).then_some(()))
        })
        .await
    }
}

impl Heard {
    /// Counts a member that received the event this many times.
    fn count(&mut self, times: usize) {
        match times {
            0 => self.never += 1,
            1 => self.once += 1,
            _ => self.more += 1,
        }
    }
}

/// How often a frame contains an event.
fn times_in(frame: &[u8], channel: &str, seq: u64) -> Result<usize> {
    let frame: Value = serde_json::from_slice(frame).context("a frame is not JSON")?;
    let is_it = |event: &&Value| event["channel"] == channel && event["seq"] == seq;
    Ok(match frame["events"].as_array() {
        Some(batch) => batch.iter().filter(is_it).count(),
        None => usize::from(is_it(&&frame)),
    })
}

/// Adds a user to a channel of one shard by a connection that the gateway does not know, such as a crash between two writes may
/// leave. The other members have been told of the user.
pub async fn haunt(stack: &Stack, channel: &str, user: &str) -> Result<()> {
    let ghost = row(channel, &format!("ghost-of-{user}"), user, 1);
    stack.backend().await?.put_rows(vec![ghost, told_row(channel, user)]).await
}

/// Puts a row that cannot be read into the log of a channel, after all of its events.
pub async fn put_unreadable_message(stack: &Stack, channel: &str) -> Result<()> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let row = HashMap::from([
        ("pk".to_owned(), text(&format!("LOG#{channel}"))),
        ("sk".to_owned(), text("0009000000000000")),
        ("event".to_owned(), text("chat.message")),
        ("at".to_owned(), AttributeValue::N("1795428010123".to_owned())),
        ("data".to_owned(), text(&format!("no JSON, of {channel}"))),
    ]);
    stack.backend().await?.put_rows(vec![row]).await
}

fn connection(channel: &str, number: usize) -> String {
    let state = if is_dead(number) { DEAD } else { "-alive-" };
    format!("{}{state}{number}", channel.replace(':', "-"))
}

fn is_dead(number: usize) -> bool {
    number % DEAD_EVERY == DEAD_EVERY - 1
}

/// Connections of these users: `members` for each.
fn each_of<'a>(
    channel: &str,
    users: &'a [&'a str],
    members: usize,
) -> impl Iterator<Item = (&'a str, String)> {
    let channel = channel.replace(':', "-");
    users.iter().flat_map(move |user| {
        let channel = channel.clone();
        (0..members).map(move |n| (*user, format!("{channel}-{user}-{n}")))
    })
}

/// A row of what the members were told of a present user, as the product writes it.
fn told_row(channel: &str, user: &str) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([
        ("pk".to_owned(), text(&format!("TOLD#{channel}"))),
        ("sk".to_owned(), text(user)),
        ("name".to_owned(), text("One of the crowd")),
        ("status".to_owned(), text("online")),
        ("at".to_owned(), text("2026-11-23T10:00:00.123Z")),
        ("lastSeen".to_owned(), text("2026-11-23T10:00:00.123Z")),
        ("until".to_owned(), text(FAR_FUTURE)),
    ])
}

/// A row of a membership, as the product writes it.
fn row(channel: &str, connection: &str, user: &str, shards: u32) -> HashMap<String, AttributeValue> {
    let hash = connection
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([
        ("pk".to_owned(), text(&format!("CH#{channel}#{}", hash % shards))),
        ("sk".to_owned(), text(&format!("{user}#{connection}"))),
        ("user".to_owned(), text(user)),
        ("name".to_owned(), text("One of the crowd")),
        ("connection".to_owned(), text(connection)),
        ("status".to_owned(), text("online")),
        ("joinOrder".to_owned(), AttributeValue::N("1".to_owned())),
        ("seenAt".to_owned(), text("2026-11-23T10:00:00.123Z")),
        ("expiresAt".to_owned(), text(FAR_FUTURE)),
        ("ttl".to_owned(), AttributeValue::N("4102444800".to_owned())),
    ])
}
