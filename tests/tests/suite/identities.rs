//! Who is who, on a stack with an issuer of each kind: the app's own backend with a secret of Secrets Manager, Whop with
//! its key set and its API, and another with a key of its own.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use http::Method;
use serde_json::{Value, json};
use tests::{Client, Outside, Signer, Stack, unique};

const KEY_SET: &str = "/.well-known/jwks.json";
const WHOP: &str = "urn:whopcom:exp-proxy";
/// A secret that an issuer names, and that is too short to be one.
const UNUSABLE: &str = "funnelcast/dev/short";

/// A stack, what is around it, and who signs for it.
struct World {
    stack: Stack,
    outside: Outside,
    app: Signer,
    /// The same issuer, by the key that is to replace its first one.
    app_next: Signer,
    whop: Signer,
    login: Signer,
}

impl World {
    /// `None` where there is no stack of the test's own.
    async fn start() -> Result<Option<Self>> {
        let outside = Outside::start().await?;
        let (whop, whop_key) = Signer::es256("whop-1")?;
        let (login, login_key) = Signer::es256("login-1")?;
        outside.answers(KEY_SET, 200, json!({"keys": [whop_key]}))?;
        let secret = unique("a secret of at least thirty-two bytes");
        let next = unique("another secret of at least thirty-two bytes");
        let issuers = json!([
            {"kind": "app", "iss": "shop", "aud": "funnelcast", "alg": "HS256", "keys": {"secret": "funnelcast/dev/shop"}},
            {"kind": "app", "iss": "shop", "aud": "funnelcast", "alg": "HS256", "keys": {"secret": "funnelcast/dev/next"}},
            {"kind": "app", "iss": "short", "aud": "funnelcast", "alg": "HS256", "keys": {"secret": UNUSABLE}},
            {"kind": "whop", "aud": "app_1", "keys": {"jwks": outside.url(KEY_SET)}},
            {"kind": "oidc", "iss": "https://login.example", "aud": "web", "alg": "ES256",
             "keys": {"static": {"keys": [login_key]}}},
        ]);
        let stack = Stack::private(&[
            "--secret",
            &format!("funnelcast/dev/shop={secret}"),
            "--secret",
            &format!("funnelcast/dev/next={next}"),
            "--secret",
            "funnelcast/dev/whop=whop-key",
            "--secret",
            &format!("{UNUSABLE}=short"),
            "--parameter",
            &format!("Issuers={issuers}"),
            "--parameter",
            &format!("WhopApi={}", outside.url("/api/v1")),
            "--parameter",
            "WhopApiKeySecret=funnelcast/dev/whop",
            "--parameter",
            "AgentUserId=user_agent",
        ])?;
        let (app, app_next) = (Signer::hs256(&secret), Signer::hs256(&next));
        Ok(stack.map(|stack| Self { stack, outside, app, app_next, whop, login }))
    }

    async fn connect(&self, token: &str) -> Result<Client> {
        Ok(self.stack.handshake().token(token).send().await?.connected()?.0)
    }

    fn whop_token(&self, user: &str) -> Result<String> {
        self.whop.sign(600, &json!({"iss": WHOP, "aud": "app_1", "sub": user}))
    }
}

async fn refusal(client: &mut Client, channel: &str) -> Result<String> {
    Ok(client.refused("join", json!({"channel": channel})).await?.code)
}

#[tokio::test]
async fn whop_says_which_companies_its_users_see() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let question = "/api/v1/users/user_1/access/biz_1";
    world.outside.answers(question, 200, json!({"has_access": true, "access_level": "admin"}))?;
    let customers = "/api/v1/users/user_1/access/biz_2";
    world.outside.answers(customers, 200, json!({"has_access": true, "access_level": "customer"}))?;
    world.outside.answers("/api/v1/users/user_1/access/biz_3", 500, json!({}))?;

    let token = world.whop_token("user_1")?;
    let mut ann = world.connect(&token).await?;
    let channels = ["company", "funnel_updates", "resource_updates", "analytics"];
    let joins = channels.map(|kind| json!({"channel": format!("{kind}:biz_1")}));
    let mut requests = Vec::new();
    for join in joins {
        requests.push(ann.request("join", join).await?);
    }
    for request in requests {
        assert!(ann.reply(&request).await?.is_ok());
    }
    assert_eq!(world.outside.times_asked(question), 1, "for all channels of the company");
    assert_eq!(refusal(&mut ann, "company:biz_2").await?, "forbidden", "a customer is not of the team");
    assert_eq!(refusal(&mut ann, "company:biz_3").await?, "internal", "closed, and to be tried again");
    assert_eq!(refusal(&mut ann, "company:biz_4").await?, "forbidden");
    ann.join("user:user_1").await?;
    ann.join("system").await?;

    // Whop's own header, and a ticket for the socket, which it never comes to.
    let connect = world.stack.ask(http::Method::POST, "connect").header("x-whop-user-token", &token);
    let ticket = connect.send().await?.done()?["ticket"].take();
    let handshake = world.stack.handshake().ticket(ticket.as_str().unwrap_or_default());
    let (mut again, _) = handshake.send().await?.connected()?;
    again.join("company:biz_1").await?;
    assert_eq!(world.outside.times_asked(question), 1);
    assert!(world.outside.times_asked(KEY_SET) >= 1);
    Ok(())
}

