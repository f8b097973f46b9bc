//! The budgets of `docs/architecture.md`: what each operation may cost at most, in the capacity that the table's engine
//! reports as consumed and in posts. Nothing is timed. The stacks are the test's own, so that nobody else's requests are
//! counted; what was measured is printed (`--nocapture`).

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use http::Method;
use serde_json::{Value, json};
use tests::{Client, Cost, Stack, User, eventually, unique};

use crate::scene::{Pair, joined, pair};

/// The budget of one operation, and what it was measured to cost.
struct Line {
    operation: &'static str,
    most: Cost,
    measured: Cost,
}

impl Line {
    fn holds(&self) -> bool {
        self.measured.reads <= self.most.reads
            && self.measured.read_units <= self.most.read_units
            && self.measured.write_units <= self.most.write_units
            && self.measured.posts == self.most.posts
    }
}

/// A budget: at most this many read calls and write units, and exactly this many posts. A read of a few KiB is a few
/// units, so the read units are held only to a bound that a scan or the read of a whole log would exceed.
fn at_most(reads: u32, write_units: u32, posts: u64) -> Cost {
    const UNITS_A_READ_MAX: u32 = 2;
    Cost {
        reads: reads.into(),
        read_units: f64::from(reads * UNITS_A_READ_MAX),
        write_units: write_units.into(),
        posts,
    }
}

#[tokio::test]
async fn operations_stay_within_their_budgets() -> Result<()> {
    // Chat events are on: only their timer may read the table for them, so nothing else may cost more.
    let Some(stack) = Stack::private(&["--parameter", "ChatEvents=on"])? else { return Ok(()) };
    // `updating` counts what `broadcast` uses, so it comes before `conversing`, after whose connections `broadcast` cleans up.
    let mut lines = connecting(&stack).await?;
    lines.extend(updating(&stack).await?);
    lines.extend(digesting(&stack).await?);
    lines.extend(conversing(&stack).await?);
    lines.push(unanswered(&stack).await?);
    lines.push(filing(&stack).await?);
    let Some(indexed) = Stack::private(&["--parameter", "Search=on"])? else { return Ok(()) };
    lines.extend(indexing(&indexed).await?);

    println!("{:<44} {:>13} {:>13} {:>13} {:>7}", "operation", "reads", "read units", "write units", "posts");
    for Line { operation, most, measured } in &lines {
        println!(
            "{operation:<44} {:>13} {:>13} {:>13} {:>7}",
            format!("{} of {}", measured.reads, most.reads),
            format!("{} of {}", measured.read_units, most.read_units),
            format!("{} of {}", measured.write_units, most.write_units),
            format!("{} of {}", measured.posts, most.posts),
        );
    }
    let broken: Vec<_> = lines.iter().filter(|line| !line.holds()).map(|line| line.operation).collect();
    assert!(broken.is_empty(), "over budget: {broken:?}");
    assert_eq!(stack.usage().await?.calls("Scan"), 0, "no operation may scan the table");
    check_costs(&lines, members(&stack).await?)
}

/// Checks that `funnelcast-local cost` calculates with what was measured.
fn check_costs(lines: &[Line], members: Cost) -> Result<()> {
    let counted = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/src/cost/operations.yaml");
    let counted: yaml_serde::Value = yaml_serde::from_str(&std::fs::read_to_string(counted)?)?;
    let mut checked = 0;
    for operation in counted["operations"].as_sequence().context("operations")? {
        let Some(budget) = operation["budget"].as_str() else { continue };
        let line = lines.iter().find(|line| line.operation == budget);
        let measured = line.with_context(|| format!("a budget called {budget:?}"))?.measured;
        let said = ["reads", "readUnits", "writeUnits"].map(|field| operation[field].as_f64());
        let used = [f64::from(u32::try_from(measured.reads)?), measured.read_units, measured.write_units];
        assert_eq!(said, used.map(Some), "{budget}: reads, read units, write units");
        checked += 1;
    }
    assert!(checked > 0);
    let bytes = counted["memberBytes"].as_f64().context("memberBytes")?;
    let units = (f64::from(u32::try_from(MEMBERS)?) * bytes / READ_UNIT_BYTES).ceil();
    let said = Some(LOG_END_UNITS + units);
    assert_eq!(Some(members.read_units), said, "{MEMBERS} members of {bytes} bytes");
    Ok(())
}

