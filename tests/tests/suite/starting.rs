//! Starting: for which parameters a stack refuses to start, each in one line with the reason. And what only a whole stack shows:
//! timers that Lambda could take for a loop, the level of logs, and presence that is told although posts fail.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Stack, User, eventually, unique};

use crate::scene::{joined, pair};

/// Why a stack with these options refuses to start; `None` where a test cannot have a stack of its own.
fn refusal(options: &[&str]) -> Result<Option<String>> {
    match Stack::private(options) {
        Ok(None) => Ok(None),
        Ok(Some(_)) => anyhow::bail!("{options:?}: the stack has started"),
        Err(error) => Ok(Some(error.to_string())),
    }
}

#[test]
fn wrong_issuers_and_missing_secrets_are_told_at_once() -> Result<()> {
    let issuer = r#"Issuers=[{"kind":"app","iss":"a","aud":"b","alg":"HS256","keys":{"secret":"funnelcast/dev/app"}}]"#;
    for (parameter, reasons) in [
        ("Issuers=[{", ["parameter Issuers", "does not match"]), // what SAM leaves of a list on the command line
        ("Issuers=[nobody]", ["the parameter Issuers must be a JSON list", "cannot start"]),
        (r#"Issuers=[{"kind":"nobody"}]"#, ["the parameter Issuers must be a JSON list", "cannot start"]),
        (
            r#"Issuers=[{"kind":"whop","aud":""}]"#,
            ["the parameter Issuers has an issuer that is wrong", "empty"],
        ),
        // CloudFormation's numbers need not be whole.
        ("LeaseSeconds=2.5", ["the parameter LeaseSeconds must be a whole number", "2.5"]),
        (
            "ConversationRetentionDays=0.5",
            ["the parameter ConversationRetentionDays must be a whole number", "0.5"],
        ),
        ("ManagementEndpoint=https://a b/", ["the parameter ManagementEndpoint must be", "URL"]),
        (issuer, ["parameter Issuers", "--secret funnelcast/dev/app=VALUE"]),
        ("WhopApiKeySecret=funnelcast/dev/whop", ["WhopApiKeySecret", "--secret funnelcast/dev/whop=VALUE"]),
        (
            "WhopWebhookSecret=funnelcast/dev/hooks",
            ["WhopWebhookSecret", "--secret funnelcast/dev/hooks=VALUE"],
        ),
        // A stage that may serve customers accepts no tokens of the dev issuer, whose key `up` has.
        ("Stage=production", ["production", "the parameter DevIssuerKey must be empty"]),
        ("Stage=live", ["live", "the parameter DevIssuerKey must be empty"]),
    ] {
        let Some(refusal) = refusal(&["--parameter", parameter])? else { return Ok(()) };
        let line = refusal.lines().find(|line| line.starts_with("error: "));
        let line = line.with_context(|| format!("{parameter}: {refusal}"))?;
        assert!(reasons.iter().all(|reason| line.contains(reason)), "{parameter}: {line}");
        // For each function that cannot start, one line says why.
        let told: Vec<_> = refusal.lines().filter(|line| line.contains("authorize |")).collect();
        assert!(told.len() <= 1 && !refusal.contains("Error: "), "{refusal}");
    }
    Ok(())
}

/// `check` starts a stack with the parameters of each environment, and names the environments that are wrong.
#[tokio::test]
async fn the_environments_of_a_samconfig_are_checked() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.toml", unique("samconfig")));
    let check = |text: &str| {
        fs::write(&file, text)?;
        stack.run_local(&format!("check --samconfig {}", file.display()))
    };
    let right = r#"
        [default.deploy.parameters]
        parameter_overrides = { Stage = "dev" }
        [prod.deploy.parameters]
        parameter_overrides = { Stage = "prod", Issuers = '[{"kind":"app","iss":"a","aud":"b","alg":"HS256","keys":{"secret":"funnelcast/prod/app"}}]' }
    "#;
    let said = check(right)?;
    for line in ["of the environment default", "prod: Issuers names the secret funnelcast/prod/app"] {
        assert!(said.contains(line), "{said}");
    }
    let origins = ["https://customer-of-ours.app.example.com"; 90].join(",");
    let wrong = format!(
        r#"
        [many.deploy.parameters]
        parameter_overrides = {{ Stage = "prod", AllowedOrigins = "{origins}" }}
    "#
    ) + r#"
        [default.deploy.parameters]
        parameter_overrides = { Stage = "dev" }
        [cut.deploy.parameters]
        parameter_overrides = 'Stage=cut Issuers=[{"kind":"whop","aud":"app_1"}]'
        [prod.deploy.parameters]
        parameter_overrides = { Stage = "prod", LeaseSeconds = 2.5 }
    "#;
    let refusal = check(&wrong).expect_err("three environments are wrong").to_string();
    for reason in [
        "environment cut: template.yaml: parameter Issuers",
        "environment prod: function ",
        "the parameter LeaseSeconds must be",
        // What only AWS refuses.
        "environment many: HttpApiFunction would have some ",
    ] {
        assert!(refusal.contains(reason), "{reason}: {refusal}");
    }
    assert!(!refusal.contains("environment default"), "{refusal}");
    Ok(())
}

