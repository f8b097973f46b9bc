//! Nothing confidential is logged: no tokens, tickets or secrets, nothing that users write, no e-mail addresses. They are planted
//! into real traffic, valid and invalid, on every way in, and then looked for in all that the stack has logged. Nor can anybody
//! outside forge a line of the log.

use std::fs;

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tests::{Outcome, Stack, User, eventually, unique};

use crate::scene::joined;

/// The secret that signs Whop's webhooks on this stack.
const WEBHOOK_SECRET: &str = "ws_planted_5d1f7c9b2e";
/// Our own crates log at the level `debug`; the SDKs do not, because that has no place in a deployment.
const LOG_LEVEL: &str = "info,funnelcast_aws=debug,funnelcast_realtime=debug,authorize=debug,send=debug,http_api=debug,webhook=debug,broadcast=debug";

/// The planted texts, each with what it is.
#[derive(Default)]
struct Planted(Vec<(&'static str, String)>);

impl Planted {
    /// Plants something that occurs nowhere else.
    fn plant(&mut self, what: &'static str) -> String {
        self.keep(what, &unique("planted"))
    }

    /// Adds a text that exists already.
    fn keep(&mut self, what: &'static str, secret: &str) -> String {
        self.0.push((what, secret.to_owned()));
        secret.to_owned()
    }
}

#[tokio::test]
async fn no_log_has_a_secret_or_a_line_of_a_strangers() -> Result<()> {
    let webhook_secret = format!("funnelcast/dev/webhooks={WEBHOOK_SECRET}");
    let log_level = format!("LogLevel={LOG_LEVEL}");
    let options = [
        "--secret",
        &webhook_secret,
        "--parameter",
        "WhopWebhookSecret=funnelcast/dev/webhooks",
        "--parameter",
        &log_level,
        "--visibility-max",
        "200ms",
    ];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let mut planted = Planted::default();
    planted.keep("webhook secret", WEBHOOK_SECRET);

    let company = unique("biz");
    let mut ann = User::customer_of(&company);
    ann.name = format!("{}@mail.example", planted.plant("e-mail address"));
    let bob = User::customer_of(&company);
    for user in [&ann, &bob] {
        let token = user.token()?;
        let (_, signature) = token.rsplit_once('.').context("a signature")?;
        planted.keep("token", signature);
    }
    let channel = stack.conversation(&company, &[&ann, &bob]).await?;
    speak(&stack, &mut planted, &channel, [&ann, &bob]).await?;
    ask(&stack, &mut planted, &channel, &ann).await?;
    connect(&stack, &mut planted, &ann).await?;
    tell(&stack, &mut planted, &ann).await?;

    let log = fs::read_to_string(stack.log().context("a log")?)?;
    assert!(log.contains(&ann.id), "the log has nothing of this traffic");
    for (what, secret) in &planted.0 {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "a {what} in the log: {line:?}");
    }
    let forged = log.lines().find(|line| line.trim_start().starts_with("forged"));
    assert!(forged.is_none(), "a forged line in the log: {forged:?}");
    Ok(())
}

/// Plants in frames: what users write, and frames that are invalid.
async fn speak(stack: &Stack, planted: &mut Planted, channel: &str, [ann, bob]: [&User; 2]) -> Result<()> {
    let mut client = joined(stack, ann, channel).await?;
    let mut other = joined(stack, bob, channel).await?;
    client.say(channel, &planted.plant("message")).await?;
    other.event("chat.message").await?;
    let signal = json!({"name": "wave", "payload": planted.plant("signal")});
    client.send(channel, "signal", signal).await?;
    let search = json!({"channel": channel, "limit": 9, "contains": planted.plant("search")});
    client.call("history", search).await?;
    let ping = json!({"token": planted.plant("renewal's token")});
    assert_eq!(client.refused("ping", ping).await?, *"unauthorized");
    let grant = json!({"channel": "company:biz_1", "grant": planted.plant("grant")});
    client.refused("join", grant).await?;
    for data in [json!({"content": 7, "metadata": planted.plant("message")}), json!(planted.plant("message"))]
    {
        let send = json!({"channel": channel, "event": "chat.message", "key": unique("key"), "data": data});
        assert_eq!(client.refused("send", send).await?, *"bad_request");
    }
    let text = planted.plant("frame");
    for frame in [
        text.clone(),
        json!(text).to_string(),
        json!({"action": format!("dance\nforged {text}"), "id": "1"}).to_string(),
        json!({"action": "join", "channel": format!("x:\nforged {text}")}).to_string(),
        json!({"action": "leave", "channel": "system", (format!("\nforged {text}")): 1}).to_string(),
        json!({"action": "ping", "id": format!("\nforged {text}").repeat(9)}).to_string(),
    ] {
        client.text(&frame).await?;
        let (_, outcome) = client.any_reply().await?;
        assert!(outcome.is_err(), "{frame}");
    }
    Ok(())
}

/// Plants in HTTP requests: what users write, and what can be in a path, a query or a header.
async fn ask(stack: &Stack, planted: &mut Planted, channel: &str, ann: &User) -> Result<()> {
    stack.post_chat(ann, channel, &unique("key"), &planted.plant("message")).await?.done()?;
    let bad: Value = json!({"channel": channel, "event": planted.plant("event"), "data": {}});
    assert_eq!(stack.post(ann, "messages", &bad).await?.refused()?.0, 400);
    for path in [
        format!("messages?channel={channel}&limit=9&contains={}", planted.plant("search")),
        format!("messages?channel={channel}&limit=9&{}=1", planted.plant("field")),
        format!("messages?channel={channel}&limit={}", planted.plant("limit")),
        format!("messages?channel=%0Aforged%20{}&limit=1", planted.plant("channel")),
        format!("disconnect?connectionId={}%20", planted.plant("connection")),
        format!("{}%0Aforged", planted.plant("path")),
    ] {
        let method = if path.starts_with("disconnect") { Method::DELETE } else { Method::GET };
        stack.ask(method, &path).token(&ann.token()?).send().await?;
    }
    for (header, value) in [
        ("authorization", format!("Bearer {}", planted.plant("token"))),
        ("x-whop-user-token", planted.plant("token")),
        ("cookie", format!("session={}", planted.plant("cookie"))),
        ("user-agent", planted.plant("user agent")),
    ] {
        stack.ask(Method::GET, "status").header(header, &value).send().await?.refused()?;
    }
    Ok(())
}

/// Plants in handshakes: a ticket used once and twice, and invalid tokens and origins.
async fn connect(stack: &Stack, planted: &mut Planted, ann: &User) -> Result<()> {
    let ticket = stack.post(ann, "connect", &json!({})).await?.done()?;
    let ticket = planted.keep("ticket", ticket["ticket"].as_str().context("a ticket")?);
    stack.handshake().ticket(&ticket).send().await?.connected()?;
    assert_eq!(stack.handshake().ticket(&ticket).send().await?.refused()?, 401);
    for bad in [planted.plant("token"), format!("a.{}.c", planted.plant("token"))] {
        assert_eq!(stack.handshake().token(&bad).send().await?.refused()?, 401);
        let offered = stack.handshake().offer("funnelcast.v1").offer(&format!("token.{bad}"));
        assert!(matches!(offered.send().await?, Outcome::Refused(401)));
    }
    // The parts of a token that nobody has signed: they are parsed before the signature is checked.
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let escape = format!("\u{1b}[2J\nforged {}", planted.plant("header of a token"));
    let claims =
        json!({"iss": "funnelcast-dev", "aud": "funnelcast", "sub": ann.id, "exp": 4_102_444_800_u64});
    for header in [
        json!({"alg": escape}),
        json!({"alg": "HS256", "kid": escape}),
        json!({"alg": "HS256", "kid": [escape]}),
        json!({"alg": "HS256", "crit": [escape]}),
        json!(escape),
    ] {
        let token = format!("{}.{}.c2ln", part(header), part(claims.clone()));
        assert_eq!(stack.handshake().token(&token).send().await?.refused()?, 401);
        stack.ask(Method::GET, "status").token(&token).send().await?.refused()?;
    }
    for claim in ["iss", "aud", "sub", "exp", "nbf"] {
        let mut claims = claims.clone();
        claims[claim] = json!(escape);
        let token = format!("{}.{}.c2ln", part(json!({"alg": "HS256"})), part(claims));
        assert_eq!(stack.handshake().token(&token).send().await?.refused()?, 401);
    }
    let origin = format!("https://\u{9b}2J{}", planted.plant("origin"));
    assert_eq!(stack.handshake().token(&ann.token()?).origin(&origin).send().await?.refused()?, 403);
    let (token, origin) = (ann.token()?, format!("https://forged.example/{}", "x".repeat(500)));
    assert_eq!(stack.handshake().token(&token).origin(&origin).send().await?.refused()?, 403);
    Ok(())
}

/// Plants in events of the backend and in webhooks of Whop, valid and invalid.
async fn tell(stack: &Stack, planted: &mut Planted, ann: &User) -> Result<()> {
    let mut client = joined(stack, ann, &ann.channel()).await?;
    let notice = |message: &str| json!({"userId": ann.id, "level": "info", "title": "t", "message": message});
    stack.emit("UserNotification", notice(&planted.plant("notice"))).await?;
    client.event("user.notification").await?;
    let letter = unique("funnel");
    let update = json!({"type": "deployed", "funnelId": letter, "funnelName": "n", "companyId": "biz_1",
        "userId": ann.id, "progress": planted.plant("value that is none")});
    stack.emit("FunnelUpdate", update).await?;
    stack.backend().await?.dead_letter(&letter).await?;

    let email = format!("{}@mail.example", planted.plant("e-mail address"));
    let id = unique("msg");
    let body = json!({"type": "membership.activated", "company_id": "biz_1",
        "data": {"id": "mem_1", "user": {"id": ann.id, "email": email, "name": planted.plant("name")}}});
    let body = body.to_string();
    let at = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?;
    let signature = Webhook::from_bytes(WEBHOOK_SECRET.into())?.sign(&id, at, body.as_bytes())?;
    for signature in [signature.as_str(), &format!("v1,{}", planted.plant("signature"))] {
        let request = stack.ask(Method::POST, "webhooks/whop").body(&body).header("webhook-id", &id);
        request
            .header("webhook-timestamp", &at.to_string())
            .header("webhook-signature", signature)
            .send()
            .await?;
    }
    client.event("user.notification").await?;
    let log = stack.log().context("a log")?;
    eventually("the webhook's last line", async || {
        Ok(fs::read_to_string(log)?.contains("access checked again").then_some(()))
    })
    .await
}