#[tokio::test]
async fn who_is_of_the_team_no_more_is_out_when_whop_is_asked_again() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let question = "/api/v1/users/user_1/access/biz_1";
    world.outside.answers(question, 200, json!({"has_access": true, "access_level": "admin"}))?;
    let mut ann = world.connect(&world.whop_token("user_1")?).await?;
    ann.join("company:biz_1").await?;
    ann.join("user:user_1").await?;
    let change = json!({"userId": "user_1", "companyId": "biz_1"});
    world.stack.emit("AccessChanged", change.clone()).await?;
    tests::eventually("Whop to be asked again", async || {
        Ok((world.outside.times_asked(question) == 2).then_some(()))
    })
    .await?;
    ann.silence().await?; // they still are
    // The second look, half a minute later, goes by Whop's answer too.
    world.stack.forget_usage().await?;
    let second_look = json!({"role": {"user": "user_1", "company": "biz_1"}});
    world.stack.backend().await?.put_into_queue("TimerQueue", &second_look.to_string()).await?;
    tests::eventually(
        "the connection, the memberships of 4 shards and Whop's answer to be read",
        async || Ok((world.stack.usage().await?.of("timers").reads >= 6).then_some(())),
    )
    .await?;
    ann.silence().await?;

    world.outside.answers(question, 200, json!({"has_access": false, "access_level": "no_access"}))?;
    world.stack.emit("AccessChanged", change).await?;
    let revoked = ann.only("access.revoked").await?;
    assert_eq!(
        (&revoked["channel"], &revoked["data"]["reason"]),
        (&json!("company:biz_1"), &json!("no longer allowed"))
    );
    assert_eq!(refusal(&mut ann, "company:biz_1").await?, "forbidden", "the old yes is forgotten");
    assert_eq!(ann.call("status", json!({})).await?["channels"], json!(["user:user_1"]));
    Ok(())
}

/// Half a minute after a change of access `timers` looks once more, for whoever was just joining: and asks of the same.
#[tokio::test]
async fn who_still_is_of_the_team_stays_when_it_is_looked_at_once_more() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let question = "/api/v1/users/user_1/access/biz_1";
    world.outside.answers(question, 200, json!({"has_access": true, "access_level": "admin"}))?;
    let conversation = world.stack.conversation("biz_1", &[]).await?;
    let mut ann = world.connect(&world.whop_token("user_1")?).await?;
    for channel in ["company:biz_1", conversation.as_str()] {
        ann.join(channel).await?;
    }
    let timer = json!({"role": {"user": "user_1", "company": "biz_1"}});
    world.stack.backend().await?.put_into_queue("TimerQueue", &timer.to_string()).await?;
    let log = world.stack.log().context("a log")?;
    tests::eventually("the second look", async || {
        let log = std::fs::read_to_string(log)?;
        let is_it = |line: &str| line.contains("timers | ") && line.contains("access checked again");
        Ok(log.lines().any(is_it).then_some(()))
    })
    .await?;
    ann.silence().await?;
    let channels = ann.call("status", json!({})).await?["channels"].clone();
    assert_eq!(channels, json!(["company:biz_1", conversation]));
    Ok(())
}