/// So many members that their rows are more than one read unit.
const MEMBERS: usize = 60;
const READ_UNIT_BYTES: f64 = 4096.0;
/// What an update reads before the members: the end of the log.
const LOG_END_UNITS: f64 = 1.0;

/// The cost of an update to [`MEMBERS`] members.
async fn members(stack: &Stack) -> Result<Cost> {
    let company = unique("biz");
    let channel = format!("resource_updates:{company}");
    let admins = [User::admin_of(&company), User::admin_of(&company)]; // more than one user may have connections
    let mut clients = Vec::new();
    for admin in admins.iter().cycle().take(MEMBERS) {
        clients.push(joined(stack, admin, &channel).await?);
    }
    let detail = json!({"type": "updated", "resourceId": "r1", "resourceType": "product", "resourceName": "R",
        "companyId": company});
    later_update(stack, &mut clients, "ResourceUpdate", "resource.update", &detail).await
}

/// A connection: `connect`, `join`, `ping`, `status`, and its end.
async fn connecting(stack: &Stack) -> Result<Vec<Line>> {
    let ann = User::stranger();
    let mut lines = Vec::new();

    stack.forget_usage().await?;
    let mut client = stack.connect(&ann).await?;
    lines.push(Line {
        operation: "connect",
        most: at_most(2, 1, 0),
        measured: stack.usage().await?.of("connect"),
    });

    stack.forget_usage().await?;
    client.join(&ann.channel()).await?;
    lines.push(Line {
        operation: "join user:",
        most: at_most(2, 2, 0),
        measured: stack.usage().await?.of("join"),
    });

    stack.forget_usage().await?;
    client.call("ping", json!({})).await?;
    lines.push(Line { operation: "ping", most: at_most(1, 0, 0), measured: stack.usage().await?.of("ping") });

    stack.forget_usage().await?;
    client.call("status", json!({})).await?;
    lines.push(Line {
        operation: "status",
        most: at_most(1, 0, 0),
        measured: stack.usage().await?.of("status"),
    });

    stack.forget_usage().await?;
    client.close().await?;
    let measured = eventually("the connection and its one channel to be removed", async || {
        let usage = stack.usage().await?;
        let cost = usage.of("disconnect").and(usage.of("broadcast"));
        Ok((cost.write_units >= 2.0).then_some(cost))
    })
    .await?;
    lines.push(Line { operation: "disconnect, one channel joined", most: at_most(0, 2, 0), measured });
    Ok(lines)
}

/// What users do in a conversation of two, from `join` to `leave`.
async fn conversing(stack: &Stack) -> Result<Vec<Line>> {
    let Pair { mut ann, mut bob, channel, bob_user, .. } = pair(stack).await?;
    let mut lines = Vec::new();

    stack.forget_usage().await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    // The reads: whether the user may join (twice), the log's head, its call, the members, what they were last told of
    // presence, and whether the membership is still there.
    let measured = stack.usage().await?.of("join");
    lines.push(Line { operation: "join conversation:", most: at_most(7, 2, 0), measured });
    phone.leave(&channel).await?;

    // The first message of a channel also sets the beginning of its log; the budget is for all later ones.
    let first = ann.say(&channel, "hello").await?["seq"].clone();
    stack.forget_usage().await?;
    let fields = json!({"channel": channel, "event": "chat.message", "key": "k", "base": first,
        "data": {"content": "how are you?"}});
    let sent = ann.call("send", fields).await?;
    assert_eq!(sent["recipients"], 1);
    let mut head = sent["seq"].clone();
    let measured = stack.usage().await?.of("send");
    lines.push(Line { operation: "chat message, conversation of 2", most: at_most(3, 1, 1), measured });

    let target = first.as_u64().context("a seq")?;
    for (operation, event, data, write_units) in [
        ("reply, conversation of 2", "chat.message", json!({"content": "I am fine", "replyTo": target}), 1),
        (
            "reaction, conversation of 2",
            "chat.reaction",
            json!({"target": target, "emoji": "👍", "on": true}),
            4,
        ),
        ("edit, conversation of 2", "chat.edit", json!({"target": target, "content": "Hello"}), 4),
        ("second edit, conversation of 2", "chat.edit", json!({"target": target, "content": "Hello!"}), 6),
    ] {
        stack.forget_usage().await?;
        let fields = json!({"channel": channel, "event": event, "key": operation.replace([' ', ','], "-"),
            "base": head, "data": data});
        head = ann.call("send", fields).await?["seq"].clone();
        let measured = stack.usage().await?.of("send");
        lines.push(Line { operation, most: at_most(4, write_units, 1), measured });
    }

    stack.forget_usage().await?;
    ann.call("search", json!({"channel": channel, "query": "hello", "limit": 10})).await?;
    let measured = stack.usage().await?.of("search");
    lines.push(Line { operation: "search, a short conversation", most: at_most(3, 0, 0), measured });

    stack.forget_usage().await?;
    ann.send(&channel, "chat.typing", json!({"isTyping": true})).await?;
    let measured = stack.usage().await?.of("send");
    lines.push(Line { operation: "typing, conversation of 2", most: at_most(1, 0, 1), measured });
    bob.event("chat.typing").await?;
    stack.forget_usage().await?;
    let signal = json!({"name": "call", "payload": {"callId": "c"}, "to": {"userId": bob_user.id}});
    ann.send(&channel, "signal", signal).await?;
    let measured = stack.usage().await?.of("send");
    lines.push(Line { operation: "signal, conversation of 2", most: at_most(1, 0, 1), measured });
    bob.event("signal").await?;
    lines.extend(calling(stack, &channel, &mut ann, &mut bob).await?);

    stack.forget_usage().await?;
    bob.leave(&channel).await?;
    lines.push(Line {
        operation: "leave, conversation of 2",
        most: at_most(3, 5, 1),
        measured: stack.usage().await?.of("leave"),
    });
    Ok(lines)
}

