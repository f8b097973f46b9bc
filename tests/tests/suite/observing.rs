//! What an operator sees in the logs: a line for each invocation, and metrics in the form that CloudWatch reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Stack, User, eventually, unique};

use crate::scene::{Pair, pair};

/// The outcomes of an invocation, as its line tells them.
const OUTCOMES: [&str; 4] = ["done", "refused", "rejected", "failed"];

/// The log lines of the functions so far.
fn lines(stack: &Stack) -> Result<Vec<Value>> {
    let log = fs::read_to_string(stack.log().context("a log")?)?;
    let complete = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = complete.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.filter(|line| line["function"].is_string()).collect())
}

/// The values of the metrics so far, each by its name and kind of channel.
fn measured(lines: &[Value]) -> BTreeMap<(String, Option<String>), Vec<f64>> {
    let mut metrics = BTreeMap::<_, Vec<f64>>::new();
    for line in lines {
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            for metric in directive["Metrics"].as_array().into_iter().flatten() {
                let name = metric["Name"].as_str().unwrap_or_default();
                let values = match &line[name] {
                    Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
                    value => Vec::from_iter(value.as_f64()),
                };
                let channel = line["Channel"].as_str().map(str::to_owned);
                metrics.entry((name.to_owned(), channel)).or_default().extend(values);
            }
        }
    }
    metrics
}

#[tokio::test]
async fn what_is_measured_is_in_the_log() -> Result<()> {
    let options = ["--log-format", "json", "--parameter", "CompanyMessages=1000"];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let mut pair = pair(&stack).await?;
    pair.ann.say(&pair.channel, "one").await?;
    pair.bob.event("chat.message").await?;
    pair.ann.send(&pair.channel, "chat.typing", json!({"isTyping": true})).await?;
    pair.bob.join_since(&pair.channel, 0).await?;
    pair.ann.refused("join", json!({"channel": "company:biz_of_others"})).await?;

    let sums = |lines: &[Value]| {
        let metrics = measured(lines);
        let sum = |name: &str, channel: Option<&str>| {
            let values = metrics.get(&(name.to_owned(), channel.map(str::to_owned)))?;
            Some(values.iter().sum::<f64>())
        };
        let delivered = sum("Delivered", None)?;
        let members = sum("FanOut", None)?;
        (sum("PostedAfter", None)? >= 0.0 && delivered >= 2.0 && members >= delivered).then_some([
            sum("Joins", Some("conversation"))?,
            sum("Typing", None)?,
            sum("Recovered", None)?,
            sum("CompanyMessages", None)?,
        ])
    };
    let [joins, typing, recovered, messages] = eventually("all to be measured", async || {
        Ok(sums(&lines(&stack)?).filter(|[joins, ..]| *joins >= 4.0))
    })
    .await?;
    // The first join is that of a user of the team, by which the suite waits for the conversation.
    assert_eq!((joins, typing, recovered, messages), (4.0, 1.0, 1.0, 1.0));
    check_logs(&stack, &mut pair).await
}

/// Checks that operations log as many bytes as `funnelcast-local cost` says, give or take a tenth.
async fn check_logs(stack: &Stack, Pair { ann, bob, channel, .. }: &mut Pair) -> Result<()> {
    let user = User::stranger();
    let mut stranger = None;
    let connect = logged(stack, &[("authorize", 1), ("connect", 1)], async || {
        stranger = Some(stack.connect(&user).await?);
        Ok(())
    })
    .await?;
    let mut stranger = stranger.context("a connection")?;
    let join = async || stranger.join(&user.channel()).await.map(drop);
    let join = logged(stack, &[("join", 2)], join).await?;
    let chat = async || {
        ann.say(channel, "Is it ready?").await?;
        bob.event("chat.message").await.map(drop)
    };
    let chat = logged(stack, &[("send", 2)], chat).await?;
    let typing = async || bob.send(channel, "chat.typing", json!({"isTyping": true})).await.map(drop);
    let typing = logged(stack, &[("send", 2)], typing).await?;

    let counted = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local/src/cost/operations.yaml");
    let counted: yaml_serde::Value = yaml_serde::from_str(&fs::read_to_string(counted)?)?;
    let operations = counted["operations"].as_sequence().context("operations")?;
    for (name, bytes) in [("connect", connect), ("join", join), ("chat", chat), ("typing", typing)] {
        let operation = operations.iter().find(|operation| operation["name"].as_str() == Some(name));
        let operation = operation.with_context(|| format!("an operation called {name:?}"))?;
        let part = |field| operation[field].as_u64().unwrap_or_default();
        let said = part("logBytes") + part("metricBytes");
        assert!(said.abs_diff(bytes) <= said / 10, "{name}: {bytes} bytes, not {said}");
    }
    Ok(())
}