/// Asked for before access ended, an answer may come after it.
#[tokio::test]
async fn an_answer_on_its_way_when_access_ends_lets_nobody_in() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let question = "/api/v1/users/user_1/access/biz_1";
    world.outside.answers(question, 200, json!({"has_access": true, "access_level": "admin"}))?;
    let mut ann = world.connect(&world.whop_token("user_1")?).await?;
    ann.join("company:biz_1").await?;
    let change = json!({"userId": "user_1", "companyId": "biz_1"});
    let is_asked = async |times| {
        tests::eventually("Whop to be asked", async || {
            Ok((world.outside.times_asked(question) >= times).then_some(()))
        })
        .await
    };

    // The stack's own question is answered with what is about to change.
    let held = world.outside.hold(question);
    world.stack.emit("AccessChanged", change.clone()).await?;
    is_asked(2).await?;
    // And so is that of a join, which finds that one under way, or asks itself.
    let join = ann.request("join", json!({"channel": "analytics:biz_1"})).await?;
    world.outside.answers(question, 200, json!({"has_access": false, "access_level": "no_access"}))?;
    world.stack.emit("AccessChanged", change).await?;
    is_asked(3).await?;
    held.close();

    assert_eq!(ann.only("access.revoked").await?["channel"], "company:biz_1");
    assert_eq!(ann.reply(&join).await?.err().map(|refusal| refusal.code).as_deref(), Some("forbidden"));
    for channel in ["company:biz_1", "funnel_updates:biz_1"] {
        assert_eq!(refusal(&mut ann, channel).await?, "forbidden", "{channel}");
    }
    Ok(())
}

#[tokio::test]
async fn an_issuers_key_is_replaced_and_a_missing_one_harms_nobody_else() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let claims = |iss: &str| json!({"iss": iss, "aud": "funnelcast", "sub": "user_3"});
    for signer in [&world.app, &world.app_next] {
        world.connect(&signer.sign(600, &claims("shop"))?).await?.join("system").await?;
    }
    let stranger = Signer::hs256(&unique("a secret that nobody else has, of 32 bytes"));
    for (signer, iss) in [(&stranger, "shop"), (&world.app, "short")] {
        let handshake = world.stack.handshake().token(&signer.sign(600, &claims(iss))?);
        assert_eq!(handshake.send().await?.refused()?, 401, "{iss}");
    }
    // Grants too, in a function that has the app's issuers alone.
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let by_next = world.app_next.sign(
        600,
        &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": channel, "caps": ["join"]}),
    )?;
    join_by(&mut grantee(&world).await?, &channel, &by_next).await?;

    let log = std::fs::read_to_string(world.stack.log().context("a log")?)?;
    assert!(log.lines().any(|line| line.contains(UNUSABLE)), "it is said which secret");
    Ok(())
}

#[tokio::test]
async fn what_is_not_understood_of_a_token_keeps_nobody_out() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let companies = json!([{"id": "biz_1", "role": "owner"}, {"id": "biz_2", "role": "member"}]);
    for (name, shown) in [(json!(""), "user_5".to_owned()), (json!("n".repeat(200)), "n".repeat(128))] {
        let claims = json!({"iss": "shop", "aud": "funnelcast", "sub": "user_5", "name": name, "companies": companies});
        let mut client = world.connect(&world.app.sign(600, &claims)?).await?;
        assert_eq!(refusal(&mut client, "company:biz_1").await?, "forbidden");
        assert_eq!(client.join("company:biz_2").await?["presence"][0]["name"], shown);
        client.leave("company:biz_2").await?;
    }
    // What an OpenID provider means by `channel` is its own.
    let claims = json!({"iss": "https://login.example", "aud": "web", "sub": "user_5", "channel": "web"});
    world.connect(&world.login.sign(600, &claims)?).await?.join("user:user_5").await?;
    Ok(())
}

#[tokio::test]
async fn nobody_takes_the_id_that_is_made_of_anothers_subject() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let by_login =
        |sub: &str| world.login.sign(600, &json!({"iss": "https://login.example", "aud": "web", "sub": sub}));
    let by_app = |sub: &str| world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": sub}));
    let id = async |token: String| -> Result<Value> {
        Ok(world.connect(&token).await?.call("status", json!({})).await?["user"].take())
    };
    let victim = id(by_login("auth0|5f7c8ec7")?).await?;
    let made = victim.as_str().context("an id")?;
    assert_ne!(id(by_login(made)?).await?, victim);
    assert_eq!(world.stack.handshake().token(&by_app(made)?).send().await?.refused()?, 401);
    assert_eq!(id(by_app("auth0|5f7c8ec7")?).await?, victim, "the app may name every user");
    Ok(())
}