/// To Lambda, a timer that is set again and again is a recursive loop, which Lambda stops after about 16 passes.
#[tokio::test]
async fn a_lease_is_looked_at_for_as_long_as_its_connection_lives() -> Result<()> {
    const PASSES: usize = 18;
    let options = ["--parameter", "LeaseSeconds=2", "--log-format", "json"];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let mut client = stack.connect(&User::stranger()).await?;
    let looks = |log: &str| log.lines().filter(|line| line.contains(r#""function":"timers""#)).count();
    for pass in 1..=PASSES {
        eventually(&format!("check {pass} of the lease"), async || {
            client.call("ping", json!({})).await?;
            let log = fs::read_to_string(stack.log().context("a log")?)?;
            Ok((looks(&log) >= pass).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_rust_log_asks_for_is_logged() -> Result<()> {
    let Some(stack) =
        Stack::private(&["--log-format", "json", "--parameter", "LogLevel=info,funnelcast_realtime=debug"])?
    else {
        return Ok(());
    };
    let mut pair = pair(&stack).await?;
    pair.ann.say(&pair.channel, "hello").await?;
    eventually("a line of the level DEBUG", async || {
        let log = fs::read_to_string(stack.log().context("a log")?)?;
        let is_it = |line: &str| line.contains(r#""level":"DEBUG""#) && line.contains(r#""message":"sent""#);
        Ok(log.lines().any(is_it).then_some(()))
    })
    .await
}

/// Whichever function changes presence, posts that fail are owed by the fan-out queue.
#[tokio::test]
async fn who_has_left_is_told_though_no_post_of_that_time_was_taken() -> Result<()> {
    // The queue's five tries, 15 s apart, last longer than the throttling here.
    let Some(stack) = Stack::private(&["--visibility-max", "15s"])? else { return Ok(()) };
    let mut pair = pair(&stack).await?;
    let channel = pair.channel.clone();
    let [carol, dave, erin] = [(); 3].map(|()| User::admin_of(&pair.company));
    let (mut carols, mut daves) = (stack.connect(&carol).await?, joined(&stack, &dave, &channel).await?);
    let mut erins = stack.connect(&erin).await?;
    let socket = erins.call("status", json!({})).await?["connectionId"].clone();
    stack.set_faults(&json!({"throttled": 1})).await?;

    // Presence changes by `send`, `leave`, `http-api` and `join`; then by `access`, and by `timers` when a grace is over.
    let by_http = json!({"connectionId": socket, "channel": channel});
    let (sent, left, posted, joined) = tokio::join!(
        pair.ann.send(&channel, "presence.update", json!({"status": "away"})),
        daves.leave(&channel),
        stack.post(&erin, "channels", &by_http),
        carols.join(&channel),
    );
    posted?.done()?;
    for outcome in [sent, left, joined] {
        outcome?;
    }
    stack.emit("Kick", json!({"channel": channel, "userId": carol.id, "reason": unique("reason")})).await?;
    erins.cut();
    pair.ann.cut();
    let log = stack.log().context("a log")?;
    for owing in ["send", "leave", "http-api", "join", "access", "timers"] {
        eventually(&format!("{owing} to owe something"), async || {
            let is_it =
                |line: &str| line.contains(&format!(" {owing} | ")) && line.contains("owed by the queue");
            Ok(fs::read_to_string(log)?.lines().any(is_it).then_some(()))
        })
        .await?;
    }
    stack.set_faults(&json!({})).await?;

    // Of two events about a user the one with the later `at` counts, whichever comes last.
    let mut latest = BTreeMap::<String, (String, String)>::new();
    eventually("Bob to know that they have left", async || {
        pair.bob.call("ping", json!({})).await?;
        for frame in pair.bob.inbox() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (user, told) = (text(&frame["data"]["userId"]), (text(&frame["at"]), text(&frame["event"])));
            let known = latest.entry(user).or_default();
            *known = known.clone().max(told);
        }
        let has_left = |user: &User| latest.get(&user.id).is_some_and(|(_, event)| event == "presence.leave");
        Ok([&pair.ann_user, &carol, &dave, &erin].into_iter().all(has_left).then_some(()))
    })
    .await
}
