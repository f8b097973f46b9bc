//! What users are told of their inboxes, and by whom.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use funnelcast_aws::{queue::Queue, table::restrictions::RestrictionChange};
use funnelcast_core::{
    Caller, Right, Seq,
    action::{Ack, Inbox, Send},
    event::{EventName, ReceiptState},
    frame::Sender,
    inbox::{InboxUpdate, LastMessage, LogNews, SeenMessage},
    moderation::{Restriction, RestrictionKind, Scope},
};
use funnelcast_testing::{
    gateway::Answer,
    server::{self, Server},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    chat_events::ChatEvents,
    deliver::{self, Delivery},
    digest::{self, News},
    inbox, publish, receipts,
    timer::Timers,
};

const COMPANY: &str = "biz_1";

/// Ann and Bob take part in a conversation, Cid does not.
async fn scene(stub: &Stub) -> TestRealtime {
    let realtime = TestRealtime::new(stub).await;
    let change = set(COMPANY, ["ann", "bob"].map(|user| user.parse().unwrap()));
    realtime.table().change_conversation(&"c1".parse().unwrap(), &change, |_| true).await.unwrap();
    realtime
}

/// A connection of a user that has joined these channels.
async fn device(realtime: &Realtime, user: &str, name: &str, channels: &[&str]) -> SocketCaller {
    let caller = caller(user, &format!("{user}-{name}"));
    realtime.table().put_connection(&caller).await.unwrap();
    for channel in channels {
        let channel = channel.parse().unwrap();
        let joined = realtime.table().put_membership(&caller, &channel, Right::Own, None, caller.order).await;
        joined.unwrap();
    }
    caller
}

fn message(seq: u64, author: &str) -> SeenMessage {
    let from = Sender { user_id: author.parse().unwrap(), name: "Ann".to_owned().try_into().unwrap() };
    let shown = LastMessage {
        seq: seq.try_into().unwrap(),
        at: Timestamp::from_secs(1_795_428_000),
        from: Some(from),
        excerpt: Some(format!("message {seq}")),
    };
    SeenMessage {
        author: Some(author.parse().unwrap()),
        shown,
        n: seq,
        kept_at: now(),
        changes: 0,
        expires_at: None,
        is_gone: false,
    }
}

async fn digest_of(realtime: &Realtime, news: &[SeenMessage]) {
    let news: Vec<_> = news.iter().cloned().map(LogNews::Message).collect();
    let news = News { news, ..News::default() };
    digest::digest(realtime, None, &"c1".parse().unwrap(), news).await.unwrap();
}

/// What was posted since `before`: the connection, the channel and the payload, in the order of the connections.
fn posted(stub: &Stub, before: usize) -> Vec<(String, String, Value)> {
    let posts = stub.requests().split_off(before).into_iter();
    let mut posts: Vec<_> = posts
        .map(|post| {
            let mut event: Value = serde_json::from_slice(&post.body).unwrap();
            let connection = post.target.rsplit('/').next().unwrap().to_owned();
            (connection, event["channel"].as_str().unwrap().to_owned(), event["data"].take())
        })
        .collect();
    posts.sort_by_key(|(connection, ..)| connection.clone());
    posts
}

fn connections(posts: &[(String, String, Value)]) -> Vec<&str> {
    posts.iter().map(|(connection, ..)| connection.as_str()).collect()
}