/// A call of two, from its start to its end. There are two calls, and the second one is measured, on processes that are warm.
async fn calling(stack: &Stack, channel: &str, ann: &mut Client, bob: &mut Client) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for is_warm in [false, true] {
        let call = unique("call");
        let fields = |change: &str, peer: &str| json!({"channel": channel, "callId": call, "change": change, "peerId": peer});
        let mut start = fields("start", "a");
        start["media"] = json!("audio");
        for (operation, is_of_ann, fields, most) in [
            ("call starts, conversation of 2", true, start, at_most(4, 3, 1)),
            ("call accepted, conversation of 2", false, fields("accept", "b"), at_most(4, 2, 1)),
            ("call ends, conversation of 2", true, fields("leave", "a"), at_most(4, 5, 2)),
        ] {
            stack.forget_usage().await?;
            if is_of_ann { &mut *ann } else { &mut *bob }.call("call", fields).await?;
            let measured = stack.usage().await?.of("call");
            if is_warm {
                lines.push(Line { operation, most, measured });
            }
        }
        for client in [&mut *ann, &mut *bob] {
            client.event("chat.call").await?;
        }
    }
    Ok(lines)
}

/// The digest of messages in a conversation of two, while a user of the team has joined the company's inbox; and reading an
/// inbox.
async fn digesting(stack: &Stack) -> Result<Vec<Line>> {
    // Both stay connected, so that the message counts as seen and no timer is set for it.
    let Pair { channel, company, ann: _ann, bob: _bob, .. } = pair(stack).await?;
    let mut team = joined(stack, &User::admin_of(&company), &format!("inbox:{company}")).await?;
    let mut measured = Vec::new();
    let mut n = 0;
    for count in [1, 1, 10] {
        stack.forget_usage().await?;
        let id = channel.trim_start_matches("conversation:");
        let message = json!({"conversationId": id, "type": "system", "content": "hello"});
        let body =
            json!({"events": vec![json!({"type": "ChatMessage", "detail": message}); count]}).to_string();
        let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?);
        request.body(&body).send().await?.done()?;
        n += count;
        while team.event("inbox.update").await?["data"]["n"] != n {}
        // The reads: the conversation, its members, the devices of both participants, and the team. The post to the team may
        // be counted last.
        let is_done = |cost: &Cost| cost.reads >= 5 && cost.posts >= 1;
        let cost = eventually("all of the digest to be counted", async || {
            Ok(Some(stack.usage().await?.of("digest")).filter(is_done))
        });
        measured.push(cost.await?);
    }
    assert!(measured[2].write_units <= 6.0, "10 messages in one request: {:?}", measured[2]);
    let mut lines = vec![Line {
        operation: "digest of a message, conversation of 2",
        most: at_most(5, 3, 1),
        measured: measured[1],
    }];
    for (operation, fields, reads) in [
        ("inbox of a company, a conversation", json!({"companyId": company, "limit": 10}), 3),
        ("inbox of a user without conversations", json!({"limit": 10}), 1),
    ] {
        stack.forget_usage().await?;
        team.call("inbox", fields).await?;
        lines.push(Line {
            operation,
            most: at_most(reads, 0, 0),
            measured: stack.usage().await?.of("inbox"),
        });
    }
    Ok(lines)
}