#[tokio::test]
async fn each_issuer_is_believed_what_it_may_say() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let companies = json!([{"id": "biz_1", "role": "admin"}]);
    let claims =
        |iss: &str, aud: &str| json!({"iss": iss, "aud": aud, "sub": "user_2", "companies": companies});

    let mut by_app = world.connect(&world.app.sign(600, &claims("shop", "funnelcast"))?).await?;
    by_app.join("company:biz_1").await?;
    let mut by_login =
        world.connect(&world.login.sign(600, &claims("https://login.example", "web"))?).await?;
    by_login.join("user:user_2").await?;
    assert_eq!(refusal(&mut by_login, "company:biz_1").await?, "forbidden");
    let mut by_whop = world.connect(&world.whop.sign(600, &claims(WHOP, "app_1"))?).await?;
    assert_eq!(refusal(&mut by_whop, "company:biz_1").await?, "forbidden", "Whop's API does not say so");

    let (stranger, _) = Signer::es256("whop-1")?;
    let bad: Vec<(&str, String)> = vec![
        ("another app's", world.whop.sign(600, &claims(WHOP, "app_2"))?),
        ("a list of apps", world.whop.sign(600, &json!({"iss": WHOP, "aud": ["app_1"], "sub": "user_2"}))?),
        ("no audience", world.whop.sign(600, &json!({"iss": WHOP, "sub": "user_2"}))?),
        ("another issuer's key", world.login.sign(600, &claims(WHOP, "app_1"))?),
        ("the same key's name, another key", stranger.sign(600, &claims(WHOP, "app_1"))?),
        ("an algorithm of another issuer", world.app.sign(600, &claims(WHOP, "app_1"))?),
        (
            "a user that is none of Whop's",
            world.whop.sign(600, &json!({"iss": WHOP, "aud": "app_1", "sub": "bob"}))?,
        ),
        ("expired", world.app.sign(0, &claims("shop", "funnelcast"))?),
        (
            "a grant",
            world.app.sign(
                600,
                &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_2",
            "channel": "company:biz_1", "caps": ["join"]}),
            )?,
        ),
    ];
    let handshakes = bad.iter().map(|(_, token)| world.stack.handshake().token(token).send());
    for ((what, _), outcome) in bad.iter().zip(try_join_all(handshakes).await?) {
        assert_eq!(outcome.refused()?, 401, "{what}");
    }
    Ok(())
}

/// A grant of the app's backend for `user_3`.
fn grant(world: &World, ttl_secs: u64, channel: &str, caps: &[&str]) -> Result<String> {
    world.app.sign(
        ttl_secs,
        &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": channel, "caps": caps}),
    )
}

async fn grantee(world: &World) -> Result<Client> {
    world.connect(&world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?).await
}

async fn join_by(client: &mut Client, channel: &str, grant: &str) -> Result<Value> {
    client.call("join", json!({"channel": channel, "grant": grant})).await
}

#[tokio::test]
async fn a_grant_opens_what_it_names_until_it_ends() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let mut host = world.stack.connect(&host).await?;
    host.join(&channel).await?;

    let mut guest = grantee(&world).await?;
    assert_eq!(refusal(&mut guest, &channel).await?, "forbidden");
    join_by(&mut guest, &channel, &grant(&world, 600, &channel, &["join"])?).await?;
    host.event("presence.join").await?;
    host.say(&channel, "welcome").await?;
    assert_eq!(guest.only("chat.message").await?["data"]["content"], "welcome");
    guest.call("history", json!({"channel": channel, "limit": 10})).await?;
    for event in [
        json!({"channel": channel, "event": "chat.message", "key": "k1", "data": {"content": "hi"}}),
        json!({"channel": channel, "event": "chat.typing", "data": {"isTyping": true}}),
    ] {
        assert_eq!(guest.refused("send", event).await?, *"forbidden", "they may only listen");
    }

    // The next one lets them speak, and ends soon.
    join_by(&mut guest, &channel, &grant(&world, 4, &channel, &["join", "send"])?).await?;
    guest.say(&channel, "thanks").await?;
    assert_eq!(host.only("chat.message").await?["data"]["content"], "thanks");
    let revoked = guest.only("access.revoked").await?;
    let data = &revoked["data"];
    assert_eq!((&data["userId"], &data["reason"]), (&json!("user_3"), &json!("the grant has ended")));
    assert_eq!(host.say(&channel, "gone?").await?["recipients"], 0);
    assert_eq!(guest.refused("history", json!({"channel": channel, "limit": 10})).await?, *"not_joined");
    assert_eq!(guest.call("status", json!({})).await?["channels"], json!([]));
    Ok(())
}

