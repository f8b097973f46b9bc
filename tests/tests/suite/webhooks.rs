//! Whop's webhooks: one that Whop has signed is accepted at once and handled once; one that it has not signed changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tests::{Answer, Client, PATIENCE, Stack, User, eventually, unique};
use tokio::time::timeout;

use crate::scene::joined;

/// The old and the new secret of Whop's webhooks. While one replaces the other, both are valid.
const SECRETS: [&str; 2] = ["ws_the_old_one_5f0c", "ws_the_new_one_91ab"];

/// A stack that knows Whop's secrets, for all tests of this module.
fn stack() -> Result<Option<&'static Stack>> {
    static STACK: OnceLock<Result<Option<Stack>, String>> = OnceLock::new();
    let secrets = format!("funnelcast/dev/webhooks={}", SECRETS.join(","));
    let stack = STACK.get_or_init(|| {
        Stack::private(&[
            "--secret",
            &secrets,
            "--parameter",
            "WhopWebhookSecret=funnelcast/dev/webhooks",
            "--visibility-max",
            "200ms",
        ])
        .map_err(|e| format!("{e:#}"))
    });
    stack.as_ref().map(Option::as_ref).map_err(|error| anyhow!(error.clone()))
}

/// A webhook that is to be sent.
struct Sending<'a> {
    id: &'a str,
    /// Its timestamp, in seconds from now.
    at: i64,
    secret: &'a str,
    /// The body that is signed.
    body: &'a str,
    /// The body that is sent.
    sent: &'a str,
    content_type: &'a str,
}

impl<'a> Sending<'a> {
    fn new(id: &'a str, body: &'a str) -> Self {
        Self { id, at: 0, secret: SECRETS[1], body, sent: body, content_type: "application/json" }
    }

    async fn to(self, stack: &Stack) -> Result<Answer> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let at = now + self.at;
        let signature = Webhook::from_bytes(self.secret.into())?.sign(self.id, at, self.body.as_bytes())?;
        let request = stack.ask(Method::POST, "webhooks/whop").body(self.sent);
        let request = request.header("content-type", self.content_type);
        let request = request.header("webhook-id", self.id).header("webhook-timestamp", &at.to_string());
        request.header("webhook-signature", &signature).send().await
    }
}

fn webhook(kind: &str, company: &str, user: &str) -> String {
    let data = json!({"id": "mem_1", "user": {"id": user}, "company": {"id": company}});
    json!({"id": "evt_1", "api_version": "v1", "type": kind, "company_id": company, "data": data}).to_string()
}

/// Sends one more webhook, and checks that this user is told of it and of no other one before it.
async fn only_this(stack: &Stack, client: &mut Client, user: &User) -> Result<()> {
    let id = unique("msg");
    let last = webhook("membership.activated", "biz_last", &user.id);
    Sending::new(&id, &last).to(stack).await?.done()?;
    assert_eq!(client.only("user.notification").await?["data"]["id"], id.as_str());
    Ok(())
}

#[tokio::test]
async fn a_membership_is_told_to_its_user_once_however_often_it_comes() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let company = unique("biz");
    let ann = User::customer_of(&company);
    let mut client = joined(stack, &ann, &ann.channel()).await?;
    let id = unique("msg");
    let body = webhook("membership.deactivated", &company, &ann.id);
    // With either secret, up to 5 minutes late or early, and as a media type that API Gateway does not take for text.
    for (secret, at, content_type) in [
        (SECRETS[0], 0, "application/json"),
        (SECRETS[1], -290, "application/json"),
        (SECRETS[1], 290, "application/octet-stream"),
    ] {
        let sending = Sending { at, secret, content_type, ..Sending::new(&id, &body) };
        assert_eq!(sending.to(stack).await?.done()?, json!({"received": true}));
    }
    let told = client.only("user.notification").await?;
    assert_eq!((&told["data"]["id"], &told["key"]), (&json!(id), &json!(id)));
    assert_eq!((&told["data"]["userId"], &told["data"]["level"]), (&json!(ann.id), &json!("warning")));
    only_this(stack, &mut client, &ann).await?;

    // It went on the bus too, by which `access` has checked again what the user may do.
    let log = stack.log().context("a log")?;
    eventually("a second check", async || {
        let log = std::fs::read_to_string(log)?;
        let looked = |line: &str| line.contains("access checked again") && line.contains(&ann.id);
        Ok(log.lines().any(looked).then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_concerns_a_company_is_told_to_its_team() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let (company, other) = (unique("biz"), unique("biz"));
    let mut team = joined(stack, &User::admin_of(&company), &format!("company:{company}")).await?;
    let mut others = joined(stack, &User::admin_of(&other), &format!("company:{other}")).await?;
    let id = unique("msg");
    Sending::new(&id, &webhook("payment.succeeded", &company, "user_1")).to(stack).await?.done()?;
    let told = team.only("system.notification").await?;
    assert_eq!(told["data"]["message"], "Payment mem_1 has succeeded.");
    others.silence().await
}

#[tokio::test]
async fn what_whop_has_not_signed_changes_nothing() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let ann = User::stranger();
    let mut client = joined(stack, &ann, &ann.channel()).await?;
    let body = webhook("membership.activated", "biz_1", &ann.id);
    let forged = body.replace("biz_1", "biz_2");
    let (id, large) = (unique("msg"), format!("{body}{}", " ".repeat(128 * 1024)));
    for (why, sending, status) in [
        ("another's secret", Sending { secret: "ws_guessed", ..Sending::new(&id, &body) }, 401),
        ("another body", Sending { sent: &forged, ..Sending::new(&id, &body) }, 401),
        ("too old", Sending { at: -310, ..Sending::new(&id, &body) }, 401),
        ("from the future", Sending { at: 310, ..Sending::new(&id, &body) }, 401),
        ("an id that is none", Sending::new("msg 1", &body), 401),
        ("too large", Sending::new(&id, &large), 413),
    ] {
        assert_eq!(sending.to(stack).await?.refused()?.0, status, "{why}");
    }
    let unsigned = stack.ask(Method::POST, "webhooks/whop").body(&body).send().await?;
    assert_eq!(unsigned.refused()?, (401, "unauthorized"));
    let token = stack.ask(Method::POST, "webhooks/whop").token(&ann.token()?).body(&body).send().await?;
    assert_eq!(token.refused()?, (401, "unauthorized"), "a user's token signs no webhook");
    only_this(stack, &mut client, &ann).await
}

#[tokio::test]
async fn types_that_nobody_knows_and_webhooks_that_lack_something_are_harmless() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let ann = User::stranger();
    let mut client = joined(stack, &ann, &ann.channel()).await?;
    for body in [
        webhook("entry.created", "biz_1", &ann.id),
        webhook("membership.activated", "biz 1\nnot a company", &ann.id).replace(&ann.id, "nobody:at all"),
        json!({"type": "membership.deactivated", "data": Value::Null}).to_string(),
    ] {
        Sending::new(&unique("msg"), &body).to(stack).await?.done()?;
    }
    only_this(stack, &mut client, &ann).await
}

