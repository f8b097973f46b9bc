//! Rate limits: how much a user may do, and what they may cost, over all of their connections and all processes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use http::Method;
use serde_json::{Value, json};
use tests::{Client, Cost, Outcome, Stack, User};

use crate::scene::{Pair, joined, pair};

/// More than a user may send at once, by any number of processes of a local stack.
const FLOOD: usize = 500;

/// Sends [`FLOOD`] typing events at once; returns how many got through, and how long the refusals said to wait.
async fn flood(client: &mut Client, channel: &str) -> Result<(usize, Vec<Option<u64>>)> {
    let mut requests = Vec::new();
    for _ in 0..FLOOD {
        let fields = json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}});
        requests.push(client.request("send", fields).await?);
    }
    let (mut sent, mut waits) = (0, Vec::new());
    for request in requests {
        match client.reply(&request).await? {
            Ok(_) => sent += 1,
            Err(refusal) => {
                assert_eq!(refusal, *"rate_limited");
                waits.push(refusal.retry_after_ms);
            }
        }
    }
    Ok((sent, waits))
}

#[tokio::test]
async fn a_flood_is_cut_and_told_when_to_go_on() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    let (sent, waits) = flood(&mut pair.ann, &pair.channel).await?;
    assert!(sent >= 100, "only {sent} of {FLOOD} got through");
    assert!(!waits.is_empty(), "all of {FLOOD} got through");
    assert!(waits.iter().all(|wait| wait.is_some_and(|ms| (1..=10_000).contains(&ms))), "{waits:?}");
    pair.bob.say(&pair.channel, "others are not held up").await?;
    phone.call("ping", json!({})).await?;
    Ok(())
}

/// What a user may cost an hour, so little that a hundred requests are too many.
const DOLLARS_PER_HOUR: f64 = 0.005;
/// What a user may spend at once: a tenth of that.
const BURST: f64 = DOLLARS_PER_HOUR / 10.0;
/// What a process lets a user spend before it settles that in the table: what drains in 3 seconds.
const UNCOUNTED: f64 = DOLLARS_PER_HOUR / 3_600.0 * 3.0;
/// The attacker's sockets, all of which are used at once.
const SOCKETS: usize = 3;
/// The frames that the WebSocket API takes from all its clients together (`ThrottleRate`). Only this bounds an action that has no
/// limit of its own.
const FRAMES_A_SECOND: f64 = 1_000.0;

fn frugal() -> Result<Option<Stack>> {
    Stack::private(&["--parameter", &format!("UserDollarsPerHour={DOLLARS_PER_HOUR}")])
}

/// List prices, in dollars.
struct Prices {
    message: f64,
    invocation: f64,
    read_unit: f64,
    write_unit: f64,
}

impl Prices {
    fn read() -> Result<Self> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/src/cost/prices.yaml");
        let prices: yaml_serde::Value = yaml_serde::from_str(&std::fs::read_to_string(file)?)?;
        let price =
            |name: &str| Ok::<_, anyhow::Error>(prices[name].as_f64().context(name.to_owned())? / 1e6);
        Ok(Self {
            message: price("websocketMillionMessages")?,
            invocation: price("lambdaMillionRequests")?,
            read_unit: price("dynamodbMillionReads")?,
            write_unit: price("dynamodbMillionWrites")?,
        })
    }

    fn of(&self, used: &Cost, frames: usize, messages_a_frame: f64) -> Result<f64> {
        let each = messages_a_frame * self.message + self.invocation;
        Ok(f64::from(u32::try_from(frames)?) * each
            + f64::from(u32::try_from(used.posts)?) * self.message
            + used.read_units * self.read_unit
            + used.write_units * self.write_unit)
    }
}

/// A participant of a conversation who wants to cause as much cost as possible.
struct Attacker {
    pair: Pair,
    sockets: Vec<Client>,
}

impl Attacker {
    async fn come(stack: &Stack) -> Result<Self> {
        let mut pair = pair(stack).await?;
        for _ in 0..4 {
            pair.bob.say(&pair.channel, &"x".repeat(8 * 1024)).await?;
        }
        let mut sockets = Vec::new();
        for _ in 0..SOCKETS {
            sockets.push(joined(stack, &pair.ann_user, &pair.channel).await?);
        }
        Ok(Self { pair, sockets })
    }

