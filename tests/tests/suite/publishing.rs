//! What a client may publish in a conversation, and that it may publish nothing on the channels of a company, on that of a
//! user, and on `system`. Rooms have tests of their own.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Stack, User, unique};

use crate::scene::pair;

/// Events of the wire, each with data that would be valid.
fn every_event() -> [(&'static str, Value); 15] {
    let presence = json!({"status": "away"});
    let notice = json!({"level": "info", "title": "t", "message": "m"});
    [
        ("chat.message", json!({"content": "hi"})),
        ("chat.typing", json!({"isTyping": true})),
        ("signal", json!({"name": "wave", "payload": {"n": 1}})),
        ("presence.update", presence.clone()),
        ("chat.receipt", json!({"seq": 1, "state": "read"})),
        ("presence.join", presence.clone()),
        ("presence.leave", presence),
        ("presence.count", json!({"count": 1})),
        ("funnel.update", json!({"type": "deployed"})),
        ("resource.update", json!({"type": "created"})),
        ("analytics.update", json!({"metric": "m", "value": 1})),
        ("system.notification", notice.clone()),
        ("user.notification", notice),
        ("app.event", json!({"name": "poll.vote"})),
        ("app.signal", json!({"name": "cursor"})),
    ]
}

/// How many of [`every_event`], from the first on, a client may publish in a conversation.
const CLIENT_EVENTS: usize = 4;

#[tokio::test]
async fn in_a_conversation_a_client_publishes_only_what_clients_may() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for (index, (event, data)) in every_event().into_iter().enumerate() {
        let fields = json!({"channel": pair.channel, "event": event, "key": unique("key"), "data": data});
        if index < CLIENT_EVENTS {
            // A status that changes the user's is told to all members, so to the sender too.
            let recipients = if event == "presence.update" { 2 } else { 1 };
            assert_eq!(pair.ann.call("send", fields).await?["recipients"], recipients, "{event}");
            assert_eq!(pair.bob.event(event).await?["from"]["userId"], pair.ann_user.id);
        } else {
            assert_eq!(pair.ann.refused("send", fields).await?, *"forbidden", "{event}");
            pair.bob.silence().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn on_all_other_channels_a_client_says_nothing() -> Result<()> {
    let company = unique("biz");
    let admin = User::admin_of(&company);
    let mut client = Stack::shared()?.connect(&admin).await?;
    let kinds = ["company", "funnel_updates", "resource_updates", "analytics"];
    let mut channels = kinds.map(|kind| format!("{kind}:{company}")).to_vec();
    channels.extend([admin.channel(), "system".to_owned()]);
    for channel in channels {
        client.join(&channel).await?;
        for (event, data) in every_event() {
            let fields = json!({"channel": channel, "event": event, "key": unique("key"), "data": data});
            assert_eq!(client.refused("send", fields).await?, *"forbidden", "{event} on {channel}");
        }
    }
    Ok(())
}