/// The first message of the conversation.
fn hello() -> Send {
    Send {
        channel: channel(),
        event: EventName::ChatMessage,
        data: json!({"content": "hello"}),
        key: Some("k".parse().unwrap()),
        base: Some(Seq::ZERO),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_conversation_open_is_not_told_of_it() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = scene(&stub).await;
    device(&realtime, "ann", "open", &["user:ann", "conversation:c1"]).await;
    device(&realtime, "ann", "list", &["user:ann"]).await;
    device(&realtime, "bob", "list", &["user:bob"]).await;
    device(&realtime, "bob", "elsewhere", &["system"]).await;
    device(&realtime, "cid", "list", &["user:cid"]).await;
    device(&realtime, "admin", "team", &["inbox:biz_1"]).await;
    device(&realtime, "other", "team", &["inbox:biz_2"]).await;
    digest_of(&realtime, &[message(1, "ann"), message(2, "ann")]).await;
    let posts = posted(&stub, 0);
    assert_eq!(connections(&posts), ["admin-team", "ann-list", "bob-list"], "one for the two messages");
    let (_, channel, data) = &posts[2];
    assert_eq!(channel, "user:bob");
    assert_eq!(data["companyId"], COMPANY);
    assert_eq!((&data["n"], &data["last"]["seq"]), (&json!(2), &json!(2)));
    assert_eq!(data["last"]["excerpt"], "message 2");
    assert_eq!(data["readN"], Value::Null, "what one user has read is in nothing that others get");
}

/// A crash may come after the write and before the posts, so a repeat posts again; what has been overtaken does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_told_again_and_what_is_overtaken_is_not() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = scene(&stub).await;
    device(&realtime, "bob", "list", &["user:bob"]).await;
    let told = async |news: &[SeenMessage]| {
        let before = stub.requests().len();
        digest_of(&realtime, news).await;
        posted(&stub, before)
            .into_iter()
            .map(|(_, _, mut data)| data["last"]["excerpt"].take())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&[message(2, "ann")]).await, [json!("message 2")]);
    assert_eq!(told(&[message(2, "ann")]).await, [json!("message 2")]);
    assert!(told(&[message(1, "ann")]).await.is_empty(), "it is not the last");
    let mut reacted = message(2, "ann");
    reacted.changes = 1;
    assert!(told(&[reacted]).await.is_empty(), "no inbox shows reactions");
    let mut edited = message(2, "ann");
    (edited.changes, edited.shown.excerpt) = (2, Some("edited".to_owned()));
    assert_eq!(told(&[edited.clone()]).await, [json!("edited")]);
    assert!(told(&[message(2, "ann")]).await.is_empty(), "the text that was replaced stays so");
    edited.changes = 3;
    edited.shown.excerpt = None;
    assert_eq!(told(&[edited]).await, [Value::Null]);
}

/// Who is gone, or cannot be reached, keeps nothing from the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_post_fails_nothing_else() {
    let stub = Stub::start(|post| Answer::Status(if post.target.contains("gone") { 410 } else { 200 })).await;
    let realtime = scene(&stub).await;
    let gone = device(&realtime, "ann", "gone", &["user:ann"]).await;
    device(&realtime, "bob", "list", &["user:bob"]).await;
    digest_of(&realtime, &[message(1, "ann")]).await;
    assert_eq!(connections(&posted(&stub, 0)), ["ann-gone", "bob-list"]);
    let row = realtime.table().connection(&gone.identity.user, &gone.connection).await.unwrap();
    assert!(row.is_none(), "a connection that is gone is removed");
}

/// A fan-out queue in place of the one that tests have, which takes no message.
async fn with_queue(realtime: &mut TestRealtime) -> Server {
    let queue = Server::start(|_| server::json(&json!({"MessageId": "m"}))).await;
    let config = Config::from_lookup(|name| match name {
        "AWS_ENDPOINT_URL" | "DELIVERY_QUEUE_URL" => Some(queue.url("/")),
        name => realtime.engine.variable(name),
    });
    realtime.realtime.deliveries = Queue::of_deliveries(&config.unwrap()).unwrap();
    queue
}

/// Bob's only device is gone without a word, which the post finds out: nobody has seen the message.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_gone_has_seen_nothing() {
    for (status, timers) in [(200, 0), (410, 1)] {
        let stub = Stub::start(move |_| Answer::Status(status)).await;
        let mut realtime = scene(&stub).await;
        let aws = Server::start(|_| server::json(&json!({"MessageId": "m", "Entries": []}))).await;
        let config = Config::from_lookup(|name| match name {
            "AWS_ENDPOINT_URL" | "TIMER_QUEUE_URL" => Some(aws.url("/")),
            "BUS_NAME" => Some("bus".to_owned()),
            name => realtime.engine.variable(name),
        });
        let config = config.unwrap();
        realtime.realtime.timers = Timers::new(&config).unwrap();
        let chat_events = ChatEvents::build(&config).await.unwrap();
        device(&realtime, "bob", "list", &["user:bob"]).await;
        let ann = device(&realtime, "ann", "open", &["conversation:c1"]).await;
        let seq = publish::send(&realtime, Caller::Socket(&ann), hello()).await.unwrap().seq.unwrap();
        let stored = realtime.table().stored_message(&channel(), seq).await.unwrap().unwrap();
        let news = News {
            news: vec![LogNews::Message(message(seq.get(), "ann"))],
            events: vec![stored.into_event(channel()).unwrap()],
            texts: Vec::new(),
        };
        digest::digest(&realtime, chat_events.as_ref(), &"c1".parse().unwrap(), news).await.unwrap();
        let asked = String::from_utf8(aws.asked().into_iter().flat_map(|asked| asked.body).collect());
        assert_eq!(asked.unwrap().matches("unanswered").count(), timers, "{status}");
    }
}

