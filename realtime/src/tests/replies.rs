//! Replies that are sent while the message that they quote is changed.

use funnelcast_core::{Caller, Right, Seq, action::Send, event::EventName};
use funnelcast_testing::gateway::Answer;
use serde_json::{Value, json};

use super::*;
use crate::publish;

/// Sends this event as the caller. Returns its place in the log and its payload.
async fn send(realtime: &Realtime, caller: &SocketCaller, key: &str, data: Value) -> (Seq, Value) {
    let event = if data["target"].is_null() { EventName::ChatMessage } else { EventName::ChatEdit };
    let key = Some(key.parse().unwrap());
    let draft = Send { channel: channel(), event, data, key, base: Some(Seq::ZERO) };
    let sent = Box::pin(publish::send(realtime, Caller::Socket(caller), draft)).await.unwrap();
    (sent.seq.unwrap(), serde_json::from_str(sent.data.unwrap().get()).unwrap())
}

/// Whoever hears the edit before the reply changes the quote no more, so the reply has to have the new text.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_quotes_what_the_events_before_it_have_made_of_the_message() {
    let mut places = Vec::new();
    for requests in 0.. {
        let stub = Stub::start(|_| Answer::Status(200)).await;
        let realtime = TestRealtime::new(&stub).await;
        let [ann, bob] = ["ann", "bob"].map(|user| caller(user, &format!("{user}=")));
        for caller in [&ann, &bob] {
            realtime.table().put_connection(caller).await.unwrap();
            realtime
                .table()
                .put_membership(caller, &channel(), Right::Own, None, caller.order)
                .await
                .unwrap();
        }
        let (quoted, _) = send(&realtime, &ann, "a", json!({"content": "old"})).await;
        let (edited, mut edit) = tokio::sync::oneshot::channel();
        let other = super::realtime(&realtime.engine, &stub).await;
        realtime.engine.after_requests(requests, async move {
            let edit = json!({"target": quoted, "content": "new"});
            edited.send(send(&other, &ann, "b", edit).await.0).unwrap();
        });
        let (seq, reply) = send(&realtime, &bob, "c", json!({"content": "yes", "replyTo": quoted})).await;
        if edit.try_recv().ok().is_none_or(|edit| edit > seq) {
            break; // the edit came after the reply, or not at all
        }
        assert_eq!(reply["replyTo"]["excerpt"], "new", "edited after {requests} requests");
        places.push(requests);
    }
    assert!(places.len() >= 3, "edited before the reply only after {places:?} requests");
}
