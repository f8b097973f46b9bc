//! A channel of any size: members in the table, and behind them no sockets but a gateway that counts what is posted to
//! each. A process has file descriptors for some thousand sockets; a channel may have more members than that.
//!
//! This is the one place of the suite that knows how a membership looks in the table (`docs/architecture.md`).

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use serde_json::Value;

use crate::gateway::{DEAD, Gateway, Manner};
use crate::{Stack, eventually};

/// One member in so many is dead: a post to it is answered 410.
const DEAD_EVERY: usize = 100;

/// When nothing of a crowd has expired.
const FAR_FUTURE: &str = "2100-01-01T00:00:00.000Z";

/// Members of channels, and a gateway that counts.
#[derive(Debug)]
pub struct Crowd {
    /// What is posted to.
    pub gateway: Gateway,
}

/// What came of one event to a crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Living members who got it, each once.
    pub once: usize,
    /// Living members who got it more than once.
    pub more: usize,
    /// Living members who did not get it.
    pub never: usize,
}

impl Crowd {
    /// A gateway without members yet. It serves as long as the runtime of the caller.
    pub async fn gather() -> Result<Self> {
        Self::behind(Manner::default()).await
    }

    /// The same, with a gateway that has manners of its own.
    pub async fn behind(manner: Manner) -> Result<Self> {
        Ok(Self { gateway: Gateway::start(manner).await? })
    }

    /// The template's parameter that makes a stack post here.
    pub fn parameter(&self) -> String {
        format!("ManagementEndpoint={}", self.gateway.url())
    }

    /// Puts so many members into a channel whose kind has `shards` shards, one in a hundred of them dead.
    pub async fn join(&self, stack: &Stack, channel: &str, members: usize, shards: u32) -> Result<()> {
        let of_its_own =
            |connection: String| row(channel, &connection, &format!("user-of-{connection}"), shards);
        let rows = (0..members).map(|n| of_its_own(connection(channel, n))).collect();
        stack.backend().await?.put_rows(rows).await
    }

    /// Puts so many members for each of these users into a channel of one shard, all of them alive, whom the others have been
    /// told of.
    pub async fn join_as(&self, stack: &Stack, channel: &str, users: &[&str], members: usize) -> Result<()> {
        let of_users = each_of(channel, users, members);
        let mut rows: Vec<_> =
            of_users.map(|(user, connection)| row(channel, &connection, user, 1)).collect();
        rows.extend(users.iter().map(|user| told_row(channel, user)));
        stack.backend().await?.put_rows(rows).await
    }

    /// How often these members were told of an event that has no `seq`.
    pub fn told(&self, event: &str, channel: &str, users: &[&str], members: usize) -> Result<Heard> {
        let mut told = Heard { once: 0, more: 0, never: 0 };
        for (_, connection) in each_of(channel, users, members) {
            let mut times = 0;
            for frame in self.gateway.frames(&connection) {
                let frame: Value = serde_json::from_slice(&frame).context("a frame that is no JSON")?;
                times += usize::from(frame["event"] == event && frame["channel"] == channel);
            }
            told.count(times);
        }
        Ok(told)
    }

    /// Makes sure that so many members are left in a channel of one shard.
    pub async fn left(&self, stack: &Stack, channel: &str, members: usize) -> Result<()> {
        let left = stack.backend().await?.count_rows(&format!("CH#{channel}#0")).await?;
        ensure!(left == members, "{left} members are left, not {members}");
        Ok(())
    }

    /// Waits until all living members have been posted to, and says how often each was. As long as there are ever fewer
    /// to wait for, it waits on.
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

    /// Waits until all living members have been posted an event of this name, whatever its `seq`.
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
        let mut mentions = HashMap::<Bytes, usize>::new(); // of the event, in each different frame
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

    /// Waits until the dead are no longer among the members.
    pub async fn forgotten(&self, stack: &Stack, channel: &str, members: usize, shards: u32) -> Result<()> {
        let backend = stack.backend().await?;
        let dead = (0..members).filter(|n| is_dead(*n)).count();
        eventually("the dead to be forgotten", async || {
            let mut left = 0;
            for shard in 0..shards {
                left += backend.count_rows(&format!("CH#{channel}#{shard}")).await?;
            }
            ensure!(left >= members - dead, "{left} rows are left of {members} members, {dead} of them dead");
            Ok((left == members - dead).then_some(()))
        })
        .await
    }
}

impl Heard {
    /// One more member, who got it so many times.
    fn count(&mut self, times: usize) {
        match times {
            0 => self.never += 1,
            1 => self.once += 1,
            _ => self.more += 1,
        }
    }
}

/// How often a frame mentions an event.
fn times_in(frame: &[u8], channel: &str, seq: u64) -> Result<usize> {
    let frame: Value = serde_json::from_slice(frame).context("a frame that is no JSON")?;
    let is_it = |event: &&Value| event["channel"] == channel && event["seq"] == seq;
    Ok(match frame["events"].as_array() {
        Some(batch) => batch.iter().filter(is_it).count(),
        None => usize::from(is_it(&&frame)),
    })
}

/// Puts a user into a channel of one shard by a connection that the gateway does not know, as a crash between two
/// writes may leave it behind. The other members have been told of them.
pub async fn haunt(stack: &Stack, channel: &str, user: &str) -> Result<()> {
    let ghost = row(channel, &format!("ghost-of-{user}"), user, 1);
    stack.backend().await?.put_rows(vec![ghost, told_row(channel, user)]).await
}

/// Puts a message into the log of a channel, beyond all that it has, that nobody can read.
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

/// So many connections of each of these users.
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

/// What the members were told of a user who is here, as the store writes it.
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

/// A membership, as the store writes it.
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