/// The timer that checks, half a minute after a message, whether a recipient who was not connected has seen it.
async fn unanswered(stack: &Stack) -> Result<Line> {
    let (ann, bob) = (User::stranger(), User::stranger());
    let channel = stack.conversation(&unique("biz"), &[&ann, &bob]).await?;
    let sent = joined(stack, &ann, &channel).await?.say(&channel, "hello?").await?;
    let timer = json!({"unanswered": {
        "conversation": channel.trim_start_matches("conversation:"), "seq": sent["seq"]}});
    let record = json!({"messageId": "1", "eventSource": "aws:sqs", "body": timer.to_string()});
    // Timers of the operations measured before may fire meanwhile, so the least of several counts is that of this timer alone.
    let mut measured: Option<Cost> = None;
    for _ in 0..5 {
        stack.forget_usage().await?;
        let answer = stack.invoke("TimersFunction", &json!({"Records": [record]})).await?;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        let cost = stack.usage().await?.of("timers");
        measured = Some(least_of(measured, cost));
    }
    let measured = measured.context("a count")?;
    Ok(Line { operation: "unanswered message, conversation of 2", most: at_most(7, 0, 0), measured })
}

/// A file that is uploaded, examined, sent and opened once.
async fn filing(stack: &Stack) -> Result<Line> {
    let Pair { channel, ann_user, bob_user, mut ann, bob: _bob, .. } = pair(stack).await?;
    ann.say(&channel, "a first message, so that the log has begun").await?;
    // A process of `http-api` that does not know the user reads once what the user has spent, so the least of several counts is
    // that of processes which do.
    let mut least: Option<Cost> = None;
    for n in 0..4 {
        stack.forget_usage().await?;
        let id = stack.put_file(&ann_user, &channel, "text/plain", b"a file").await?;
        let of_files = eventually("the file to be examined", async || {
            let of_files = stack.usage().await?.of("files");
            Ok(Some(of_files).filter(|cost| cost.write_units >= 4.0))
        });
        let of_files = of_files.await?;
        let brought = stack.usage().await?.of("http-api");
        stack.forget_usage().await?;
        let message = json!({"channel": channel, "event": "chat.message", "key": format!("file{n}"),
            "data": {"attachments": [id]}});
        ann.call("send", message).await?;
        stack.file_link(&bob_user, &id, "original").await?.done()?;
        let usage = stack.usage().await?;
        let cost = brought.and(of_files).and(usage.of("send")).and(usage.of("http-api"));
        least = Some(least_of(least, cost));
    }
    Ok(Line {
        operation: "file, brought, examined, sent and opened",
        most: at_most(9, 11, 1),
        measured: least.context("a count")?,
    })
}

/// The digest of a message whose text is indexed, in a conversation of two, while a user of the team has joined the company's
/// inbox; and searches of several conversations.
async fn indexing(stack: &Stack) -> Result<Vec<Line>> {
    const TEN_WORDS: &str = "Please refund invoice number seven because delivery arrived broken yesterday";
    const WRITE_UNITS: u32 = 3 + 10;
    let Pair { channel, company, mut ann, bob: _bob, .. } = pair(stack).await?;
    let mut team = joined(stack, &User::admin_of(&company), &format!("inbox:{company}")).await?;
    let mut digested = Cost::default();
    for n in 1..=2 {
        stack.forget_usage().await?;
        let id = channel.trim_start_matches("conversation:");
        stack
            .emit("ChatMessage", json!({"conversationId": id, "type": "system", "content": TEN_WORDS}))
            .await?;
        while team.event("inbox.update").await?["data"]["n"] != n {}
        digested = eventually("all of the digest to be counted", async || {
            let cost = stack.usage().await?.of("digest");
            Ok(Some(cost).filter(|cost| cost.write_units >= WRITE_UNITS.into() && cost.posts >= 1))
        })
        .await?;
    }
    let mut lines = vec![Line {
        operation: "digest of a message of 10 words, indexed",
        most: at_most(5, WRITE_UNITS, 1),
        measured: digested,
    }];
    for (operation, client, fields, reads) in [
        ("search of a company, 2 words, 2 messages", &mut team, json!({"companyId": company}), 5),
        ("search of a user's conversations, one", &mut ann, json!({}), 5),
    ] {
        stack.forget_usage().await?;
        let mut fields = fields;
        (fields["query"], fields["limit"]) = ("refund invoice".into(), 10.into());
        let found = client.call("search", fields).await?;
        assert_eq!(found["results"].as_array().map(Vec::len), Some(2), "{operation}");
        let measured = stack.usage().await?.of("search");
        lines.push(Line { operation, most: at_most(reads, 0, 0), measured });
    }
    Ok(lines)
}