/// The bytes that these functions log for an operation, for which each logs at least this many lines.
async fn logged(
    stack: &Stack,
    functions: &[(&str, u64)],
    operation: impl AsyncFnOnce() -> Result<()>,
) -> Result<u64> {
    stack.forget_usage().await?;
    operation().await?;
    eventually("all lines", async || {
        let usage = stack.usage().await?;
        let all: Vec<_> =
            functions.iter().map(|(function, lines)| (usage.logged(function), *lines)).collect();
        let is_complete = all.iter().all(|(logged, lines)| logged.lines >= *lines);
        Ok(is_complete.then(|| all.iter().map(|(logged, _)| logged.bytes).sum()))
    })
    .await
}

#[tokio::test]
async fn each_invocation_but_a_ping_is_one_line_that_tells_who_and_what_came_of_it() -> Result<()> {
    let Some(stack) = Stack::private(&["--log-format", "json"])? else { return Ok(()) };
    let user = User::customer_of(&unique("biz"));
    let mut client = stack.connect(&user).await?;
    client.call("status", json!({})).await?;
    client.call("ping", json!({})).await?; // logs no line, because there would be more of its lines than of all others
    client.refused("join", json!({"channel": "company:biz_of_others"})).await?;
    client.refused("join", json!({"channel": "nonsense"})).await?;
    client.close().await?;

    let of_user = |line: &Value| {
        let outcome = line["message"].as_str().filter(|message| OUTCOMES.contains(message))?;
        let span = &line["span"];
        let text = |name: &str| span[name].as_str().or(line[name].as_str()).unwrap_or("-").to_owned();
        assert!(span["request_id"].is_string(), "{line}");
        let is_theirs = span["user"] == user.id.as_str() || outcome == "rejected";
        is_theirs.then(|| {
            [line["function"].as_str().unwrap_or_default(), outcome, &text("action"), &text("code")].join(" ")
        })
    };
    let seen = eventually("a line of each invocation", async || {
        let seen: Vec<String> = lines(&stack)?.iter().filter_map(of_user).collect();
        Ok(seen.iter().any(|line| line.starts_with("disconnect")).then_some(seen))
    })
    .await?;
    let expected = [
        "authorize done - -",
        "connect done - -",
        "status done status -",
        "join refused join forbidden",
        "join rejected join invalid_channel",
        "disconnect done - -",
    ];
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn what_the_template_watches_is_explained() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let template = fs::read_to_string(root.join("template.yaml"))?;
    let manual = fs::read_to_string(root.join("docs/operations.md"))?;
    let of_dashboard =
        template.split(r#"["funnelcast", ""#).skip(1).filter_map(|rest| rest.split(['"', '-']).next());
    let alarms = template.split("AlarmName: !Sub \"funnelcast-${Stage}-").skip(1);
    let alarms = alarms.filter_map(|rest| rest.split('"').next());
    let named: BTreeSet<&str> = of_dashboard.chain(alarms).collect();
    assert!(named.len() > 10, "{named:?}");
    let unexplained: Vec<_> =
        named.into_iter().filter(|name| !manual.contains(&format!("`{name}`"))).collect();
    assert_eq!(unexplained, [""; 0], "not explained in docs/operations.md");
    Ok(())
}
