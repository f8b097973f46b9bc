//! Publishing by the app's backend: `POST /api/publish` beside the event bus, end to end through a local stack of release
//! binaries. By HTTP, the function `http-api` logs and posts an event; from the bus, `broadcast` does. So the figures say what
//! the two functions take for an event, and how the ways compare on one machine, not how fast AWS is.

use std::time::{Duration, Instant};

use ::tests::{Client, Cost, Stack, User, unique};
use anyhow::{Result, ensure};
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    broadcast::process_cpu_time,
    posts::count,
    turns::{in_turns, median},
};

/// The backends that publish side by side, each on a channel of its own, whose one member receives everything.
const PUBLISHERS: usize = 8;
/// The events of each backend: as many as one request may have.
const EVENTS: usize = 100;
/// The processes that each function may have: one for each backend. Lambda retries an event of the bus later if it finds no
/// process that is free, so there must be no more events at once than processes.
const CONCURRENCY: &str = "8";

/// How events reach the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// `PutEvents` with one event in each call; the next follows when the member has received it.
    Bus,
    /// `POST /api/publish` with one event in each request; the next follows when that is answered and received.
    HttpOne,
    /// The same with a hundred events in each request.
    HttpHundred,
}

/// All ways. The others are compared with the bus.
pub(crate) const WAYS: [Way; 3] = [Way::Bus, Way::HttpOne, Way::HttpHundred];

/// What an event takes by one way: medians of several turns.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Publishing {
    pub(crate) way: Way,
    pub(crate) events: usize,
    /// Measured from the first request until every member has received everything.
    pub(crate) events_a_second: f64,
    /// CPU time of all processes of `http-api` and `broadcast`.
    pub(crate) cpu_us_an_event: f64,
    /// Calls that read the table.
    pub(crate) reads_an_event: f64,
    pub(crate) write_units_an_event: f64,
    pub(crate) posts_an_event: f64,
}

struct Turn {
    wall: Duration,
    cpu: Duration,
    cost: Cost,
}

/// Measures every way, in turns, on one stack.
pub(crate) async fn measure(turns: usize) -> Result<Vec<Publishing>> {
    let limits = ["--parameter", "HttpThrottleRate=100000", "--parameter", "HttpThrottleBurst=100000"];
    let stack =
        crate::stack(&[&["--quiet-functions", "--concurrency", CONCURRENCY][..], &limits[..]].concat())?;
    for way in WAYS {
        turn(&stack, way).await?; // starts the processes
    }
    let taken = in_turns(&WAYS, turns, async |way| turn(&stack, *way).await).await?;
    let events = PUBLISHERS * EVENTS;
    let publishing = WAYS.into_iter().zip(taken).map(|(way, taken)| {
        let each = |figure: &dyn Fn(&Turn) -> f64| median(taken.iter().map(figure)) / count(events);
        Publishing {
            way,
            events,
            events_a_second: median(taken.iter().map(|turn| count(events) / turn.wall.as_secs_f64())),
            cpu_us_an_event: each(&|turn| turn.cpu.as_secs_f64() * 1e6),
            reads_an_event: each(&|turn| wide(turn.cost.reads)),
            write_units_an_event: each(&|turn| turn.cost.write_units),
            posts_an_event: each(&|turn| wide(turn.cost.posts)),
        }
    });
    Ok(publishing.collect())
}

/// Has every backend publish all of its events, each time waiting until its member has received them.
async fn turn(stack: &Stack, way: Way) -> Result<Turn> {
    let token = User::publisher().token()?;
    let mut members = Vec::new();
    for _ in 0..PUBLISHERS {
        let company = unique("biz");
        let mut member = stack.connect(&User::admin_of(&company)).await?;
        member.join(&format!("resource_updates:{company}")).await?;
        publish(stack, way, &token, &company, 1).await?; // sets the beginning of the log
        member.event("resource.update").await?;
        members.push((member, company));
    }
    stack.forget_usage().await?;
    let used = cpu_time(stack)?;
    let begun = Instant::now();
    let publishing =
        members.into_iter().map(|(member, company)| publish_all(stack, way, &token, company, member));
    futures_util::future::try_join_all(publishing).await?;
    let wall = begun.elapsed();
    let (cpu, usage) = (cpu_time(stack)?.saturating_sub(used), stack.usage().await?);
    // The functions have these names in the counters of a local stack.
    Ok(Turn { wall, cpu, cost: usage.of("http").and(usage.of("broadcast")) })
}

async fn publish_all(
    stack: &Stack,
    way: Way,
    token: &str,
    company: String,
    mut member: Client,
) -> Result<()> {
    let at_once = if way == Way::HttpHundred { EVENTS } else { 1 };
    for _ in 0..EVENTS / at_once {
        publish(stack, way, token, &company, at_once).await?;
        for _ in 0..at_once {
            member.event("resource.update").await?;
        }
    }
    Ok(())
}

/// Publishes this many updates by one call.
async fn publish(stack: &Stack, way: Way, token: &str, company: &str, events: usize) -> Result<()> {
    let details = (0..events).map(|_| {
        json!({"type": "updated", "resourceId": "r1", "resourceType": "product", "resourceName": "E-book",
            "companyId": company})
    });
    if way == Way::Bus {
        let details: Vec<Value> = details.collect();
        return stack.backend().await?.emit_all("ResourceUpdate", &details, Duration::ZERO).await;
    }
    let events: Vec<_> = details.map(|detail| json!({"type": "ResourceUpdate", "detail": detail})).collect();
    let request = stack.ask_api(Method::POST, "publish").token(token);
    let reply = request.body(&json!({"events": events}).to_string()).send().await?.done()?;
    let results = reply["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let are_logged = results.len() == events.len() && results.iter().all(|result| result["seq"].is_u64());
    ensure!(are_logged, "not every event was published: {reply}");
    Ok(())
}

/// The CPU time of all processes of the functions that publish so far. None of them ends while a stack is at work.
fn cpu_time(stack: &Stack) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for function in ["http-api", "broadcast"] {
        for process in stack.processes(function)? {
            total += process_cpu_time(process)?;
        }
    }
    Ok(total)
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn wide(count: u64) -> f64 {
    count as f64
}
