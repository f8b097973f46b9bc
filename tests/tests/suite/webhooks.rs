//! Whop's webhooks: what Whop has signed is taken at once and dealt with once, and what it has not changes nothing.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tests::{Answer, Client, Stack, User, eventually, unique};

use crate::scene::joined;

/// While secrets change, both count.
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

/// A webhook on its way, before it is sent.
struct Sending<'a> {
    id: &'a str,
    /// How many seconds after now it says that it is.
    at: i64,
    secret: &'a str,
    /// What is signed.
    body: &'a str,
    /// And what is sent.
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

/// Waits until all that was sent has been dealt with: the last one is told to this user, and nothing else since.
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
    // By either secret, late and early within 5 minutes, and as bytes that API Gateway takes for no text.
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

    // It went on the bus too: `access` has looked again at what the user may.
    let log = stack.log().context("a log")?;
    eventually("a second look", async || {
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