    /// Makes a request on every socket at once, again and again until all of them are refused; returns how many were done and
    /// how many were refused.
    async fn flood(&mut self, action: &str, fields: &Value) -> Result<(usize, usize)> {
        const ROUNDS_MAX: usize = 1_000;
        let (mut done, mut refused) = (0, 0);
        for _ in 0..ROUNDS_MAX {
            let round = self.sockets.iter_mut().map(async |socket| {
                let id = socket.request(action, fields.clone()).await?;
                Ok::<_, anyhow::Error>(match socket.reply(&id).await? {
                    Err(refusal) if refusal == *"rate_limited" => {
                        ensure!(refusal.retry_after_ms.is_some(), "{action}: no retryAfterMs");
                        true
                    }
                    _ => false,
                })
            });
            let limited = try_join_all(round).await?.into_iter().filter(|limited| *limited).count();
            (done, refused) = (done + SOCKETS - limited, refused + limited);
            if limited == SOCKETS {
                return Ok((done, refused));
            }
        }
        anyhow::bail!("{action}: never refused, {done} done")
    }
}

/// The floods: a name for each, its action, and the action's fields.
fn floods(pair: &Pair) -> Result<Vec<(&'static str, &'static str, Value)>> {
    let channel = &pair.channel;
    let typing = json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}});
    Ok(vec![
        ("ping", "ping", json!({})),
        ("ping with a token", "ping", json!({"token": pair.ann_user.token()?})),
        ("status", "status", json!({})),
        ("history", "history", json!({"channel": channel, "limit": 100})),
        ("a search", "history", json!({"channel": channel, "limit": 100, "contains": "needle"})),
        ("presence", "presence", json!({"channel": channel})),
        ("receipts", "receipts", json!({"channel": channel})),
        ("join, no presence", "join", json!({"channel": "system"})),
        ("leave, no presence", "leave", json!({"channel": "system"})),
        ("join", "join", json!({"channel": channel})),
        ("a typing", "send", typing),
        ("an ack", "ack", json!({"channel": channel, "seq": 1, "state": "read"})),
        ("nonsense", "join", json!({"channel": "nonsense"})),
    ])
}

/// What each action costs, and what an attacker can cost in an hour. The table of SECURITY.md is what this prints
/// (`--nocapture`).
#[tokio::test]
async fn an_hour_of_anything_costs_two_and_a_half_dollars_at_most() -> Result<()> {
    const CALLS: u32 = 5;
    const PROCESSES: f64 = 200.0;
    const LOG_LINE: f64 = 0.25e-6;
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let prices = Prices::read()?;
    let mut attacker = Attacker::come(&stack).await?;
    println!(
        "{:<20} {:>6} {:>6} {:>6} {:>12} {:>12}",
        "each", "reads", "writes", "posts", "dollars", "an hour"
    );
    for (name, action, fields) in floods(&attacker.pair)? {
        stack.forget_usage().await?;
        for _ in 0..CALLS {
            let id = attacker.sockets[0].request(action, fields.clone()).await?;
            let _ = attacker.sockets[0].reply(&id).await?; // nonsense is refused
        }
        let used = stack.usage().await?.of(action);
        let each = |amount: f64| amount / f64::from(CALLS);
        let posts = f64::from(u32::try_from(used.posts)?);
        let dollars = each(prices.of(&used, usize::try_from(CALLS)?, 2.0)?) + LOG_LINE;
        println!(
            "{name:<20} {:>6.1} {:>6.1} {:>6.1} {dollars:>12.8} {:>12.2}",
            each(used.read_units),
            each(used.write_units),
            each(posts),
            dollars * FRAMES_A_SECOND * 3_600.0,
        );
        assert!(dollars < 30e-6, "{name}: {dollars}");
    }

    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template: yaml_serde::Value = yaml_serde::from_str(&std::fs::read_to_string(template)?)?;
    let parameter = |name: &str| template["Parameters"][name]["Default"].as_f64().context(name.to_owned());
    let invocation = prices.invocation + LOG_LINE;
    let a_user = parameter("UserDollarsPerHour")?;
    let unrouted = &template["Resources"]["WebSocketApi"]["Properties"]["RouteSettings"]["$default"];
    let unrouted = unrouted["ThrottlingRateLimit"].as_f64().context("the throttle of $default")?;
    // A throttle is for each route by itself.
    let functions = template["Resources"].as_mapping().context("resources")?.values();
    let events = functions.filter_map(|function| function["Properties"]["Events"].as_mapping());
    let routes = events.flat_map(|events| events.values()).filter(|event| event["Type"] == "HttpApi");
    let settings = &template["Resources"]["HttpApi"]["Properties"]["RouteSettings"];
    let mut requests = 0.0;
    for route in routes.map(|event| &event["Properties"]) {
        let text = |name: &str| route[name].as_str().unwrap_or_default();
        let rate = &settings[format!("{} {}", text("Method"), text("Path")).as_str()]["ThrottlingRateLimit"];
        requests += parameter(rate.as_str().unwrap_or("HttpThrottleRate"))?;
    }
    assert!(requests > parameter("HttpThrottleRate")?, "{requests} requests a second");
    let parts = [
        ("all that a user is charged for", a_user),
        ("at once, before that", a_user / 10.0),
        ("3 seconds of it in 200 processes", a_user / 3_600.0 * 3.0 * PROCESSES),
        ("handshakes that are refused", parameter("ConnectThrottleRate")? * 3_600.0 * 2.0 * invocation),
        ("HTTP requests that are refused", requests * 3_600.0 * (prices.message + invocation)),
        ("frames of no action", unrouted * 3_600.0 * (2.0 * prices.message + invocation)),
    ];
    for (part, dollars) in parts {
        println!("{part:<40} {dollars:>6.2}");
    }
    let total: f64 = parts.iter().map(|(_, dollars)| dollars).sum();
    println!("{:<40} {total:>6.2}", "an hour of all of it");
    assert!(total <= 2.5, "{total} dollars");
    Ok(())
}

