//! Files that messages bring, while they are examined, while others are sent, and while their messages are deleted.

use funnelcast_aws::table::files::{FileOwner, StoredFile};
use funnelcast_core::{
    Caller, Channel, FileId, Right, Seq,
    action::Send,
    event::EventName,
    file::{Attachment, FileState},
};
use funnelcast_testing::gateway::Answer;
use serde_json::{Value, json};

use super::*;
use crate::publish;

/// Two users in a conversation.
struct Scene {
    realtime: TestRealtime,
    ann: SocketCaller,
    bob: SocketCaller,
    stub: Stub,
}

impl Scene {
    async fn new() -> Self {
        let stub = Stub::start(|_| Answer::Status(200)).await;
        let realtime = TestRealtime::new(&stub).await;
        let [ann, bob] = ["ann", "bob"].map(|user| caller(user, &format!("{user}=")));
        for caller in [&ann, &bob] {
            let table = realtime.table();
            table.put_connection(caller).await.unwrap();
            table.put_membership(caller, &channel(), Right::Own, None, caller.order).await.unwrap();
        }
        Self { realtime, ann, bob, stub }
    }

    async fn put(&self, file: Attachment, channel: Channel) -> FileId {
        let id = file.id.clone();
        let owner = FileOwner::User(self.ann.identity.user.clone());
        self.realtime.table().put_file(StoredFile::new(owner, channel, file), now()).await.unwrap();
        id
    }

    /// A file of Ann's in this state.
    async fn file(&self, id: &str, state: FileState) -> FileId {
        self.put(attachment(id, state), channel()).await
    }
}

fn attachment(id: &str, state: FileState) -> Attachment {
    let name = "a.png".to_owned().try_into().unwrap();
    let new = Attachment::new(id.parse().unwrap(), name, "image/png".parse().unwrap(), 70);
    Attachment { state, ..new }
}

async fn send(
    realtime: &Realtime,
    caller: &SocketCaller,
    key: &str,
    (event, data): (EventName, Value),
) -> Result<(Seq, Value), Error> {
    let key = Some(key.parse().unwrap());
    let draft = Send { channel: channel(), event, data, key, base: Some(Seq::ZERO) };
    let sent = Box::pin(publish::send(realtime, Caller::Socket(caller), draft)).await?;
    Ok((sent.seq.unwrap(), serde_json::from_str(sent.data.unwrap().get()).unwrap()))
}

