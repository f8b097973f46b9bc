//! A stack that is killed: with `--data`, the next one finishes all that was accepted, and no member of the killed one stays
//! behind. How many events are accepted before a kill is drawn from a seed, which is the number of the round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tests::{Client, PATIENCE, Stack, User, eventually, unique};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::scene::joined;

/// How often the stack is killed, each time under load.
const ROUNDS: u64 = 3;
/// Events that are accepted before the kill; how far they have been handled by then depends on the machine.
const ACCEPTED: std::ops::Range<u32> = 10..30;
/// The number of producers that put events at the same time.
const PRODUCERS: usize = 3;
/// The events on a page of the history.
const PAGE: usize = 100;

/// What the stacks have accepted.
#[derive(Default)]
struct Accepted {
    /// Resources whose updates the bus or the table took.
    resources: BTreeSet<String>,
    /// Marks of events that the bus took and that every function must refuse.
    refused: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_a_kill_is_finished_after_it() -> Result<()> {
    let data = std::env::temp_dir().join(unique("funnelcast-killed"));
    let company = unique("biz");
    let mut accepted = Accepted::default();
    for round in 0..ROUNDS {
        let Some(stack) = start(&data)? else { return Ok(()) };
        // Their sockets end with the first stack. What follows 10 s later has to outlive the next stacks too.
        let _members = if round == 0 { members(&stack, &company).await? } else { Vec::new() };
        let point = StdRng::seed_from_u64(round).random_range(ACCEPTED);
        let (answers, killed) = (Semaphore::new(0), watch::Sender::new(false));
        let producers: Vec<_> =
            (0..PRODUCERS).map(|_| load(&stack, &company, &answers, killed.subscribe())).collect();
        let (producers, point_reached) = tokio::join!(join_all(producers), async {
            let reached = timeout(PATIENCE, answers.acquire_many(point)).await.map(drop);
            let outcome = stack.kill();
            killed.send_replace(true);
            outcome.and(reached.context("too few events were accepted"))
        });
        point_reached?;
        for (resources, refused) in producers {
            accepted.resources.extend(resources);
            accepted.refused.extend(refused);
        }
    }
    let stack = start(&data)?.context("a private stack")?;
    all_are_logged_once(&stack, &company, &accepted.resources).await?;
    for mark in &accepted.refused {
        stack.backend().await?.dead_letter(mark).await.context("the dead letter of an earlier round")?;
    }
    nobody_is_left(&stack, &company).await?;
    drop(stack);
    Ok(std::fs::remove_dir_all(&data)?)
}

fn start(data: &Path) -> Result<Option<Stack>> {
    let data = data.to_str().context("a folder in UTF-8")?;
    Stack::private(&["--data", data, "--quiet-functions"])
}

/// Connections of several users in a channel with presence, and in one without.
async fn members(stack: &Stack, company: &str) -> Result<Vec<Client>> {
    let mut members = Vec::new();
    for _ in 0..3 {
        let mut member = joined(stack, &User::admin_of(company), &format!("company:{company}")).await?;
        member.join(&resources(company)).await?;
        members.push(member);
    }
    Ok(members)
}

fn resources(company: &str) -> String {
    format!("resource_updates:{company}")
}

/// Puts updates on the bus and into the outbox, and events that must be refused, until the stack is `killed`; adds a permit to
/// `answers` for each that was accepted. Returns the resources of the updates and the marks of the others.
async fn load(
    stack: &Stack,
    company: &str,
    answers: &Semaphore,
    mut killed: watch::Receiver<bool>,
) -> (Vec<String>, Vec<String>) {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for number in 0.. {
        let resource = unique("resource");
        let update = json!({"type": "updated", "resourceId": resource, "resourceType": "product",
            "resourceName": "E-book", "companyId": company});
        let putting = async {
            match number % 8 {
                0 => stack.emit("ResourceUpdate", json!({"type": "exploded", "mark": resource})).await,
                1 => {
                    let backend = stack.backend().await?;
                    backend.put_into_outbox(&resource, &resources(company), "resource.update", &update).await
                }
                _ => stack.emit("ResourceUpdate", update.clone()).await,
            }
        };
        let put = tokio::select! {
            biased;
            put = putting => put,
            // The SDK would keep retrying for longer than is of use.
            _ = killed.wait_for(|killed| *killed) => break,
        };
        match put {
            Ok(()) if number % 8 == 0 => refused.push(resource),
            Ok(()) => taken.push(resource),
            Err(_) => break,
        }
        answers.add_permits(1);
    }
    (taken, refused)
}

/// Waits until the channel's log has an event for each of these resources, and checks that it has only one for each.
async fn all_are_logged_once(stack: &Stack, company: &str, expected: &BTreeSet<String>) -> Result<()> {
    let channel = resources(company);
    let mut reader = joined(stack, &User::admin_of(company), &channel).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut after = 0;
    let missing = |counts: &BTreeMap<String, usize>| {
        expected.iter().filter(|resource| !counts.contains_key(*resource)).count()
    };
    let all = eventually("all that was accepted to be logged", async || {
        let asked = json!({"channel": channel, "after": after, "limit": PAGE});
        let page = reader.call("history", asked).await?;
        for event in page["events"].as_array().into_iter().flatten() {
            let resource = event["data"]["resourceId"].as_str().context("a resourceId")?;
            *counts.entry(resource.to_owned()).or_default() += 1;
            after = event["seq"].as_u64().context("a seq")?;
        }
        Ok((missing(&counts) == 0).then_some(()))
    });
    let all = all.await;
    all.with_context(|| format!("{} of {} are missing", missing(&counts), expected.len()))?;
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    ensure!(twice.is_empty(), "logged more than once: {twice:?}");
    Ok(())
}

/// Waits until only the observer is in the channels whose members died with their stacks.
async fn nobody_is_left(stack: &Stack, company: &str) -> Result<()> {
    let observer = User::admin_of(company);
    let mut client = joined(stack, &observer, &format!("company:{company}")).await?;
    eventually("the members of the killed stacks to leave", async || {
        let roster = client.call("presence", json!({"channel": format!("company:{company}")})).await?;
        Ok((roster["count"] == 1).then_some(()))
    })
    .await
}
