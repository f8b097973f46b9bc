//! `seq` rises by one, without gaps, whoever sends and however many send at once.

use anyhow::Result;
use serde_json::json;
use tests::{Stack, User, sequence, unique};

use crate::scene::joined;

/// The number of senders, and of the messages that each sends at once.
const SENDERS: usize = 4;
const MESSAGES_EACH: usize = 5;

#[tokio::test]
async fn twenty_at_once_get_the_seqs_from_one_to_twenty() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let users: Vec<User> = std::iter::repeat_with(|| User::customer_of(&company)).take(SENDERS).collect();
    let channel = stack.conversation(&company, &users.iter().collect::<Vec<_>>()).await?;
    let mut clients = Vec::new();
    for user in &users {
        clients.push(joined(stack, user, &channel).await?);
    }

    let mut requests = Vec::new();
    for client in &mut clients {
        for _ in 0..MESSAGES_EACH {
            let fields = json!({"channel": channel, "event": "chat.message", "key": unique("key"), "base": 0,
                "data": {"content": "me first"}});
            requests.push(client.request("send", fields).await?);
        }
    }
    let mut seqs = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        match clients[index / MESSAGES_EACH].reply(request).await? {
            Ok(sent) => seqs.extend(sent["seq"].as_u64()),
            Err(refusal) => anyhow::bail!("message {index}: {refusal:?}"),
        }
    }
    let total = (SENDERS * MESSAGES_EACH) as u64;
    let all: Vec<u64> = (1..=total).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, all);

    // Everybody received what the others sent, each seq once.
    for client in &mut clients {
        let mut heard = Vec::new();
        for _ in 0..(SENDERS - 1) * MESSAGES_EACH {
            heard.push(client.event("chat.message").await?);
        }
        client.silence().await?;
        let mut heard = sequence(&heard);
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(heard.len(), (SENDERS - 1) * MESSAGES_EACH, "{heard:?}");
    }
    let log = clients[0].join_since(&channel, 0).await?;
    assert_eq!(sequence(tests::events(&log, "events")), all);
    Ok(())
}

#[tokio::test]
async fn retries_at_once_are_one_message() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let ann = User::customer_of(&company);
    let channel = stack.conversation(&company, &[&ann]).await?;
    let mut client = joined(stack, &ann, &channel).await?;

    let mut requests = Vec::new();
    for _ in 0..MESSAGES_EACH {
        let fields = json!({"channel": channel, "event": "chat.message", "key": "the-same", "base": 0,
            "data": {"content": "did it arrive?"}});
        requests.push(client.request("send", fields).await?);
    }
    let mut firsts = 0;
    for request in &requests {
        match client.reply(request).await? {
            Ok(sent) => {
                assert_eq!(sent["seq"], 1, "{sent}");
                firsts += usize::from(sent["duplicate"] == false);
            }
            Err(refusal) => anyhow::bail!("{refusal:?}"),
        }
    }
    assert_eq!(firsts, 1);
    assert_eq!(client.join(&channel).await?["head"], 1);
    Ok(())
}

#[tokio::test]
async fn channels_count_for_themselves() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let ann = User::customer_of(&company);
    let mut client = stack.connect(&ann).await?;
    for _ in 0..2 {
        let channel = stack.conversation(&company, &[&ann]).await?;
        client.join(&channel).await?;
        for seq in 1..=3 {
            assert_eq!(client.say(&channel, "again").await?["seq"], seq);
        }
    }
    Ok(())
}
