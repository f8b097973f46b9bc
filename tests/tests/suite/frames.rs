//! API Gateway's limits on frames and messages, as it documents them:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>.

use anyhow::Result;
use bytes::Bytes;
use serde_json::json;
use tests::{Client, Stack, User, unique};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::scene::pair;

/// The most bytes of one frame; more closes with 1009.
const FRAME_BYTES_MAX: usize = 32 * 1024;

/// The most bytes of one message, in however many frames; more closes with 1009.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// The bytes of each fragment that a test sends.
const FRAGMENT_BYTES: usize = 16 * 1024;

const CLOSE_TOO_BIG: u16 = 1009;
const CLOSE_UNSUPPORTED: u16 = 1003;

/// Sends one text message in several frames.
async fn fragmented(client: &mut Client, text: String) -> Result<()> {
    let text = Bytes::from(text);
    let starts: Vec<usize> = (0..text.len()).step_by(FRAGMENT_BYTES).collect();
    for &start in &starts {
        let end = text.len().min(start + FRAGMENT_BYTES);
        let kind = if start == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(text.slice(start..end), OpCode::Data(kind), end == text.len());
        client.message(Message::Frame(frame)).await?;
    }
    Ok(())
}

/// A `ping` of exactly this many bytes, which is refused for its unknown field.
fn padded_ping(bytes: usize) -> String {
    let bare = json!({"action": "ping", "id": "p", "pad": ""}).to_string();
    json!({"action": "ping", "id": "p", "pad": "x".repeat(bytes - bare.len())}).to_string()
}

#[tokio::test]
async fn a_frame_over_its_limit_closes_the_connection() -> Result<()> {
    let stack = Stack::shared()?;
    let mut client = stack.connect(&User::stranger()).await?;
    client.text(&padded_ping(FRAME_BYTES_MAX)).await?;
    assert!(
        client.any_reply().await?.1.is_err_and(|refusal| refusal == *"bad_request"),
        "at the limit: answered"
    );
    client.text(&padded_ping(FRAME_BYTES_MAX + 1024)).await?;
    assert_eq!(client.closed().await?, Some(CLOSE_TOO_BIG));
    Ok(())
}

#[tokio::test]
async fn a_message_over_its_limit_closes_the_connection_whatever_its_frames() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    fragmented(&mut client, padded_ping(MESSAGE_BYTES_MAX)).await?;
    assert!(
        client.any_reply().await?.1.is_err_and(|refusal| refusal == *"bad_request"),
        "at the limit: answered"
    );
    fragmented(&mut client, padded_ping(MESSAGE_BYTES_MAX + 1024)).await?;
    assert_eq!(client.closed().await?, Some(CLOSE_TOO_BIG));
    Ok(())
}

#[tokio::test]
async fn a_large_message_in_small_frames_is_answered() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let data = json!({"content": "x".repeat(100 * 1024)});
    let frame = json!({"action": "send", "channel": pair.channel, "event": "chat.message", "key": unique("key"),
        "data": data});
    fragmented(&mut pair.ann, frame.to_string()).await?;
    assert!(pair.ann.any_reply().await?.1.is_err_and(|refusal| refusal == *"too_large"));

    // A message within our own limits is accepted, in fragments or not.
    let frame = json!({"action": "send", "channel": pair.channel, "event": "chat.message", "key": unique("key"),
        "data": {"content": "y".repeat(FRAGMENT_BYTES)}});
    fragmented(&mut pair.ann, frame.to_string()).await?;
    assert!(pair.ann.any_reply().await?.1.is_ok_and(|sent| sent["seq"] == 1));
    assert_eq!(pair.bob.only("chat.message").await?["seq"], 1);
    Ok(())
}

#[tokio::test]
async fn a_binary_message_closes_the_connection() -> Result<()> {
    let mut client = Stack::shared()?.connect(&User::stranger()).await?;
    client.message(Message::binary(&br#"{"action":"ping"}"#[..])).await?;
    assert_eq!(client.closed().await?, Some(CLOSE_UNSUPPORTED));
    Ok(())
}