/// The deliveries that were put into a queue.
fn put_off(queue: &Server) -> Vec<Delivery> {
    let bodies = queue.asked().into_iter().map(|asked| serde_json::from_slice::<Value>(&asked.body).unwrap());
    bodies.map(|body| serde_json::from_str(body["MessageBody"].as_str().unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_post_failed_is_owed_the_update() {
    let throttles = Arc::new(AtomicBool::new(true));
    let stub = Stub::start({
        let throttles = Arc::clone(&throttles);
        move |_| Answer::Status(if throttles.load(Ordering::Relaxed) { 403 } else { 200 })
    })
    .await;
    let mut realtime = scene(&stub).await;
    let queue = with_queue(&mut realtime).await;
    device(&realtime, "bob", "list", &["user:bob"]).await;
    device(&realtime, "admin", "team", &["inbox:biz_1"]).await;
    digest_of(&realtime, &[message(1, "ann")]).await;
    let read = InboxUpdate {
        conversation_id: "c1".parse().unwrap(),
        company_id: None,
        n: None,
        last: None,
        read_n: Some(1),
    };
    let bob = "bob".parse().unwrap();
    digest::tell_user(&realtime, &bob, &read, &BTreeSet::new(), now()).await.unwrap();

    throttles.store(false, Ordering::Relaxed);
    let before = stub.requests().len();
    for delivery in put_off(&queue) {
        deliver::deliver(&realtime, delivery).await.unwrap();
    }
    let posts = posted(&stub, before);
    assert_eq!(connections(&posts), ["admin-team", "bob-list", "bob-list"]);
    let mut numbers: Vec<_> =
        posts.iter().map(|(.., data)| (data["n"].as_u64(), data["readN"].as_u64())).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [(None, Some(1)), (Some(1), None), (Some(1), None)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_on_one_device_is_told_to_the_others_of_the_user() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = scene(&stub).await;
    let phone = device(&realtime, "bob", "phone", &["user:bob", "conversation:c1"]).await;
    device(&realtime, "bob", "laptop", &["user:bob"]).await;
    device(&realtime, "ann", "list", &["user:ann"]).await;
    let seq = publish::send(&realtime, Caller::Socket(&phone), hello()).await.unwrap().seq.unwrap();
    let ack = async |state| {
        let before = stub.requests().len();
        let acked = receipts::ack(&realtime, Caller::Socket(&phone), Ack { channel: channel(), seq, state })
            .await
            .unwrap();
        (acked.read_n, posted(&stub, before))
    };
    let (read_n, posts) = ack(ReceiptState::Delivered).await;
    assert_eq!((read_n, posts.len()), (None, 0), "delivered is not read");
    let (read_n, posts) = ack(ReceiptState::Read).await;
    assert_eq!(read_n, Some(1));
    assert_eq!(connections(&posts), ["bob-laptop"]);
    assert_eq!(posts[0].2, json!({"conversationId": "c1", "readN": 1}));
    let (read_n, posts) = ack(ReceiptState::Read).await;
    assert_eq!((read_n, posts.len()), (Some(1), 0), "read before");
}

/// The table has noted an ack, and its answer is lost: the repeat of the write is no reason to tell nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_whose_answer_was_lost_is_told() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = scene(&stub).await;
    let bob = device(&realtime, "bob", "phone", &["conversation:c1"]).await;
    device(&realtime, "ann", "open", &["conversation:c1"]).await;
    let seq = publish::send(&realtime, Caller::Socket(&bob), hello()).await.unwrap().seq.unwrap();
    for state in [ReceiptState::Delivered, ReceiptState::Read] {
        let before = stub.requests().len();
        realtime.engine.lose_write_answers(1);
        let ack = Ack { channel: channel(), seq, state };
        receipts::ack(&realtime, Caller::Socket(&bob), ack).await.unwrap();
        let posts = posted(&stub, before);
        assert_eq!(connections(&posts), ["ann-open"], "{state:?}");
        assert_eq!(posts[0].2, json!({"userId": "bob", "seq": 1, "state": state}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_banned_neither_hears_of_the_conversation_nor_sees_it_in_the_inbox() {
    let scopes = [Scope::Conversation("c1".parse().unwrap()), Scope::Company(COMPANY.parse().unwrap())];
    for (scope, kind, hears) in scopes
        .iter()
        .flat_map(|scope| [(scope, RestrictionKind::Ban, false), (scope, RestrictionKind::Mute, true)])
    {
        let stub = Stub::start(|_| Answer::Status(200)).await;
        let realtime = scene(&stub).await;
        let bob = device(&realtime, "bob", "list", &["user:bob"]).await;
        device(&realtime, "ann", "list", &["user:ann"]).await;
        let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Producer };
        let to = Restriction { restriction: kind, until: None, reason: None };
        let change = RestrictionChange { to, by: None, version, key: None };
        realtime.table().restrict(scope, &bob.identity.user, &change, now()).await.unwrap();

        digest_of(&realtime, &[message(1, "ann")]).await;
        let told = ["ann-list", "bob-list"];
        assert_eq!(connections(&posted(&stub, 0)), told[..=usize::from(hears)], "{scope:?} {kind:?}");
        let request: Inbox = serde_json::from_value(json!({"limit": 9})).unwrap();
        let page = inbox::inbox(&realtime.access, Caller::Socket(&bob), request).await.unwrap();
        assert_eq!(page.conversations.len(), usize::from(hears), "{scope:?} {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_participants_are_banned_is_asked_of_all_at_once() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = scene(&stub).await;
    for user in ["ann", "bob"] {
        device(&realtime, user, "list", &[&format!("user:{user}")]).await;
    }
    for (seq, of_sender) in [(1, 1), (2, 0)] {
        realtime.engine.take_operations();
        let before = stub.requests().len();
        digest_of(&realtime, &[message(seq, "ann")]).await;
        assert_eq!(connections(&posted(&stub, before)), ["ann-list", "bob-list"]);
        let calls = realtime.engine.take_operations();
        let batches = calls.iter().filter(|call| *call == "BatchGetItem").count();
        assert_eq!(batches, 1 + of_sender, "a sender who is new is looked at once: {calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_where_the_last_one_ended() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    // So long that a reply cannot hold all of a page.
    let many = |seed: usize| (0..48).map(move |n| format!("{seed:0>32}{n:0>32}").parse().unwrap());
    for conversation in 0..60 {
        let participants = many(conversation).take(47).chain(["ann".parse().unwrap()]);
        let id = format!("c{conversation}").parse().unwrap();
        let change = set(COMPANY, participants);
        realtime.table().change_conversation(&id, &change, |_| true).await.unwrap();
    }
    let ann = device(&realtime, "ann", "list", &[]).await;
    let admin = device(&realtime, "admin", "team", &["inbox:biz_1"]).await;
    for (caller, company) in [(&ann, None), (&admin, Some(COMPANY))] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let mut request = json!({"limit": 50});
            if !cursor.is_null() {
                request["cursor"] = cursor.clone();
            }
            if let Some(company) = company {
                request["companyId"] = company.into();
            }
            let request: Inbox = serde_json::from_value(request).unwrap();
            let page = inbox::inbox(&realtime.access, Caller::Socket(caller), request).await.unwrap();
            assert!(funnelcast_core::size::json_bytes(&page) < 127 * 1024);
            seen.extend(page.conversations.iter().map(|entry| entry.conversation_id.to_string()));
            pages += 1;
            match page.next {
                Some(next) => cursor = serde_json::to_value(next).unwrap(),
                None => break,
            }
        }
        assert_eq!(pages, 2, "60 are more than a reply can hold");
        let mut expected: Vec<_> = (0..60).map(|n| format!("c{n}")).collect();
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "each once: {company:?}");
    }
    let request: Inbox = serde_json::from_value(json!({"limit": 1, "companyId": COMPANY})).unwrap();
    let refused = inbox::inbox(&realtime.access, Caller::Socket(&ann), request).await.unwrap_err();
    assert!(matches!(refused, Error::NotJoined), "{refused}");
}
