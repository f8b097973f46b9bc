//! The shape of the replies to `ping`, `status`, `join`, `leave` and `send`, to the last key and type, and how a client
//! matches a reply to its request.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Stack, User, is_timestamp, shape};

use crate::scene::pair;

const JOINED: &str = "{at: string, channel: string, events: array, head: number, latest: array, more: boolean, presence: array, \
                      recovered: boolean}";

#[tokio::test]
async fn ping_tells_the_time() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let pong = client.call("ping", json!({})).await?;
    assert_eq!(shape(&pong), "{at: string}");
    assert!(is_timestamp(&pong["at"]), "{pong}");
    Ok(())
}

#[tokio::test]
async fn status_tells_what_the_server_knows_of_the_connection() -> Result<()> {
    let ann = User::stranger();
    let mut client = Stack::shared()?.connect(&ann).await?;
    let before = client.call("status", json!({})).await?;
    assert_eq!(
        shape(&before),
        "{channels: array, connectedAt: string, connectionId: string, expiresAt: string, leaseSeconds: number, user: string}"
    );
    assert_eq!(before["user"], ann.id);
    assert_eq!(before["channels"], json!([]));
    assert!(is_timestamp(&before["connectedAt"]) && is_timestamp(&before["expiresAt"]), "{before}");
    assert!(before["connectedAt"].as_str() < before["expiresAt"].as_str(), "{before}");

    client.join("system").await?;
    client.join(&ann.channel()).await?;
    let mut channels = client.call("status", json!({})).await?["channels"].take();
    if let Some(channels) = channels.as_array_mut() {
        channels.sort_by_key(Value::to_string);
    }
    assert_eq!(channels, json!(["system", ann.channel()]));

    client.leave("system").await?;
    assert_eq!(client.call("status", json!({})).await?["channels"], json!([ann.channel()]));
    Ok(())
}

#[tokio::test]
async fn join_and_leave_name_the_channel() -> Result<()> {
    let ann = User::stranger();
    let mut client = Stack::shared()?.connect(&ann).await?;
    let joined = client.join(&ann.channel()).await?;
    assert_eq!(shape(&joined), JOINED);
    assert_eq!(joined["channel"], ann.channel());
    assert_eq!(joined["head"], 0, "nothing was ever published there");
    assert_eq!((&joined["events"], &joined["more"]), (&json!([]), &json!(false)));
    assert_eq!(client.leave(&ann.channel()).await?, json!({"channel": ann.channel()}));
    Ok(())
}

#[tokio::test]
async fn send_tells_where_a_durable_event_came_to_lie() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let sent = pair.ann.say_as("k.1:a_B-c", &pair.channel, "Hello!").await?;
    assert_eq!(
        shape(&sent),
        "{at: string, data: {content: string, conversationId: string, id: string, isRead: boolean, n: number, \
         timestamp: string, type: string, userId: string}, duplicate: boolean, from: {name: string, userId: string}, \
         key: string, recipients: number, seq: number}"
    );
    assert_eq!((&sent["seq"], &sent["recipients"]), (&json!(1), &json!(1)));
    assert_eq!((&sent["key"], &sent["duplicate"]), (&json!("k.1:a_B-c"), &json!(false)));
    assert!(is_timestamp(&sent["at"]), "{sent}");
    let heard = pair.bob.event("chat.message").await?;
    assert_eq!((&heard["data"], &heard["from"]), (&sent["data"], &sent["from"]), "others get the same");
    Ok(())
}

#[tokio::test]
async fn send_of_an_ephemeral_event_has_no_seq() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let sent = pair.ann.send(&pair.channel, "chat.typing", json!({"isTyping": true})).await?;
    assert_eq!(shape(&sent), "{at: string, duplicate: boolean, recipients: number}");
    assert_eq!((&sent["recipients"], &sent["duplicate"]), (&json!(1), &json!(false)));
    Ok(())
}

#[tokio::test]
async fn the_id_is_echoed_as_it_is_or_left_out() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let longest = "i".repeat(64);
    for id in ["7", "a b\"c\\ü", longest.as_str()] {
        client.text(&json!({"action": "ping", "id": id}).to_string()).await?;
        let (echoed, outcome) = client.any_reply().await?;
        assert_eq!(echoed.as_deref(), Some(id));
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    for frame in [r#"{"action":"ping"}"#, r#"{"action":"dance"}"#] {
        client.text(frame).await?;
        assert_eq!(client.any_reply().await?.0, None, "{frame}");
    }
    Ok(())
}

#[tokio::test]
async fn replies_find_their_requests_whatever_their_order() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    let status = client.request("status", json!({})).await?;
    let ping = client.request("ping", json!({})).await?;
    let join = client.request("join", json!({"channel": "system"})).await?;
    assert_eq!(client.reply(&join).await?.map(|data| shape(&data)), Ok(JOINED.to_owned()));
    assert_eq!(client.reply(&ping).await?.map(|data| shape(&data)), Ok("{at: string}".to_owned()));
    assert!(client.reply(&status).await?.is_ok_and(|data| data["connectionId"].is_string()));
    Ok(())
}
