//! Mutes and bans by the team and by the backend: they take effect at once, on every device and by HTTP.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Stack, User, time_from_now, unique};

use crate::scene::{Pair, joined, pair};

const HOUR_MS: i64 = 3_600_000;
/// The end of a restriction, as the wire writes times.
const UNTIL: &str = "2099-01-01T00:00:00.000Z";

/// Restricts a user by HTTP, as the user `by`.
async fn moderate(stack: &Stack, by: &User, body: &Value) -> Result<Answer> {
    stack.post(by, "moderation", body).await
}

/// The id of a conversation.
fn id(channel: &str) -> &str {
    channel.trim_start_matches("conversation:")
}

/// Sends an event, and returns the code of the refusal; "ok" if it was sent.
async fn attempt(client: &mut Client, channel: &str, event: &str, data: Value) -> Result<String> {
    let fields = json!({"channel": channel, "event": event, "key": unique("key"), "data": data});
    let request = client.request("send", fields).await?;
    Ok(client.reply(&request).await?.map_or_else(|refusal| refusal.code, |_| "ok".to_owned()))
}

#[tokio::test]
async fn who_is_muted_hears_everything_and_says_nothing() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    let team = User::admin_of(&company);
    let seq = bob.say(&channel, "buy my watches").await?["seq"].as_u64();
    for device in [&mut ann, &mut phone] {
        device.only("chat.message").await?;
    }
    let mute = json!({"userId": bob_user.id, "conversationId": id(&channel), "restriction": "mute", "until": UNTIL,
        "reason": "spam"});
    let said = moderate(stack, &team, &mute).await?.done()?;
    let mut expected = mute.clone();
    expected["by"] = json!(team.id);
    assert_eq!(said, expected);

    for device in [&mut bob, &mut phone] {
        for (event, data) in [
            ("chat.message", json!({"content": "more watches"})),
            ("chat.edit", json!({"target": seq, "content": "buy them"})),
            ("chat.delete", json!({"target": seq})),
            ("chat.reaction", json!({"target": seq, "emoji": "👍", "on": true})),
            ("chat.typing", json!({"isTyping": true})),
            ("signal", json!({"name": "wave"})),
        ] {
            assert_eq!(attempt(device, &channel, event, data).await?, "muted", "{event}");
        }
        assert_eq!(attempt(device, &channel, "presence.update", json!({"status": "away"})).await?, "ok");
        let told = device.event("access.muted").await?;
        let mute = json!({"until": UNTIL, "reason": "spam"});
        assert_eq!(
            (&told["channel"], &told["data"]),
            (&json!(channel), &json!({"userId": bob_user.id, "mute": mute}))
        );
    }
    let refused = stack.post_chat(&bob_user, &channel, "by-http", "watches").await?;
    assert_eq!(refused.refused()?, (403, "muted"));
    assert_eq!(
        (&refused.body["error"]["until"], &refused.body["error"]["reason"]),
        (&json!(UNTIL), &json!("spam"))
    );
    assert_eq!(
        stack.get(&bob_user, &format!("messages?channel={channel}&limit=9")).await?.refused().ok(),
        None
    );
    let mut tablet = stack.connect(&bob_user).await?;
    assert_eq!(tablet.join(&channel).await?["mute"], json!({"until": UNTIL, "reason": "spam"}));
    assert_eq!(ann.say(&channel, "better").await?["recipients"], 3);

    // The backend lifts what the team has set.
    let lift = json!({"userId": bob_user.id, "conversationId": id(&channel), "restriction": "none"});
    stack.emit("Moderation", lift).await?;
    for device in [&mut bob, &mut phone, &mut tablet] {
        assert_eq!(device.event("access.muted").await?["data"], json!({"userId": bob_user.id}));
    }
    phone.say(&channel, "sorry").await?;
    assert_eq!(ann.event("chat.message").await?["data"]["content"], "sorry");
    let query = format!("moderation?userId={}&conversationId={}", bob_user.id, id(&channel));
    assert_eq!(stack.get(&team, &query).await?.done()?["restriction"], "none");
    let own = stack.get(&ann_user, &query).await?;
    assert_eq!(own.refused()?.1, "forbidden");
    Ok(())
}