/// Who has both a grant and a part in the conversation stays by the grant when they no longer take part.
#[tokio::test]
async fn a_grant_is_kept_beside_a_right_of_ones_own() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let guest_user = tests::User::called("user_3");
    let channel = world.stack.conversation("biz_1", &[&host, &guest_user]).await?;
    let mut host_socket = world.stack.connect(&host).await?;
    host_socket.join(&channel).await?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &grant(&world, 20, &channel, &["join"])?).await?;
    guest.say(&channel, "they take part").await?;
    host_socket.event("chat.message").await?;

    let path = format!("conversations/{}", channel.trim_start_matches("conversation:"));
    let (body, backend) =
        (json!({"companyId": "biz_1", "participants": [host.id]}), tests::User::backend_of("biz_1").token()?);
    world.stack.ask_api(Method::PUT, &path).token(&backend).body(&body.to_string()).send().await?.done()?;
    let say = json!({"channel": channel, "event": "chat.message", "key": "k", "data": {"content": "hi"}});
    assert_eq!(guest.refused("send", say).await?, *"forbidden", "the limits of the grant hold");
    host_socket.say(&channel, "still there?").await?;
    assert_eq!(guest.only("chat.message").await?["data"]["content"], "still there?");
    let revoked = guest.only("access.revoked").await?;
    assert_eq!(revoked["data"]["reason"], "the grant has ended");
    Ok(())
}