/// The chosen floods differ in how they are charged. The same code charges all others.
#[tokio::test]
async fn whatever_a_user_does_costs_no_more_than_they_may() -> Result<()> {
    const CHOSEN: [&str; 5] = ["ping with a token", "a search", "leave, no presence", "join", "nonsense"];
    let Some(stack) = frugal()? else { return Ok(()) };
    let prices = Prices::read()?;
    for chosen in CHOSEN {
        let mut attacker = Attacker::come(&stack).await?;
        let floods = floods(&attacker.pair)?;
        let (_, action, fields) = floods.into_iter().find(|(name, ..)| *name == chosen).context(chosen)?;
        stack.forget_usage().await?;
        let begun = Instant::now();
        let (done, refused) = attacker.flood(action, &fields).await?;
        let used = stack.usage().await?.of_all();
        let dollars = prices.of(&used, done, 2.0)?;
        let uncounted = f64::from(u32::try_from(stack.processes(action)?.len() + SOCKETS)?)
            * (UNCOUNTED + 2.0 * dollars / f64::from(u32::try_from(done)?));
        let most = BURST + begun.elapsed().as_secs_f64() * DOLLARS_PER_HOUR / 3_600.0 + uncounted;
        println!("{chosen}: {done} done, {refused} refused, {dollars:.6} dollars of {most:.6}");
        assert!(dollars <= most, "{chosen}: {dollars} of {most}");
        assert!(done >= 10 && refused >= SOCKETS, "{chosen}: {done} done, {refused} refused");

        stack.forget_usage().await?;
        let (more, _) = attacker.flood(action, &fields).await?;
        let used = stack.usage().await?.of(action);
        assert!(more <= SOCKETS, "{chosen}: {more}");
        assert!(more > 0 || used.read_units == 0.0, "{chosen}: a refusal caused reads: {used:?}");
        attacker.pair.bob.call("ping", json!({})).await?; // others go on
    }
    Ok(())
}

