//! Chat end to end, through a local stack of release binaries: the clients, sockets, the functions' processes, the table's
//! engine and the posts are all on this machine. So the figures say how these parts work together, not how fast AWS is.

use std::time::{Duration, Instant};

use ::tests::{Client, Stack, User, unique};
use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::posts::count;

/// How often a user sends or joins here: less than the rate limit of 100 in 10 s.
const BY_A_USER_MAX: usize = 80;
/// Sockets that are opened side by side.
const OPENING: usize = 8;
const TIME_MAX: Duration = Duration::from_secs(20);

/// How long messages take in a conversation with this many members.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latency {
    pub(crate) members: usize,
    pub(crate) messages: usize,
    /// Messages received, over all members; the percentiles are of these.
    pub(crate) receipts: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// How many messages get through when clients do not wait for each other.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Throughput {
    /// Conversations of two, in each of which one client sends as fast as it is answered.
    pub(crate) conversations: usize,
    pub(crate) sends: usize,
    pub(crate) sends_a_second: f64,
    /// From a send to its ack.
    pub(crate) ack_p50_ms: f64,
    pub(crate) ack_p99_ms: f64,
}

/// A stack that throttles nothing.
pub(crate) fn stack() -> Result<Stack> {
    let options = ["--quiet-functions", "--concurrency", "4"];
    let limits = ["--parameter", "ThrottleRate=100000", "--parameter", "ThrottleBurst=100000"];
    crate::stack(&[&options[..], &limits[..]].concat())
}

/// Measures messages in a conversation with this many members. Each is sent when everybody has received the one before.
pub(crate) async fn latency(stack: &Stack, members: usize, messages: usize) -> Result<Latency> {
    ensure!(messages <= BY_A_USER_MAX, "{messages} messages are more than a user may send");
    let company = unique("biz");
    let ann = User::customer_of(&company);
    let channel = stack.conversation(&company, &[&ann]).await?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let mut listeners = JoinSet::new();
    let mut team = User::admin_of(&company);
    for (opened, some) in chunks(members - 1, OPENING) {
        if opened % BY_A_USER_MAX == 0 {
            team = User::admin_of(&company);
        }
        let clients = (0..some).map(|_| joined(stack, &team, &channel));
        for client in futures_util::future::try_join_all(clients).await? {
            listeners.spawn(listen(client, heard.clone()));
        }
    }
    let mut ann = joined(stack, &ann, &channel).await?;
    let mut taken = Vec::new();
    for number in 0..=messages {
        let begun = Instant::now();
        ann.say(&channel, "Is the course still open for new members this week?").await?;
        for _ in 1..members {
            let at = timeout(TIME_MAX, hearing.recv()).await?.context("a listener")?;
            if number > 0 {
                taken.push(at.duration_since(begun).as_secs_f64() * 1e3); // the first one starts processes
            }
        }
    }
    taken.sort_by(f64::total_cmp);
    Ok(Latency {
        members,
        messages,
        receipts: taken.len(),
        p50_ms: percentile(&taken, 0.5),
        p99_ms: percentile(&taken, 0.99),
    })
}

/// Measures this many conversations of two at once.
pub(crate) async fn throughput(stack: &Stack, conversations: usize) -> Result<Throughput> {
    let mut pairs = Vec::new();
    for _ in 0..conversations {
        let company = unique("biz");
        let (ann, bob) = (User::customer_of(&company), User::customer_of(&company));
        let channel = stack.conversation(&company, &[&ann, &bob]).await?;
        let mut ann = joined(stack, &ann, &channel).await?;
        let first = ann.say(&channel, "hello").await?["seq"].take(); // sets the beginning of the log
        pairs.push((ann, joined(stack, &bob, &channel).await?, channel, first));
    }
    let (heard, _hearing) = mpsc::unbounded_channel();
    let (mut senders, mut listeners) = (JoinSet::new(), JoinSet::new());
    let begun = Instant::now();
    for (ann, bob, channel, first) in pairs {
        listeners.spawn(listen(bob, heard.clone()));
        senders.spawn(chatter(ann, channel, first));
    }
    let mut acks = Vec::new();
    while let Some(of_one) = senders.join_next().await {
        acks.extend(of_one??);
    }
    let wall = begun.elapsed();
    acks.sort_by(f64::total_cmp);
    Ok(Throughput {
        conversations,
        sends: acks.len(),
        sends_a_second: count(acks.len()) / wall.as_secs_f64(),
        ack_p50_ms: percentile(&acks, 0.5),
        ack_p99_ms: percentile(&acks, 0.99),
    })
}

/// Sends as fast as it is answered; returns the times to the acks, in ms.
async fn chatter(mut client: Client, channel: String, mut base: Value) -> Result<Vec<f64>> {
    let mut acks = Vec::with_capacity(BY_A_USER_MAX);
    for number in 0..BY_A_USER_MAX {
        let begun = Instant::now();
        let fields = json!({"channel": channel, "event": "chat.message", "key": format!("k{number}"), "base": base,
            "data": {"content": "Is the course still open for new members this week?"}});
        base = client.call("send", fields).await?["seq"].take();
        acks.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(acks)
}

pub(crate) async fn joined(stack: &Stack, user: &User, channel: &str) -> Result<Client> {
    let mut client = stack.connect(user).await?;
    client.join(channel).await?;
    Ok(client)
}

/// Splits `all` into parts of at most `most`; yields each as (those before it, its size).
fn chunks(all: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..all).step_by(most).map(move |before| (before, most.min(all - before)))
}

/// Reports when each message arrives.
async fn listen(mut client: Client, heard: mpsc::UnboundedSender<Instant>) {
    while let Ok(Some(frame)) = client.frame().await {
        if frame["event"] == "chat.message" && heard.send(Instant::now()).is_err() {
            return;
        }
    }
}

/// A percentile of values that are sorted.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = (count(sorted.len()) * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "no figure is computed here that could be a little off")]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_all_of_it() {
        assert_eq!(chunks(19, 8).collect::<Vec<_>>(), [(0, 8), (8, 8), (16, 3)]);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([percentile(&values, 0.5), percentile(&values, 0.99)], [50.0, 99.0]);
        assert_eq!(percentile(&values[..1], 0.99), 1.0);
    }
}
