//! Who may take part in a call, what happens to the call when they no longer may, and who is given TURN servers.

use anyhow::{Context as _, Result};
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Stack, User, unique};

use super::{Call, listed, update};
use crate::scene::{Pair, joined, pair};

fn id(channel: &str) -> &str {
    channel.trim_start_matches("conversation:")
}

#[tokio::test]
async fn only_members_take_part() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, mut ann, .. } = pair(stack).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    let mut stranger = stack.connect(&User::stranger()).await?;
    for change in ["start", "accept", "decline", "leave"] {
        assert_eq!(call.refused(&mut stranger, change, "s1").await?.code, "not_joined", "{change}");
    }
    let company_channel = format!("company:{company}");
    let mut team = joined(stack, &User::admin_of(&company), &company_channel).await?;
    let wrong = Call::new(&company_channel);
    assert_eq!(wrong.refused(&mut team, "start", "t1").await?.code, "forbidden");
    call.change(&mut ann, "leave", "a1").await?;
    stranger.silence().await
}

#[tokio::test]
async fn who_is_muted_stays_in_their_call_hangs_up_and_neither_starts_nor_joins() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, bob_user, mut ann, mut bob, .. } = pair(stack).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    call.change(&mut bob, "accept", "b1").await?;
    let mute = json!({"userId": bob_user.id, "conversationId": id(&channel), "restriction": "mute"});
    stack.post(&User::admin_of(&company), "moderation", &mute).await?.done()?;
    // Bob's socket is replaced. The device is the one on which they are in the call already.
    bob.cut();
    let mut bob = joined(stack, &bob_user, &channel).await?;
    assert_eq!(call.change(&mut bob, "accept", "b1").await?["state"], "active");
    assert_eq!(call.refused(&mut bob, "accept", "b2").await?.code, "muted", "another device");
    assert_eq!(call.change(&mut bob, "leave", "b1").await?["state"], "ended");
    assert_eq!(call.refused(&mut bob, "accept", "b1").await?.code, "muted", "bob has left the call");
    assert_eq!(Call::new(&channel).refused(&mut bob, "start", "b2").await?.code, "muted");
    let next = Call::new(&channel);
    next.change(&mut ann, "start", "a2").await?;
    assert_eq!(next.change(&mut bob, "decline", "b3").await?["outcome"], "declined");
    Ok(())
}

#[tokio::test]
async fn who_is_removed_leaves_the_call() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(stack).await?;
    let admin = User::admin_of(&company);
    let mut team = joined(stack, &admin, &channel).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    call.change(&mut bob, "accept", "b1").await?;
    call.change(&mut team, "accept", "t1").await?;
    let kick = json!({"channel": channel, "userId": bob_user.id, "reason": "enough"});
    stack.emit("Kick", kick).await?;
    bob.event("access.revoked").await?;
    let left = loop {
        let next = update(&mut ann, "active").await?;
        if listed(&next).contains(&(bob_user.id.clone(), "left".to_owned())) {
            break next;
        }
    };
    assert_eq!(left["participants"].as_array().map(Vec::len), Some(3));
    assert_eq!(call.refused(&mut bob, "accept", "b1").await?.code, "not_joined");

    let ban = json!({"userId": ann_user.id, "conversationId": id(&channel), "restriction": "ban"});
    stack.post(&admin, "moderation", &ban).await?.done()?;
    assert_eq!(update(&mut team, "ended").await?["outcome"], "ended", "a call with one user left ends");
    assert_eq!(call.record(&mut team).await?["state"], "ended");
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_conversation_ends_its_call() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, mut ann, mut bob, .. } = pair(stack).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    call.change(&mut bob, "accept", "b1").await?;
    let backend = User::backend_of(&company);
    let end =
        stack.ask_api(Method::DELETE, &format!("conversations/{}", id(&channel))).token(&backend.token()?);
    end.send().await?.done()?;
    ann.event("access.revoked").await?;
    for change in ["accept", "leave"] {
        assert_eq!(call.refused(&mut ann, change, "a1").await?.code, "not_joined", "{change}");
    }
    Ok(())
}

async fn ice(stack: &Stack, user: &User, channel: &str) -> Result<Answer> {
    let ask = stack.ask_api(Method::POST, "calls/ice").token(&user.token()?);
    ask.body(&json!({"channel": channel}).to_string()).send().await
}