/// Handshakes and requests of the HTTP API, which need no socket.
#[tokio::test]
async fn handshakes_and_requests_cost_no_more_than_a_user_may_either() -> Result<()> {
    const MOST: usize = 2_000;
    let Some(stack) = frugal()? else { return Ok(()) };
    let prices = Prices::read()?;
    for (method, path) in [(Method::GET, "status"), (Method::GET, "channels"), (Method::POST, "connect")] {
        let user = User::stranger();
        stack.forget_usage().await?;
        let mut done = 0;
        loop {
            let ask = (0..SOCKETS).map(|_| match method {
                Method::GET => Ok(stack.ask(Method::GET, path).token(&user.token()?)),
                _ => Ok(stack.ask(Method::POST, path).token(&user.token()?).body("{}")),
            });
            let ask = ask.collect::<Result<Vec<_>>>()?;
            let answers = try_join_all(ask.into_iter().map(tests::HttpRequest::send)).await?;
            let limited = answers.iter().filter(|answer| answer.status == 429).count();
            done += SOCKETS - limited;
            if limited == SOCKETS {
                break;
            }
            assert!(done < MOST, "{path}: never refused");
        }
        let cost = stack.usage().await?.of("http-api");
        let dollars = prices.of(&cost, done, 1.0)?;
        println!("{path}: {done} done, {dollars:.6} dollars");
        let uncounted = f64::from(u32::try_from(stack.processes("http")?.len() + SOCKETS)?) * 2.0 * UNCOUNTED;
        assert!(dollars <= 2.0 * BURST + uncounted, "{path}: {dollars}");
        stack.get(&User::stranger(), "status").await?.done()?; // others go on
    }

    let user = User::stranger();
    let mut sockets = Vec::new();
    let refusal = loop {
        match stack.handshake().token(&user.token()?).send().await? {
            Outcome::Connected(client, _) => sockets.push(client),
            other => break other.refused()?,
        }
        assert!(sockets.len() < MOST, "never refused");
    };
    assert_eq!(refusal, 429);
    stack.forget_usage().await?;
    assert_eq!(stack.handshake().token(&user.token()?).send().await?.refused()?, 429);
    assert_eq!(stack.usage().await?.of("connect"), Cost::default(), "a known refusal costs nothing");
    println!("handshake: {} done", sockets.len());
    join_all(sockets.into_iter().map(Client::close)).await;
    Ok(())
}

/// A refusal costs something too: it takes a frame and a reply.
#[tokio::test]
async fn who_goes_on_for_long_after_a_refusal_is_closed_and_not_let_in() -> Result<()> {
    let Some(stack) = frugal()? else { return Ok(()) };
    let actions = [
        "ack", "call", "history", "inbox", "join", "leave", "ping", "presence", "receipts", "search", "send",
        "status",
    ];
    try_join_all(actions.map(|action| go_on_until_closed(&stack, action))).await?;
    stack.connect(&User::stranger()).await.map(drop)
}

async fn go_on_until_closed(stack: &Stack, action: &str) -> Result<()> {
    const MOST: usize = 3_000;
    let user = User::stranger();
    let mut client = stack.connect(&user).await?;
    let (mut refused, mut is_open) = (0, true);
    for _ in 0..MOST {
        // The outcome does not matter; what drains between two refusals may pay for a cheap request.
        let id = client.request(action, json!({})).await?;
        match client.reply(&id).await {
            Ok(Err(refusal)) if refusal == *"rate_limited" => refused += 1,
            Ok(_) => {}
            Err(_) => {
                is_open = false;
                break;
            }
        }
    }
    ensure!(!is_open, "{action}: {refused} times refused, and still open");
    ensure!(refused >= 99, "{action}: closed after {refused} refusals");
    ensure!(
        stack.handshake().token(&user.token()?).send().await?.refused()? == 429,
        "{action}: let in again"
    );
    Ok(())
}