/// The backend's updates to a channel with two members.
async fn updating(stack: &Stack) -> Result<Vec<Line>> {
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let resource = json!({"type": "updated", "resourceId": "r1", "resourceType": "product", "resourceName": "R",
        "companyId": company});
    let funnel = json!({"type": "deployed", "funnelId": "f1", "funnelName": "F", "userId": "user_1",
        "companyId": company});
    let analytics = json!({"metric": "visits", "value": 1, "companyId": company});
    let (mut lines, mut connected) = (Vec::new(), Vec::new());
    for (operation, kind, detail_type, event, detail, write_units) in [
        (
            "update by EventBridge",
            "resource_updates",
            "ResourceUpdate",
            "resource.update",
            resource.clone(),
            1,
        ),
        ("update by EventBridge, also latest", "funnel_updates", "FunnelUpdate", "funnel.update", funnel, 2),
        (
            "update by EventBridge, latest only",
            "analytics",
            "AnalyticsUpdate",
            "analytics.update",
            analytics,
            1,
        ),
    ] {
        let channel = format!("{kind}:{company}");
        let mut clients = [joined(stack, &admin, &channel).await?, joined(stack, &admin, &channel).await?];
        let measured = later_update(stack, &mut clients, detail_type, event, &detail).await?;
        lines.push(Line { operation, most: at_most(3, write_units, 2), measured });
        connected.push(clients);
    }
    let Some([clients, ..]) = connected.get_mut(..1) else { bail!("no clients") };
    for (operation, count) in [("update by HTTP", 1), ("10 updates by HTTP, in one request", 10)] {
        stack.forget_usage().await?;
        let event = json!({"type": "ResourceUpdate", "detail": resource});
        let body = json!({"events": vec![event; count]}).to_string();
        let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?);
        request.body(&body).send().await?.done()?;
        for client in clients.iter_mut() {
            for _ in 0..count {
                client.event("resource.update").await?;
            }
        }
        let measured = stack.usage().await?.of("http-api");
        lines.push(Line { operation, most: at_most(2, u32::try_from(count)?, 2), measured });
    }
    Ok(lines)
}

/// The one that used fewer units of the table.
fn least_of(least: Option<Cost>, cost: Cost) -> Cost {
    let units = |cost: &Cost| cost.read_units + cost.write_units;
    least.filter(|least| units(least) <= units(&cost)).unwrap_or(cost)
}

/// The cost of an update to a channel. The first one also sets the beginning of its log, and `broadcast` may have to clean up after
/// an operation that was measured before, so it is the least of several counts.
async fn later_update(
    stack: &Stack,
    clients: &mut [tests::Client],
    detail_type: &str,
    event: &str,
    detail: &Value,
) -> Result<Cost> {
    let mut least: Option<Cost> = None;
    for _ in 0..4 {
        stack.forget_usage().await?;
        stack.emit(detail_type, detail.clone()).await?;
        for client in clients.iter_mut() {
            client.event(event).await?;
        }
        // The recipient receives the last post a moment before it is counted.
        let cost = eventually("all posts to be counted", async || {
            let cost = stack.usage().await?.of("broadcast");
            Ok((usize::try_from(cost.posts)? >= clients.len()).then_some(cost))
        })
        .await?;
        least = Some(least_of(least, cost));
    }
    least.context("a count")
}