#[tokio::test]
async fn a_grant_is_bound_to_its_user_and_channel() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let claims = |changes: Value| {
        let mut claims = json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": "company:biz_1",
                                "caps": ["join"]});
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims
    };
    let mut guest = grantee(&world).await?;
    let whops = claims(json!({"iss": WHOP, "aud": "app_1"}));
    for (what, wrong) in [
        ("another's", world.app.sign(600, &claims(json!({"sub": "user_4"})))?),
        ("of another channel", world.app.sign(600, &claims(json!({"channel": "company:biz_2"})))?),
        ("for longer than grants last", world.app.sign(700, &claims(json!({})))?),
        ("expired", world.app.sign(0, &claims(json!({})))?),
        ("to send, and not to join", world.app.sign(600, &claims(json!({"caps": ["send"]})))?),
        ("of an issuer that gives none", world.whop.sign(600, &whops)?),
        (
            "their own token",
            world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?,
        ),
        ("nothing", String::new()),
    ] {
        let join = json!({"channel": "company:biz_1", "grant": wrong});
        assert_eq!(guest.refused("join", join).await?, *"forbidden", "{what}");
    }
    // By HTTP too, for a connection; and a user with access of their own is not held to the grant.
    let good = world.app.sign(600, &claims(json!({})))?;
    let id = guest.connection_id().await?;
    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let join = json!({"connectionId": id, "channel": "company:biz_1", "grant": good});
    let answer = world.stack.ask(http::Method::POST, "channels").token(&token).body(&join.to_string());
    answer.send().await?.done()?;
    assert_eq!(guest.call("presence", json!({"channel": "company:biz_1"})).await?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_grant_counts_by_http_for_who_has_no_socket() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let mut host = world.stack.connect(&host).await?;
    host.join(&channel).await?;
    host.say(&channel, "welcome").await?;

    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let page = format!("messages?channel={channel}&limit=9");
    let message =
        json!({"channel": channel, "event": "chat.message", "key": "k1", "data": {"content": "hi"}});
    let read = || world.stack.ask(http::Method::GET, &page).token(&token);
    let send = || world.stack.ask(http::Method::POST, "messages").token(&token).body(&message.to_string());
    let forbidden = (403, "forbidden");
    assert_eq!(read().send().await?.refused()?, forbidden);

    let [listens, speaks] = [&["join"][..], &["join", "send"]].map(|caps| grant(&world, 600, &channel, caps));
    let (listens, speaks) = (listens?, speaks?);
    let answer = read().header("funnelcast-grant", &listens).send().await?.done()?;
    assert_eq!(answer["events"][0]["data"]["content"], "welcome");
    assert_eq!(send().header("funnelcast-grant", &listens).send().await?.refused()?, forbidden);
    send().header("funnelcast-grant", &speaks).send().await?.done()?;
    assert_eq!(host.only("chat.message").await?["from"]["userId"], "user_3");

    for wrong in
        [grant(&world, 0, &channel, &["join"])?, grant(&world, 600, "system", &["join"])?, "\u{e9}".into()]
    {
        assert_eq!(read().header("funnelcast-grant", &wrong).send().await?.refused()?, forbidden, "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_is_no_participant_and_goes_by_a_kick() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let (host, other) = (tests::User::customer_of("biz_1"), tests::User::customer_of("biz_1"));
    let channel = world.stack.conversation("biz_1", &[&host, &other]).await?;
    let mut host_client = world.stack.connect(&host).await?;
    host_client.join(&channel).await?;
    let mut other_client = world.stack.connect(&other).await?;
    other_client.join(&channel).await?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &grant(&world, 600, &channel, &["join", "send"])?).await?;

    let id = channel.trim_start_matches("conversation:");
    let without_other = json!({"conversationId": id, "companyId": "biz_1", "participants": [host.id]});
    world.stack.emit("Conversation", without_other).await?;
    other_client.only("access.revoked").await?;
    guest.say(&channel, "still here").await?;
    world.stack.emit("Kick", json!({"channel": channel, "userId": "user_3", "reason": "closed"})).await?;
    assert_eq!(guest.only("access.revoked").await?["data"]["reason"], "closed");
    Ok(())
}

#[tokio::test]
async fn no_grant_lets_anybody_into_a_conversation_that_is_over() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let good = grant(&world, 600, &channel, &["join", "send"])?;
    let token = world.app.sign(600, &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3"}))?;
    let mut guest = grantee(&world).await?;
    join_by(&mut guest, &channel, &good).await?;
    guest.say(&channel, "hello").await?;

    let path = format!("conversations/{}", channel.trim_start_matches("conversation:"));
    let backend = tests::User::backend_of("biz_1");
    world.stack.ask_api(http::Method::DELETE, &path).token(&backend.token()?).send().await?.done()?;
    assert_eq!(guest.only("access.revoked").await?["data"]["reason"], "the conversation has ended");
    let message =
        json!({"channel": channel, "event": "chat.message", "key": "k2", "data": {"content": "still?"}});
    assert_eq!(guest.refused("send", message.clone()).await?, *"not_joined");
    assert_eq!(guest.refused("history", json!({"channel": channel, "limit": 1})).await?, *"not_joined");
    let join = json!({"channel": channel, "grant": good});
    assert_eq!(guest.refused("join", join.clone()).await?, *"forbidden");
    let forbidden = (403, "forbidden");
    let by_http = |method, path: &str| world.stack.ask(method, path).token(&token);
    let read = by_http(http::Method::GET, &format!("messages?channel={channel}&limit=1"));
    assert_eq!(read.header("funnelcast-grant", &good).send().await?.refused()?, forbidden);
    let send = by_http(http::Method::POST, "messages").body(&message.to_string());
    assert_eq!(send.header("funnelcast-grant", &good).send().await?.refused()?, forbidden);
    let mut join = join;
    join["connectionId"] = json!(guest.connection_id().await?);
    let join = by_http(http::Method::POST, "channels").body(&join.to_string());
    assert_eq!(join.send().await?.refused()?, forbidden);
    Ok(())
}

#[tokio::test]
async fn the_apps_own_user_is_its_bot() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let mut host = world.stack.connect(&host).await?;
    host.join(&channel).await?;

    let id = channel.trim_start_matches("conversation:");
    let message = json!({"conversationId": id, "type": "bot", "content": "How can I help?"});
    world.stack.emit("ChatMessage", message).await?;
    let said = host.only("chat.message").await?;
    assert_eq!((&said["data"]["type"], &said["data"]["userId"]), (&json!("bot"), &json!("user_agent")));

    let team = json!([{"id": "biz_1", "role": "member"}]);
    let claims = json!({"iss": "shop", "aud": "funnelcast", "sub": "user_agent", "companies": team});
    let mut agent = world.connect(&world.app.sign(600, &claims)?).await?;
    agent.join(&channel).await?;
    agent.say(&channel, "Here I am").await?;
    let said = host.only("chat.message").await?;
    assert_eq!((&said["data"]["type"], &said["data"]["userId"]), (&json!("bot"), &json!("user_agent")));
    host.say(&channel, "Hello").await?;
    assert_eq!(agent.only("chat.message").await?["data"]["type"], "user");
    Ok(())
}