#[tokio::test]
async fn what_whop_has_signed_and_nobody_understands_is_kept_aside() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let nonsense = unique("no_json_at_all");
    let id = unique("msg");
    Sending::new(&id, &nonsense).to(stack).await?.done()?;
    let letter = stack.backend().await?.dead_letter(&nonsense).await?;
    assert_eq!((&letter["source"], &letter["id"]), (&json!("webhooks"), &json!(id)), "{letter}");
    assert_eq!((&letter["code"], &letter["tries"]), (&json!("bad_request"), &json!(1)), "{letter}");
    assert_eq!(letter["item"], json!({"id": id, "body": nonsense}));
    Ok(())
}

/// A webhook that fails half-way is released at once, so that its next try need not wait until the claim of this one expires.
#[tokio::test]
async fn a_webhook_that_fails_half_way_is_told_once_or_lies_in_the_dead_letters() -> Result<()> {
    const SENT: usize = 150;
    const AT_ONCE: usize = 20;
    const LOOK: Duration = Duration::from_secs(1);
    let secrets = format!("funnelcast/dev/webhooks={}", SECRETS[1]);
    let options = ["--secret", &secrets, "--parameter", "WhopWebhookSecret=funnelcast/dev/webhooks"];
    let Some(stack) = Stack::private(&[&options[..], &["--visibility-max", "200ms"]].concat())? else {
        return Ok(());
    };
    let ann = User::customer_of(&unique("biz"));
    let mut client = joined(&stack, &ann, &ann.channel()).await?;
    let body = webhook("membership.deactivated", "biz_1", &ann.id);
    // The SDK tries four times, so one call in sixteen fails.
    stack.set_faults(&json!({"dynamodb_before": 0.5})).await?;
    let mut untold: BTreeSet<String> = (0..SENT).map(|_| unique("msg")).collect();
    for ids in untold.iter().collect::<Vec<_>>().chunks(AT_ONCE) {
        try_join_all(ids.iter().map(async |id| Sending::new(id, &body).to(&stack).await?.done())).await?;
    }
    let given_back = async || {
        let used = stack.used_right("WebhookFunction", "dynamodb:DeleteItem").await?;
        Ok((used > 0).then_some(()))
    };
    // Each call has its retries, with pauses between.
    if eventually("a webhook to be released", given_back).await.is_err() {
        eventually("a webhook to be released, in as much time again", given_back).await?;
    }
    stack.set_faults(&json!({})).await?;

    let (mut told, backend) = (BTreeMap::new(), stack.backend().await?);
    let deadline = Instant::now() + 3 * PATIENCE;
    while let Some(untold_id) = untold.first().cloned() {
        assert!(Instant::now() < deadline, "{untold_id} is neither told nor a dead letter");
        if let Ok(event) = timeout(LOOK, client.event("user.notification")).await {
            let event = event?;
            let id = event["data"]["id"].as_str().unwrap_or_default().to_owned();
            untold.remove(&id);
            // A post may come twice; an event has one `seq`.
            let seq = told.entry(id.clone()).or_insert_with(|| event["seq"].clone());
            assert_eq!(*seq, event["seq"], "{id} is told twice");
        } else if let Ok(letter) = timeout(LOOK, backend.dead_letter(&untold_id)).await {
            assert_eq!(letter?["code"], "internal", "{untold_id}");
            untold.remove(&untold_id);
        }
    }
    assert!(told.len() > SENT / 2, "told: {} of {SENT}", told.len());
    Ok(())
}