#[tokio::test]
async fn servers_are_for_those_who_may_join() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, bob_user, .. } = pair(stack).await?;
    let none = ice(stack, &bob_user, &channel).await?.done()?;
    assert_eq!(none["iceServers"], json!([]), "this stack has no ICE servers");
    assert!(tests::is_timestamp(&none["expiresAt"]), "{none}");
    ice(stack, &User::admin_of(&company), &channel).await?.done()?;
    for stranger in [User::stranger(), User::admin_of(&unique("biz")), User::customer_of(&company)] {
        assert_eq!(ice(stack, &stranger, &channel).await?.refused()?, (403, "forbidden"));
    }
    let team = User::admin_of(&company);
    assert_eq!(ice(stack, &team, &format!("company:{company}")).await?.refused()?, (403, "forbidden"));
    let mut refused = None;
    for _ in 0..30 {
        let answer = ice(stack, &bob_user, &channel).await?;
        if answer.status == 429 {
            refused = Some(answer.refused()?.1.to_owned());
            break;
        }
    }
    assert_eq!(refused.as_deref(), Some("rate_limited"));
    Ok(())
}

#[tokio::test]
async fn turn_servers_know_their_credentials() -> Result<()> {
    const SECRET: &str = "a secret that only the TURN server knows";
    let servers = "IceServers=stun:stun.example:3478,turn:turn.example:3478?transport=udp,turns:turn.example:443?transport=tcp";
    let secret = format!("funnelcast/dev/turn={SECRET}");
    let options =
        ["--parameter", servers, "--parameter", "TurnSecret=funnelcast/dev/turn", "--secret", &secret];
    let Some(stack) = Stack::private(&options)? else { return Ok(()) };
    let Pair { channel, bob_user, .. } = pair(&stack).await?;
    let reply = ice(&stack, &bob_user, &channel).await?.done()?;
    let [stun, turn] = reply["iceServers"].as_array().context("servers")?.as_slice() else {
        anyhow::bail!("{reply}")
    };
    assert_eq!(*stun, json!({"urls": ["stun:stun.example:3478"]}));
    let urls = json!(["turn:turn.example:3478?transport=udp", "turns:turn.example:443?transport=tcp"]);
    assert_eq!(turn["urls"], urls);
    let name = turn["username"].as_str().context("a username")?;
    let (expiry, user) = name.split_once(':').context("expiry:user")?;
    assert_eq!(user, bob_user.id);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let left = expiry.parse::<u64>()?.saturating_sub(now);
    assert!((3_500..=3_600).contains(&left), "{left} s");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let credential = turn["credential"].as_str().context("a credential")?;
    aws_lc_rs::hmac::verify(&key, name.as_bytes(), &base64_of(credential)?)
        .ok()
        .context("the credential is not the HMAC of the username")?;
    Ok(())
}

fn base64_of(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::prelude::BASE64_STANDARD.decode(text)?)
}

#[tokio::test]
async fn a_turn_server_without_its_secret_is_refused_at_the_start() -> Result<()> {
    for (servers, why) in
        [("IceServers=turn:turn.example", "TurnSecret"), ("IceServers=http://turn.example", "IceServers")]
    {
        let started = Stack::private(&["--parameter", servers]);
        let Err(error) = started else {
            let Ok(None) = started else { anyhow::bail!("a stack has started with {servers}") };
            return Ok(());
        };
        assert!(error.to_string().contains(why), "{error:#}");
    }
    Ok(())
}

/// The fields of a call are compared by name and type, so that a change of the wire is noticed here too.
#[tokio::test]
async fn a_call_has_these_fields() -> Result<()> {
    let Pair { channel, mut ann, .. } = pair(Stack::shared()?).await?;
    let call = Call::new(&channel);
    let ringing = call.change(&mut ann, "start", "a1").await?;
    let expected = "{callId: string, conversationId: string, media: string, participants: array, revision: number, \
        ringsUntil: string, startedAt: string, startedBy: string, state: string}";
    assert_eq!(tests::shape(&ringing), expected);
    let ended: Value = call.change(&mut ann, "leave", "a1").await?;
    assert_eq!(ended["conversationId"], json!(id(&channel)));
    Ok(())
}