#[tokio::test]
async fn who_is_banned_from_a_company_is_in_none_of_its_conversations() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(stack).await?;
    let second = stack.conversation(&company, &[&ann_user, &bob_user]).await?;
    let elsewhere = stack.conversation(&unique("biz"), &[&bob_user]).await?;
    bob.join(&second).await?;
    bob.join(&elsewhere).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    let ban = json!({"userId": bob_user.id, "companyId": company, "restriction": "ban", "until": UNTIL,
        "reason": "threats"});
    let events = json!({"events": [{"type": "Moderation", "detail": ban}]}).to_string();
    let publisher = User::publisher().token()?;
    let request = stack.ask_api(Method::POST, "publish").token(&publisher).body(&events);
    assert!(request.send().await?.done()?["results"][0]["at"].is_string());

    assert_eq!(ann.say(&channel, "are they gone?").await?["recipients"], 0);
    for (device, channels) in [(&mut bob, 2), (&mut phone, 1)] {
        for _ in 0..channels {
            assert_eq!(device.event("access.revoked").await?["data"]["reason"], "threats");
        }
        for gone in [&channel, &second] {
            assert_eq!(
                attempt(device, gone, "chat.message", json!({"content": "I am"})).await?,
                "not_joined"
            );
            assert_eq!(device.refused("join", json!({"channel": gone})).await?.code, "banned");
        }
    }
    let read = stack.get(&bob_user, &format!("messages?channel={channel}&limit=9")).await?;
    assert_eq!(read.refused()?, (403, "banned"));
    assert_eq!(read.body["error"]["until"], json!(UNTIL));
    bob.say(&elsewhere, "of another company").await?;

    // An older change comes late, and does not count; then the ban is lifted.
    let mut late = ban;
    late["timestamp"] = json!(time_from_now(-HOUR_MS));
    let refused = moderate(stack, &User::backend_of(&company), &late).await?;
    assert_eq!(refused.refused()?, (409, "conflict"));
    let lift = json!({"userId": bob_user.id, "companyId": company, "restriction": "none"});
    moderate(stack, &User::admin_of(&company), &lift).await?.done()?;
    bob.join(&channel).await?;
    bob.say(&channel, "back").await?;
    Ok(())
}

/// When a conversation moves to another company, the restrictions of that company apply to it at once. So does a restriction on
/// a user of the old team, who was exempt from it until then.
#[tokio::test]
async fn a_conversation_that_moves_brings_the_restrictions_of_its_company() -> Result<()> {
    let stack = Stack::shared()?;
    let (old, new) = (unique("biz"), unique("biz"));
    let users =
        [User::customer_of(&old), User::customer_of(&old), User::admin_of(&old), User::customer_of(&old)];
    let [banned, muted, chief, other] = &users;
    let channel = stack.conversation(&old, &[banned, muted, chief, other]).await?;
    let id = channel.trim_start_matches("conversation:");
    for (user, place, restriction) in [
        (banned, json!({"companyId": new}), "ban"),
        (muted, json!({"companyId": new}), "mute"),
        (chief, json!({"conversationId": id}), "ban"),
    ] {
        let mut change = place;
        change["userId"] = user.id.clone().into();
        change["restriction"] = restriction.into();
        let events = json!({"events": [{"type": "Moderation", "detail": change}]}).to_string();
        let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?).body(&events);
        request.send().await?.done()?;
    }
    let [mut by_banned, mut by_muted, mut by_chief, mut by_other] = [
        joined(stack, banned, &channel).await?,
        joined(stack, muted, &channel).await?,
        joined(stack, chief, &channel).await?,
        joined(stack, other, &channel).await?,
    ];
    by_banned.say(&channel, "here").await?;
    by_chief.say(&channel, "here, too").await?;

    let moved = json!({"conversationId": id, "companyId": new, "participants": users.iter().map(|user| &user.id).collect::<Vec<_>>(),
        "keepLog": true});
    let events = json!({"events": [{"type": "Conversation", "detail": moved}]}).to_string();
    let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?).body(&events);
    request.send().await?.done()?;
    for gone in [&mut by_banned, &mut by_chief] {
        gone.event("access.revoked").await?;
        let refused = gone.refused("history", json!({"channel": channel, "after": 0, "limit": 9})).await?;
        assert_eq!(refused.code, "not_joined");
    }
    by_muted.event("access.muted").await?;
    assert_eq!(attempt(&mut by_muted, &channel, "chat.message", json!({"content": "me?"})).await?, "muted");
    by_other.say(&channel, "still here").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_moderation_is_refused_with_its_field() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let team = User::admin_of(&company);
    let body = |more: &Value| {
        let mut body = json!({"userId": "user_1", "companyId": company, "restriction": "mute"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, field) in [
        (json!({"conversationId": "c1"}), "companyId"),
        (json!({"companyId": null}), "conversationId"),
        (json!({"restriction": "kick"}), "restriction"),
        (json!({"until": "tomorrow"}), "until"),
        (json!({"reason": "x".repeat(257)}), "reason"),
        (json!({"by": "user_2"}), "by"),
    ] {
        let refused = moderate(stack, &team, &body(&more)).await?;
        assert_eq!(
            (refused.refused()?, &refused.body["error"]["field"]),
            ((400, "bad_request"), &json!(field))
        );
    }
    let key = unique("neither");
    let neither = json!({"userId": key, "restriction": "mute"});
    stack.emit("Moderation", neither).await?;
    let letter = stack.backend().await?.dead_letter(&key).await?.to_string();
    assert!(letter.contains("conversationId"), "{letter}");
    Ok(())
}
