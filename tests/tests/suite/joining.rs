//! Who may join what: the table of channels, row by row.

use anyhow::Result;
use serde_json::json;
use tests::{Role, Stack, User, eventually, unique};

/// The channels of a company that are for its team.
const TEAM_CHANNELS: [&str; 4] = ["company", "funnel_updates", "resource_updates", "analytics"];

#[tokio::test]
async fn the_channels_of_a_company_are_for_its_team() -> Result<()> {
    let stack = Stack::shared()?;
    let (ours, other) = (unique("biz"), unique("biz"));
    for (user, may) in [
        (User::admin_of(&ours), true),
        (User::of(&ours, Role::Member), true),
        (User::customer_of(&ours), false),
        (User::admin_of(&other), false),
        (User::stranger(), false),
    ] {
        let mut client = stack.connect(&user).await?;
        for kind in TEAM_CHANNELS {
            let channel = format!("{kind}:{ours}");
            if may {
                assert_eq!(client.join(&channel).await?["channel"], channel, "{user:?}");
            } else {
                assert_eq!(
                    client.refused("join", json!({"channel": channel})).await?,
                    *"forbidden",
                    "{user:?}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_users_channel_is_theirs_alone() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, boss) = (User::customer_of(&company), User::admin_of(&company));
    stack.connect(&ann).await?.join(&ann.channel()).await?;
    let refused = stack.connect(&boss).await?.refused("join", json!({"channel": ann.channel()})).await?;
    assert_eq!(refused, *"forbidden");
    Ok(())
}

#[tokio::test]
async fn a_conversation_is_for_its_participants_and_the_team() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (customer, guest) = (User::customer_of(&company), User::stranger());
    let channel = stack.conversation(&company, &[&customer, &guest]).await?;
    for (user, may) in [
        (&customer, true),
        (&guest, true),
        (&User::admin_of(&company), true),
        (&User::of(&company, Role::Member), true),
        (&User::customer_of(&company), false),
        (&User::admin_of(&unique("biz")), false),
        (&User::stranger(), false),
    ] {
        let mut client = stack.connect(user).await?;
        if may {
            client.join(&channel).await?;
        } else {
            assert_eq!(client.refused("join", json!({"channel": channel})).await?, *"forbidden", "{user:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_participant_who_is_added_later_may_join_then() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, late) = (User::customer_of(&company), User::customer_of(&company));
    let channel = stack.conversation(&company, &[&ann]).await?;
    let mut client = stack.connect(&late).await?;
    assert_eq!(client.refused("join", json!({"channel": channel})).await?, *"forbidden");

    let id = channel.trim_start_matches("conversation:");
    let detail = json!({"conversationId": id, "companyId": company, "participants": [ann.id, late.id]});
    stack.emit("Conversation", detail).await?;
    eventually("the new participant to be let in", async || {
        let request = client.request("join", json!({"channel": channel})).await?;
        Ok(client.reply(&request).await?.ok())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_conversation_that_nobody_told_of_is_forbidden_to_all() -> Result<()> {
    let stack = Stack::shared()?;
    let mut admin = stack.connect(&User::admin_of(&unique("biz"))).await?;
    let channel = format!("conversation:{}", unique("conv"));
    assert_eq!(admin.refused("join", json!({"channel": channel})).await?, *"forbidden");
    Ok(())
}

#[tokio::test]
async fn system_is_for_everybody() -> Result<()> {
    let stack = Stack::shared()?;
    for user in [User::stranger(), User::customer_of(&unique("biz")), User::admin_of(&unique("biz"))] {
        assert_eq!(stack.connect(&user).await?.join("system").await?["channel"], "system");
    }
    Ok(())
}

#[tokio::test]
async fn joining_twice_is_joining_once() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = crate::scene::pair(stack).await?;
    pair.bob.join(&pair.channel).await?;
    assert_eq!(pair.ann.say(&pair.channel, "once").await?["recipients"], 1);
    pair.bob.event("chat.message").await?;
    pair.bob.silence().await
}

#[tokio::test]
async fn who_has_left_hears_nothing_and_says_nothing() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = crate::scene::pair(stack).await?;
    pair.bob.leave(&pair.channel).await?;
    assert_eq!(pair.ann.say(&pair.channel, "anybody?").await?["recipients"], 0);
    pair.bob.silence().await?;
    let typing = json!({"channel": pair.channel, "event": "chat.typing", "data": {"isTyping": true}});
    assert_eq!(pair.bob.refused("send", typing).await?, *"not_joined");
    Ok(())
}

#[tokio::test]
async fn a_connection_joins_a_hundred_channels_and_no_more() -> Result<()> {
    let companies: Vec<_> = (0..25).map(|_| unique("biz")).collect();
    let admin = companies.iter().fold(User::stranger(), |user, company| user.and(company, Role::Admin));
    let mut client = Stack::shared()?.connect(&admin).await?;
    for company in &companies {
        for kind in TEAM_CHANNELS {
            client.join(&format!("{kind}:{company}")).await?;
        }
    }
    assert_eq!(client.refused("join", json!({"channel": "system"})).await?, *"conflict");
    client.join(&format!("company:{}", companies[0])).await?;
    client.leave(&format!("company:{}", companies[0])).await?;
    client.join("system").await?;
    assert_eq!(client.call("status", json!({})).await?["channels"].as_array().map(Vec::len), Some(100));
    Ok(())
}