/// For a user who may not see a channel, only what decides that is read, and nothing of the channel.
#[tokio::test]
async fn strangers_have_nothing_read() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let mut pair = pair(&stack).await?;
    for n in 0..20 {
        pair.bob.say(&pair.channel, &format!("{n} {}", "x".repeat(8 * 1024))).await?;
    }
    let stranger = User::admin_of(&tests::unique("biz"));
    let mut client = stack.connect(&stranger).await?;
    client.join(&stranger.channel()).await?;
    stack.get(&stranger, "status").await?.done()?; // by HTTP, a process reads what a user has spent once a minute
    for (fields, looks) in [(json!({"companyId": pair.company}), 1), (json!({}), 1)] {
        stack.forget_usage().await?;
        let mut fields = fields;
        (fields["query"], fields["limit"]) = ("needle".into(), 50.into());
        let id = client.request("search", fields.clone()).await?;
        match client.reply(&id).await? {
            Ok(found) => assert_eq!(found, json!({"results": []}), "they take part in no conversation"),
            Err(refusal) => assert_eq!(refusal, *"not_joined", "{fields}"),
        }
        let used = stack.usage().await?.of("search");
        assert!(used.read_units <= f64::from(looks) && used.write_units == 0.0, "{fields}: {used:?}");
    }
    let foreign = [pair.channel.clone(), format!("company:{}", pair.company), pair.ann_user.channel()];
    for channel in &foreign {
        let is_conversation = channel.starts_with("conversation:");
        let of = |event: &str, data: Value| json!({"channel": channel, "event": event, "key": "k", "base": 1, "data": data});
        // One read: only the membership can tell whether a grant has opened the channel on this socket.
        for (action, fields, looks) in [
            ("history", json!({"channel": channel, "limit": 100}), 1),
            ("history", json!({"channel": channel, "limit": 100, "contains": "needle"}), 1),
            ("history", json!({"channel": channel, "limit": 100, "latest": "k"}), 1),
            ("search", json!({"channel": channel, "query": "needle", "limit": 50}), 1),
            ("send", of("chat.message", json!({"content": "hi"})), 1),
            ("send", of("chat.typing", json!({"isTyping": true})), 1),
            ("send", of("presence.update", json!({"status": "away"})), 1),
            ("ack", json!({"channel": channel, "seq": 1, "state": "read"}), 1),
            ("presence", json!({"channel": channel}), 1),
            ("receipts", json!({"channel": channel}), 1),
            // For a conversation, its participants and the user's restrictions too: 4 items in one call.
            ("join", json!({"channel": channel}), if is_conversation { 5 } else { 1 }),
        ] {
            stack.forget_usage().await?;
            let refusal = client.refused(action, fields.clone()).await?;
            assert!(refusal == *"forbidden" || refusal == *"not_joined", "{fields}: {refusal:?}");
            let used = stack.usage().await?.of(action);
            let most = Cost { read_units: looks.into(), ..Cost::default() };
            assert!(
                used.read_units <= most.read_units && used.write_units == 0.0 && used.posts == 0,
                "{action} {fields}: {used:?}"
            );
        }
        let escaped = channel.replace(':', "%3A");
        let message = of("chat.message", json!({"content": "hi"}));
        let acked = json!({"channel": channel, "seq": 1, "state": "read"});
        for (method, path, body) in [
            (Method::GET, format!("websocket/messages?channel={escaped}&limit=100"), String::new()),
            (Method::GET, format!("websocket/messages?channel={escaped}&limit=9&contains=n"), String::new()),
            (Method::POST, "websocket/messages".to_owned(), message.to_string()),
            (Method::POST, "websocket/receipts".to_owned(), acked.to_string()),
        ] {
            assert_reads(&stack, &stranger, &method, &path, &body, if is_conversation { 4 } else { 0 })
                .await?;
        }
    }
    let conversation = pair.channel.replace("conversation:", "conversations/");
    let theirs = json!({"companyId": pair.company, "participants": []}).to_string();
    for (method, path, body, looks) in [
        (Method::GET, conversation.as_str(), "", 0),
        (Method::PUT, &conversation, theirs.as_str(), 0),
        (Method::DELETE, &conversation, "", 0),
        (Method::DELETE, "websocket/disconnect?connectionId=theirs", "", 1),
        (Method::POST, "websocket/channels", r#"{"connectionId":"theirs","channel":"system"}"#, 1),
        (Method::DELETE, "websocket/channels?connectionId=theirs&channel=system", "", 1),
    ] {
        assert_reads(&stack, &stranger, &method, path, body, looks).await?;
    }
    Ok(())
}

/// Checks that a request is refused, uses at most this many read units, and writes nothing.
async fn assert_reads(
    stack: &Stack,
    user: &User,
    method: &Method,
    path: &str,
    body: &str,
    read_units: u32,
) -> Result<()> {
    stack.forget_usage().await?;
    let answer = stack.ask_api(method.clone(), path).token(&user.token()?).body(body).send().await?;
    assert!([403, 404].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.status);
    let cost = stack.usage().await?.of("http-api");
    assert!(cost.read_units <= read_units.into() && cost.write_units == 0.0, "{method} {path}: {cost:?}");
    Ok(())
}