fn with(files: &[&str]) -> (EventName, Value) {
    (EventName::ChatMessage, json!({ "attachments": files }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_brings_its_senders_own_files_once() {
    let scene = Scene::new().await;
    for (id, state) in [
        ("ready", FileState::Ready),
        ("checking", FileState::Checking),
        ("uploading", FileState::Uploading),
        ("refused", FileState::Refused),
    ] {
        scene.file(id, state).await;
    }
    let other: Channel = "conversation:c2".parse().unwrap();
    let elsewhere = attachment("elsewhere", FileState::Ready);
    scene.put(elsewhere, other).await;

    for (who, files, field) in [
        (&scene.ann, &["ready", "uploading"][..], "data.attachments[1]"),
        (&scene.ann, &["refused"], "data.attachments[0]"),
        (&scene.ann, &["elsewhere"], "data.attachments[0]"),
        (&scene.ann, &["ready", "nobody-has-it"], "data.attachments[1]"),
        (&scene.ann, &["ready", "ready"], "data.attachments[1]"),
        (&scene.bob, &["ready"], "data.attachments[0]"),
    ] {
        let error = send(&scene.realtime, who, "refused", with(files)).await.unwrap_err();
        assert_eq!((error.code(), error.field()), ("bad_request", Some(field)), "{files:?}");
    }

    let (seq, data) = send(&scene.realtime, &scene.ann, "a", with(&["ready", "checking"])).await.unwrap();
    assert_eq!(data["content"], "");
    assert_eq!(
        data["attachments"],
        json!([attachment("ready", FileState::Ready), attachment("checking", FileState::Checking)])
    );
    let again = send(&scene.realtime, &scene.ann, "a", with(&["ready", "checking"])).await.unwrap();
    assert_eq!(again, (seq, data), "a repeat is the same message");
    let error = send(&scene.realtime, &scene.ann, "b", with(&["ready"])).await.unwrap_err();
    assert_eq!(error.field(), Some("data.attachments[0]"), "it is in another message");
    let file = scene.realtime.table().file(&"ready".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(file.message, Some(seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_message_takes_its_files_with_it() {
    let scene = Scene::new().await;
    let id = scene.file("f", FileState::Ready).await;
    let (seq, _) = send(&scene.realtime, &scene.ann, "a", with(&["f"])).await.unwrap();
    let delete = (EventName::ChatDelete, json!({ "target": seq }));
    send(&scene.realtime, &scene.ann, "b", delete).await.unwrap();
    assert_eq!(scene.realtime.table().file(&id).await.unwrap(), None);
    let message = scene.realtime.table().stored_message(&channel(), seq).await.unwrap().unwrap();
    assert_eq!(message.body().unwrap().attachments, []);
}

/// Whenever a file has been examined: either the message has it as it is now, or who writes that down sees the message and tells
/// its members.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_examined_while_it_is_sent_is_ready_in_the_message_or_told() {
    let (mut told, mut known) = (0, 0);
    for requests in 0.. {
        let scene = Scene::new().await;
        let id = scene.file("f", FileState::Checking).await;
        let (examined, mut outcome) = tokio::sync::oneshot::channel();
        let table = super::realtime(&scene.realtime.engine, &scene.stub).await;
        scene.realtime.engine.after_requests(requests, async move {
            let (table, ready) = (table.table(), attachment("f", FileState::Ready));
            // As the function does: what it has read may be of before the message.
            let mut told = None;
            while told.is_none() {
                let before = table.file(&ready.id).await.unwrap().unwrap();
                told = table.settle_file(&before, &ready, now()).await.unwrap().then_some(before.message);
            }
            examined.send(told.unwrap()).unwrap();
        });
        let (seq, data) = send(&scene.realtime, &scene.ann, "a", with(&["f"])).await.unwrap();
        let Ok(message) = outcome.try_recv() else { break };
        match (message, data["attachments"][0]["state"].as_str().unwrap()) {
            (Some(message), "checking") => {
                assert_eq!(message, seq);
                told += 1;
            }
            (None, "ready") => known += 1,
            other => panic!("after {requests} requests: {other:?}"),
        }
        assert_eq!(scene.realtime.table().file(&id).await.unwrap().unwrap().message, Some(seq));
    }
    assert!(told > 0 && known > 0, "told {told} times, known {known} times");
}

/// Whenever two messages bring the same file, it is in one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_in_one_of_two_messages_that_are_sent_at_once() {
    let mut refused = 0;
    for requests in 0.. {
        let scene = Scene::new().await;
        scene.file("f", FileState::Ready).await;
        let (sent, mut first) = tokio::sync::oneshot::channel();
        let other = super::realtime(&scene.realtime.engine, &scene.stub).await;
        let ann = scene.ann.clone();
        scene.realtime.engine.after_requests(requests, async move {
            sent.send(send(&other, &ann, "a", with(&["f"])).await).unwrap();
        });
        let second = send(&scene.realtime, &scene.ann, "b", with(&["f"])).await;
        let Ok(first) = first.try_recv() else { break };
        assert_eq!([&first, &second].into_iter().filter(|sent| sent.is_ok()).count(), 1, "after {requests}");
        let refusal = first.err().or(second.err()).unwrap();
        assert_eq!(refusal.field(), Some("data.attachments[0]"), "{refusal}");
        refused += 1;
    }
    assert!(refused >= 3, "{refused}");
}
