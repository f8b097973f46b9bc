//! A user's connections by HTTP: they are listed with their channels, they join and leave, and they are closed.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Client, Role, Stack, User, eventually, is_timestamp, unique};

use crate::scene::{joined, pair};

/// API Gateway's id of a client's connection.
async fn id(client: &mut Client) -> Result<String> {
    let status = client.call("status", json!({})).await?;
    Ok(status["connectionId"].as_str().context("a connection id")?.to_owned())
}

/// An id as a URL needs it: ids are base64, which has `=`, `+` and `/`.
fn encoded(id: &str) -> String {
    id.replace('=', "%3D").replace('+', "%2B").replace('/', "%2F")
}

/// The connections that `status` lists for a user.
async fn connections(stack: &Stack, user: &User) -> Result<Vec<Value>> {
    let status = stack.get(user, "status").await?.done()?;
    assert!(is_timestamp(&status["at"]), "{status}");
    Ok(status["connections"].as_array().context("a list")?.clone())
}

#[tokio::test]
async fn a_user_is_told_of_their_own_connections_and_of_no_others() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let (ann, bob) = (User::admin_of(&company), User::admin_of(&company));
    assert!(connections(stack, &ann).await?.is_empty());
    let channel = format!("company:{company}");
    let mut desk = joined(stack, &ann, &channel).await?;
    let mut phone = joined(stack, &ann, &ann.channel()).await?;
    let _other = joined(stack, &bob, &channel).await?;

    let told = [desk.call("status", json!({})).await?, phone.call("status", json!({})).await?];
    assert_eq!(connections(stack, &ann).await?, told, "each is listed as it is told of itself");
    Ok(())
}

#[tokio::test]
async fn one_connection_is_closed_or_all_and_only_ones_own() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.ann_user, &pair.channel).await?;
    let (desk_id, phone_id, bobs) =
        (id(&mut pair.ann).await?, id(&mut phone).await?, id(&mut pair.bob).await?);

    let foreign =
        stack.delete(&pair.ann_user, &format!("disconnect?connectionId={}", encoded(&bobs))).await?;
    assert_eq!(foreign.refused()?, (404, "not_found"));
    pair.bob.call("ping", json!({})).await?;

    let one =
        stack.delete(&pair.ann_user, &format!("disconnect?connectionId={}", encoded(&phone_id))).await?;
    assert_eq!(one.done()?, json!({"connectionIds": [phone_id]}));
    phone.closed().await?;
    let left = connections(stack, &pair.ann_user).await?;
    assert_eq!(left.iter().map(|c| &c["connectionId"]).collect::<Vec<_>>(), [&json!(desk_id)]);

    let rest = stack.delete(&pair.ann_user, "disconnect").await?.done()?;
    assert_eq!(rest, json!({"connectionIds": [desk_id]}));
    pair.ann.closed().await?;
    assert!(connections(stack, &pair.ann_user).await?.is_empty());
    let again = stack.delete(&pair.ann_user, "disconnect").await?.done()?;
    assert_eq!(again, json!({"connectionIds": []}), "a repeat finds nothing, and that is fine");

    // Nothing is left of them in the channel either.
    eventually("only Bob to be a member", async || {
        let sent = pair.bob.send(&pair.channel, "chat.typing", json!({"isTyping": true})).await?;
        Ok((sent["recipients"] == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_connection_joins_and_leaves_by_http() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    pair.bob.say(&pair.channel, "before").await?;
    pair.ann.leave(&pair.channel).await?;
    let connection = id(&mut pair.ann).await?;

    let join = json!({"connectionId": connection, "channel": pair.channel, "since": 0});
    let joined = stack.post(&pair.ann_user, "channels", &join).await?.done()?;
    assert_eq!((&joined["head"], &joined["recovered"]), (&json!(1), &json!(true)));
    assert_eq!(joined["events"][0]["data"]["content"], "before");
    let channels = stack.get(&pair.ann_user, "channels").await?.done()?;
    let expected = json!({"channels": [{"channel": pair.channel, "connectionIds": [connection]}]});
    assert_eq!(channels, expected);
    pair.bob.say(&pair.channel, "after").await?;
    assert_eq!(
        pair.ann.event("chat.message").await?["data"]["content"],
        "before",
        "received while it was joined before"
    );
    assert_eq!(pair.ann.event("chat.message").await?["data"]["content"], "after");

    let leave = format!("channels?connectionId={}&channel={}", encoded(&connection), pair.channel);
    assert_eq!(stack.delete(&pair.ann_user, &leave).await?.done()?, json!({"channel": pair.channel}));
    assert_eq!(stack.get(&pair.ann_user, "channels").await?.done()?, json!({"channels": []}));
    pair.bob.say(&pair.channel, "alone").await?;
    pair.ann.silence().await
}

#[tokio::test]
async fn nobody_joins_or_leaves_for_anothers_connection() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let bobs = id(&mut pair.bob).await?;
    let join = json!({"connectionId": bobs, "channel": pair.ann_user.channel()});
    assert_eq!(stack.post(&pair.ann_user, "channels", &join).await?.refused()?, (404, "not_found"));
    let leave = format!("channels?connectionId={}&channel={}", encoded(&bobs), pair.channel);
    assert_eq!(stack.delete(&pair.ann_user, &leave).await?.refused()?, (404, "not_found"));
    pair.ann.say(&pair.channel, "still there?").await?;
    pair.bob.only("chat.message").await?;
    Ok(())
}

/// The membership lasts as long as the connection's token, so that token decides whether the user may join.
#[tokio::test]
async fn what_the_connections_own_token_says_decides() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let ann = User::stranger();
    let mut client = stack.connect(&ann).await?;
    let join = json!({"connectionId": id(&mut client).await?, "channel": format!("company:{company}")});
    let promoted = ann.again().and(&company, Role::Admin);
    assert_eq!(stack.post(&promoted, "channels", &join).await?.refused()?, (403, "forbidden"));

    let mut anew = stack.connect(&promoted).await?;
    let join = json!({"connectionId": id(&mut anew).await?, "channel": format!("company:{company}")});
    stack.post(&promoted, "channels", &join).await?.done()?;
    Ok(())
}
