//! Identities, on a stack with an issuer of each kind: the app's own backend with a secret of Secrets Manager, Whop with its
//! key set and its API, and an `OpenID` provider with a key of its own.

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Client, Outside, Signer, Stack, unique};

use crate::grants::{grantee, join_by};

const KEY_SET: &str = "/.well-known/jwks.json";
pub(crate) const WHOP: &str = "urn:whopcom:exp-proxy";
/// The name of an issuer's secret that is too short to be used.
const UNUSABLE: &str = "funnelcast/dev/short";

/// A stack, the services outside it, and the signers of its issuers.
pub(crate) struct World {
    pub(crate) stack: Stack,
    outside: Outside,
    pub(crate) app: Signer,
    /// The issuer of `app`, with the key that is to replace its first one.
    app_next: Signer,
    pub(crate) whop: Signer,
    login: Signer,
}

impl World {
    /// Starts the stack; `None` where a test cannot have one of its own.
    pub(crate) async fn start() -> Result<Option<Self>> {
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

    pub(crate) async fn connect(&self, token: &str) -> Result<Client> {
        Ok(self.stack.handshake().token(token).send().await?.connected()?.0)
    }

    fn whop_token(&self, user: &str) -> Result<String> {
        self.whop.sign(600, &json!({"iss": WHOP, "aud": "app_1", "sub": user}))
    }
}

pub(crate) async fn refusal(client: &mut Client, channel: &str) -> Result<String> {
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
    assert_eq!(refusal(&mut ann, "company:biz_3").await?, "internal", "Whop fails, so access is closed");
    assert_eq!(refusal(&mut ann, "company:biz_4").await?, "forbidden");
    ann.join("user:user_1").await?;
    ann.join("system").await?;

    // The token comes in Whop's own header, which a WebSocket never has, so the socket needs a ticket.
    let connect = world.stack.ask(http::Method::POST, "connect").header("x-whop-user-token", &token);
    let ticket = connect.send().await?.done()?["ticket"].take();
    let handshake = world.stack.handshake().ticket(ticket.as_str().unwrap_or_default());
    let (mut again, _) = handshake.send().await?.connected()?;
    again.join("company:biz_1").await?;
    assert_eq!(world.outside.times_asked(question), 1);
    assert!(world.outside.times_asked(KEY_SET) >= 1);
    Ok(())
}

/// A merchant who takes part in a conversation of their own company joins it as a participant, without Whop being asked.
#[tokio::test]
async fn a_participant_who_is_of_the_team_deletes_what_others_wrote() -> Result<()> {
    let Some(world) = World::start().await? else { return Ok(()) };
    let question = "/api/v1/users/user_1/access/biz_1";
    let (merchant, customer) = (world.whop_token("user_1")?, world.whop_token("user_2")?);
    let channel = world.stack.conversation_called("conv_shop", "biz_1", &["user_1", "user_2"]).await?;
    let (mut merchant, mut customer) = (world.connect(&merchant).await?, world.connect(&customer).await?);
    merchant.join(&channel).await?;
    customer.join(&channel).await?;
    let rude = customer.say(&channel, "rude").await?;
    let answer = merchant.say(&channel, "please").await?;
    let delete = |seq: &Value| json!({"channel": channel, "event": "chat.delete", "key": tests::unique("key"), "data": {"target": seq}});
    assert_eq!(world.outside.times_asked(question), 0);
    let theirs = "/api/v1/users/user_2/access/biz_1";
    world.outside.answers(theirs, 200, json!({"has_access": true, "access_level": "customer"}))?;
    assert_eq!(customer.refused("send", delete(&answer["seq"])).await?.code, "forbidden");
    world.outside.answers(question, 500, json!({}))?;
    assert_eq!(
        merchant.refused("send", delete(&rude["seq"])).await?.code,
        "internal",
        "Whop fails, so access is closed"
    );
    world.outside.answers(question, 200, json!({"has_access": true, "access_level": "admin"}))?;
    tests::eventually("Whop to be asked once more, a second later", async || {
        let request = merchant.request("send", delete(&rude["seq"])).await?;
        Ok(merchant.reply(&request).await?.ok())
    })
    .await?;
    assert_eq!(customer.event("chat.delete").await?["data"]["target"], rude["seq"]);
    // The same by HTTP.
    let rude = customer.say(&channel, "rude again").await?;
    let request = world.stack.ask(http::Method::POST, "messages").token(&world.whop_token("user_1")?);
    request.body(&delete(&rude["seq"]).to_string()).send().await?.done()?;
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
    ann.silence().await?; // they are still of the team
    // The second check, half a minute later, also decides by Whop's answer.
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
    assert_eq!(refusal(&mut ann, "company:biz_1").await?, "forbidden", "the cached yes is dropped");
    assert_eq!(ann.call("status", json!({})).await?["channels"], json!(["user:user_1"]));
    Ok(())
}

/// Half a minute after a change of access, `timers` checks again, because somebody may have been joining meanwhile. It decides
/// by the same answers.
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
    tests::eventually("the second check", async || {
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

/// An answer of Whop's that was asked for before access ended may come afterwards.
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

    // Whop answers the stack's own question with what is about to change.
    let held = world.outside.hold(question);
    world.stack.emit("AccessChanged", change.clone()).await?;
    is_asked(2).await?;
    // So it does for a `join`, which waits for the question under way, or asks one of its own.
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
    // Grants too, in a function that has only the app's issuers.
    let host = tests::User::customer_of("biz_1");
    let channel = world.stack.conversation("biz_1", &[&host]).await?;
    let by_next = world.app_next.sign(
        600,
        &json!({"iss": "shop", "aud": "funnelcast", "sub": "user_3", "channel": channel, "caps": ["join"]}),
    )?;
    join_by(&mut grantee(&world).await?, &channel, &by_next).await?;

    let log = std::fs::read_to_string(world.stack.log().context("a log")?)?;
    assert!(log.lines().any(|line| line.contains(UNUSABLE)), "no line of the log names the secret");
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
    // A claim `channel` of an OpenID provider has no meaning here, and makes its token no grant.
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
