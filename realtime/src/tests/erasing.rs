//! A user is erased: of what was planted in every kind of row, nothing is left, wherever the erasure is interrupted, and whoever else
//! is in the conversations goes on in them.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use funnelcast_aws::table::{
    activity::log_record,
    calls::StoredCall,
    files::{FileOwner, StoredFile},
    log::Unquoted,
    postings::TextChange,
    restrictions::RestrictionChange,
    stream::{GoneFile, gone_file},
};
use funnelcast_core::{
    Caller, ConversationId, FileId, Grant, HttpCaller, Key, Seq,
    action::{Ack, Send},
    call::{CallMedia, CallState, CallTimes, NewCall, Peer},
    event::{EventName, ReceiptState},
    file::{Attachment, FileState},
    frame::Event,
    grant::Capability,
    identity::{CompanyClaim, Role},
    moderation::{Restriction, RestrictionKind, Scope},
    publication::{Publication, Times},
};
use funnelcast_testing::gateway::{Answer, Stub};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::{backend::apply, *};
use crate::{
    digest::{self, News},
    erase::{self, Erase, Erased, Progress},
    export, presence,
    presence::PresenceChange,
    publish,
    publish::{EarlierTry, Keeper},
    receipts,
};

const USER: &str = "user_Zaphod42";
const NAME: &str = "Zaphod Beeblebrox";
const TEXT: &str = "xyzzyplugh";
const FILE: &str = "holiday-in-betelgeuse.png";
/// What must be nowhere in the end.
const PLANTED: [&str; 5] = [USER, NAME, TEXT, FILE, "file_sent"];

/// What rows begin with that have nothing of a user: the number of those present, and webhooks by their id.
const OF_NOBODY: [&str; 2] = ["COUNT", "HOOK"];

fn user() -> UserId {
    USER.parse().unwrap()
}

fn conversation(id: &str) -> ConversationId {
    id.parse().unwrap()
}

fn of(conversation: &str) -> Channel {
    format!("conversation:{conversation}").parse().unwrap()
}

/// The user on a connection.
fn zaphod(connection: &str) -> SocketCaller {
    let mut caller = caller(USER, connection);
    caller.identity.name = NAME.to_owned().try_into().unwrap();
    caller.identity.companies = vec![CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Member }];
    caller
}

/// The stack, and how much of the table's stream has been digested.
struct Scene {
    realtime: TestRealtime,
    stub: Stub,
    digested: usize,
    /// The files whose objects follow their rows.
    gone: Vec<FileId>,
}

impl Scene {
    async fn new() -> Self {
        let stub = Stub::start(|_| Answer::Status(200)).await;
        let realtime = TestRealtime::new(&stub).await;
        for (id, users) in
            [("c1", &[USER, "bob"][..]), ("c2", &[USER, "bob"]), ("c3", &["bob"]), ("c4", &[USER])]
        {
            let change = set("biz_1", users.iter().map(|user| user.parse().unwrap()));
            realtime.table().change_conversation(&conversation(id), &change, |_| true).await.unwrap();
        }
        Self { realtime, stub, digested: 0, gone: Vec::new() }
    }

    async fn join(&self, caller: &SocketCaller, channel: &Channel) {
        let table = self.realtime.table();
        if table.connection(&caller.identity.user, &caller.connection).await.unwrap().is_none() {
            table.put_connection(caller).await.unwrap();
        }
        table.put_membership(caller, channel, Right::Own, None, caller.order).await.unwrap();
        if channel.kind().policy().presence {
            presence::settle(&self.realtime, channel, &PresenceChange::of(caller), None).await.unwrap();
        }
    }

    async fn send(&self, by: &SocketCaller, channel: &Channel, event: EventName, data: Value) -> Seq {
        let key = Some(format!("{}.{}", by.identity.user, rand::random::<u64>()).parse().unwrap());
        let draft = Send { channel: channel.clone(), event, data, key, base: Some(Seq::ZERO) };
        let by = SocketCaller { now: now(), ..by.clone() };
        Box::pin(publish::send(&self.realtime, Caller::Socket(&by), draft)).await.unwrap().seq.unwrap()
    }

    async fn say(&self, by: &SocketCaller, channel: &Channel, data: Value) -> Seq {
        self.send(by, channel, EventName::ChatMessage, data).await
    }

    async fn put_file(&self, id: &str, channel: &Channel) -> FileId {
        let name = FILE.to_owned().try_into().unwrap();
        let new = Attachment::new(id.parse().unwrap(), name, "image/png".parse().unwrap(), 70);
        let file = Attachment { state: FileState::Checking, ..new };
        let stored = StoredFile::new(FileOwner::User(user()), channel.clone(), file);
        self.realtime.table().put_file(stored, now()).await.unwrap();
        id.parse().unwrap()
    }

    /// Does with the records of the stream what `digest` does.
    async fn digest(&mut self) {
        self.digest_first(usize::MAX).await;
    }

    /// The same, but with the first so many records alone.
    async fn digest_first(&mut self, count: usize) {
        let mut records = self.realtime.engine.stream().await;
        records.truncate(count);
        for record in records[self.digested..].iter().cloned() {
            let record = Error::parse(record).unwrap();
            if let Some(GoneFile { id, .. }) = gone_file(&record).unwrap() {
                self.gone.push(id);
            }
            let Some(said) = log_record(&record).unwrap() else { continue };
            let news = said.news.into_iter().collect();
            let texts = TextChange::of(&record).unwrap().into_iter().collect();
            let news = News { news, events: Vec::<Unquoted>::new(), texts };
            digest::digest(&self.realtime, None, &said.conversation, news).await.unwrap();
        }
        self.digested = records.len();
    }

    /// The rows in which something is that was planted.
    async fn found(&self) -> Vec<String> {
        let dump = self.realtime.engine.dump().await;
        let has = |text: &String| PLANTED.iter().any(|planted| text.contains(planted));
        dump.into_iter()
            .filter(|(_, _, item)| has(item))
            .map(|(pk, sk, item)| format!("{pk} / {sk}: {item}"))
            .collect()
    }

    /// The same, without what bars the user, which ends by itself.
    async fn found_beside_the_bar(&self) -> Vec<String> {
        let is_of_bar = |row: &String| row.starts_with("MODS#") || row.starts_with("RATE#");
        self.found().await.into_iter().filter(|row| !is_of_bar(row)).collect()
    }

    async fn history(&self, channel: &Channel) -> Vec<Event> {
        let recovered = self.realtime.table().recover(channel, Some(Seq::ZERO)).await.unwrap();
        assert!(recovered.recovered && !recovered.more, "{channel}");
        recovered.events
    }

    /// Erases as an operator does: a run, and another a minute later.
    async fn erase(&mut self, erase: &Erase) -> [Erased; 2] {
        let begun = now();
        let (first, again) = erase::run(&self.realtime, erase, begun, |_, _| {}).await.unwrap();
        let Progress::Again(at) = again else { panic!("{again:?}") };
        assert_eq!(at, begun + erase::SETTLED_AFTER);
        self.digest().await;
        let (second, done) = erase::run(&self.realtime, erase, at, |_, _| {}).await.unwrap();
        assert_eq!(done, Progress::Done);
        self.digest().await;
        [first, second]
    }

    /// Has the user do everything that leaves something, by the operations that do it.
    #[expect(clippy::too_many_lines, reason = "one thing after the other")]
    async fn plant(&mut self) {
        let (phone, bob) = (zaphod("phone="), caller("bob", "bob="));
        let (c1, c2, c3) = (of("c1"), of("c2"), of("c3"));
        let room: Channel = "room:lobby".parse().unwrap();
        for channel in [
            "user:user_Zaphod42",
            "company:biz_1",
            "conversation:c1",
            "conversation:c2",
            "conversation:c3",
            "room:lobby",
        ] {
            self.join(&phone, &channel.parse().unwrap()).await;
        }
        for channel in [&c1, &c2, &c3] {
            self.join(&bob, channel).await;
        }
        let table = self.realtime.table();
        // What they wrote, changed and brought, and what others made of it.
        let said = self.say(&phone, &c1, json!({"content": TEXT, "metadata": {"by": USER}})).await;
        self.send(
            &phone,
            &c1,
            EventName::ChatEdit,
            json!({"target": said, "content": format!("{TEXT} again")}),
        )
        .await;
        let brought = self.put_file("file_sent", &c1).await;
        let with_file = self.say(&phone, &c1, json!({"content": "see", "attachments": [brought]})).await;
        let before = table.file(&brought).await.unwrap().unwrap();
        let ready = Attachment { state: FileState::Ready, ..before.file.clone() };
        assert!(table.settle_file(&before, &ready, now()).await.unwrap());
        let news = json!({"target": with_file, "file": ready});
        let times = Times::at(now());
        let key: Key = "file:file_sent".parse().unwrap();
        let news =
            Publication::from_outbox(c1.clone(), EventName::FileReady, news, key, None, times).unwrap();
        Keeper::new(table).keep(news, EarlierTry::None).await.unwrap();
        self.put_file("file_unused", &c1).await;
        let theirs = self.say(&bob, &c1, json!({"content": "hello", "mentions": [USER]})).await;
        self.say(&bob, &c1, json!({"content": "indeed", "replyTo": said})).await;
        for by in [&phone, &bob] {
            self.send(by, &c1, EventName::ChatReaction, json!({"target": theirs, "emoji": "👍", "on": true}))
                .await;
        }
        let deleted = self.say(&phone, &c1, json!({"content": TEXT})).await;
        self.send(&phone, &c1, EventName::ChatDelete, json!({"target": deleted})).await;
        for channel in [&c2, &c3] {
            self.say(&phone, channel, json!({"content": TEXT})).await;
        }
        self.say(&bob, &c2, json!({"content": "the last word"})).await;
        self.send(&phone, &room, EventName::AppEvent, json!({"name": "vote", "payload": {"for": TEXT}}))
            .await;
        let ack = Ack { channel: c1.clone(), seq: theirs, state: ReceiptState::Read };
        receipts::ack(&self.realtime, Caller::Socket(&phone), ack).await.unwrap();
        table.note_last_seen(&conversation("c1"), (&user(), &phone.identity.name), now()).await.unwrap();
        // What the backend said of them.
        let events = [
            json!({"type": "UserNotification", "detail": {"userId": USER, "level": "info", "title": NAME, "message": TEXT}}),
            json!({"type": "FunnelUpdate", "detail": {"type": "deployed", "funnelId": "f1", "funnelName": "Spring",
                "userId": USER, "companyId": "biz_1"}}),
            json!({"type": "ResourceUpdate", "detail": {"type": "updated", "resourceId": "r1", "resourceType": "page",
                "resourceName": "Home", "userId": USER, "companyId": "biz_1"}}),
            json!({"type": "AppEvent", "detail": {"channel": "company:biz_1", "name": "hired", "payload": {"who": USER}}}),
            json!({"type": "ChatMessage", "detail": {"conversationId": "c1", "type": "user", "userId": USER, "content": TEXT}}),
        ];
        assert!(apply(&self.realtime, events).await.iter().all(|result| result["error"].is_null()));
        let notice = json!({"userId": USER, "title": NAME});
        let own = Channel::User(user());
        table
            .put_into_outbox(&own, EventName::UserNotification, &notice, &"o1".parse().unwrap(), now())
            .await
            .unwrap();
        // A call that they started, which has ended, and who is restricted by whom.
        let peer = Peer {
            user: user(),
            name: phone.identity.name.clone(),
            peer_id: "peer-1".parse().unwrap(),
            connection: phone.connection.clone(),
        };
        let new = NewCall {
            call_id: "call-1".parse().unwrap(),
            conversation: conversation("c1"),
            media: CallMedia::Audio,
            peer: peer.clone(),
        };
        let call = StoredCall::after(
            None,
            CallState::start(new, None, CallTimes::default().ring, now()),
            None,
            now(),
        );
        assert!(table.put_call(&call).await.unwrap());
        let left = call.state.leave(&peer, None, now()).unwrap();
        let from =
            Some(funnelcast_core::frame::Sender { user_id: user(), name: phone.identity.name.clone() });
        let call = StoredCall::after(Some(&call), left, from, now());
        assert!(table.end_call(&call).await.unwrap().is_some());
        for (scope, whom, by) in [
            (Scope::Conversation(conversation("c1")), user(), None),
            (Scope::Conversation(conversation("c1")), "bob".parse().unwrap(), Some(user())),
            (Scope::Company("biz_2".parse().unwrap()), user(), None),
        ] {
            let reason = format!("{NAME} said {TEXT}").try_into().ok().filter(|_| by.is_none());
            let to = Restriction { restriction: RestrictionKind::Mute, until: None, reason };
            let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Receipt };
            let change = RestrictionChange { to, by, version, key: None };
            table.restrict(&scope, &whom, &change, now()).await.unwrap();
        }
        // What is known of them alone.
        table.begin_asking(&user(), "biz_1", now(), now() + Duration::from_mins(1)).await.unwrap();
        table.fill(&user(), "sends", Duration::from_secs(1), Timestamp::EPOCH, now()).await.unwrap();
        table.put_ticket(&phone.identity, now() - Duration::from_mins(5)).await.unwrap();
        self.digest().await;
        // They leave one conversation, and one ends.
        let table = self.realtime.table();
        for (id, change) in [
            ("c2", set("biz_1", ["bob".parse().unwrap()])),
            ("c4", ConversationChange { to: None, ..set("biz_1", []) }),
        ] {
            table.change_conversation(&conversation(id), &change, |_| true).await.unwrap();
        }
    }
}

/// What the partitions of the table begin with, as `key.rs` makes them.
fn kinds() -> BTreeSet<&'static str> {
    let keys = include_str!("../../../aws/src/table/key.rs").split("#[cfg(test)]").next().unwrap();
    let texts = keys.split('"').skip(1).step_by(2);
    let kinds = texts.filter_map(|text| text.split_once('#').map(|(kind, _)| kind));
    kinds.filter(|kind| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_uppercase())).collect()
}

#[tokio::test]
async fn nothing_is_left_of_a_user() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
    let logging = tracing::subscriber::set_default(subscriber.with_writer(log.clone()).finish());
    let mut scene = Box::pin(Scene::new()).await;
    Box::pin(scene.plant()).await;
    let planted: BTreeSet<String> =
        scene.found().await.iter().map(|row| row.split('#').next().unwrap().to_owned()).collect();
    // Prefixes of sort keys, and of the index, are among the texts as well.
    let of_rows = |kind: &&str| !["CONN", "COMPANY", "OF"].contains(kind) && !OF_NOBODY.contains(kind);
    let kinds: BTreeSet<String> = kinds().into_iter().filter(of_rows).map(str::to_owned).collect();
    assert_eq!(
        planted, kinds,
        "a kind of row in which nothing is planted, and so nothing is known to be erased"
    );

    let erase = Erase { bar: Duration::ZERO, also: vec!["room:lobby".parse().unwrap()], ..Erase::of(user()) };
    let [first, second] = Box::pin(scene.erase(&erase)).await;
    assert_eq!((first.connections, first.messages, first.reactions, first.files), (1, 5, 1, 1), "{first:?}");
    assert_eq!((second.messages, second.reactions, second.events, second.files), (0, 0, 0, 0), "{second:?}");
    scene.realtime.engine.remove_expired().await;
    assert_eq!(scene.found().await, [] as [String; 0]);
    assert_eq!(
        scene.gone.iter().map(FileId::as_str).collect::<BTreeSet<_>>(),
        ["file_sent", "file_unused"].into()
    );
    drop(logging);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<_> = log.lines().filter(|line| line.contains("funnelcast_")).collect();
    assert!(ours.len() > 10, "{log}");
    for secret in [NAME, TEXT, FILE] {
        assert_eq!(ours.iter().find(|line| line.contains(secret)), None, "in the log");
    }
}

#[tokio::test]
async fn the_others_go_on_in_a_conversation_without_a_gap() {
    let mut scene = Box::pin(Scene::new()).await;
    Box::pin(scene.plant()).await;
    let before = scene.history(&of("c1")).await;
    let unread = scene.realtime.table().activity(&conversation("c1")).await.unwrap().n();
    let posts = scene.stub.requests().len();
    Box::pin(scene.erase(&Erase::of(user()))).await;

    let after = scene.history(&of("c1")).await;
    let seqs: Vec<u64> = after.iter().map(|event| event.seq.unwrap().get()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let data = |event: &Event| serde_json::from_str::<Value>(event.data.get()).unwrap();
    for (was, is) in before.iter().zip(&after) {
        assert_eq!((was.event, was.at, &data(was)["n"]), (is.event, is.at, &data(is)["n"]));
    }
    assert_eq!(scene.realtime.table().activity(&conversation("c1")).await.unwrap().n(), unread);
    let messages: Vec<Value> =
        after.iter().filter(|event| event.event == EventName::ChatMessage).map(data).collect();
    let of_erased: Vec<_> = messages.iter().filter(|message| message["userId"] == "deleted").collect();
    assert_eq!(of_erased.len(), 4, "{messages:?}");
    assert!(of_erased.iter().all(|message| message["content"] == "" && message["deletedAt"].is_string()));
    let hello = messages.iter().find(|message| message["content"] == "hello").unwrap();
    assert_eq!(hello["reactions"], json!([{"emoji": "👍", "count": 1, "users": ["bob"]}]));
    assert_eq!(hello["mentions"], json!(["deleted"]));
    let reply = messages.iter().find(|message| message["content"] == "indeed").unwrap();
    assert_eq!(reply["replyTo"], json!({"seq": 1, "userId": "deleted"}));

    // Whoever follows the conversation is told of each, in order.
    let told: Vec<Value> = scene.stub.requests()[posts..]
        .iter()
        .filter(|post| post.target.ends_with("bob%3D"))
        .flat_map(|post| {
            let frame: Value = serde_json::from_slice(&post.body).unwrap();
            frame["events"].as_array().cloned().unwrap_or_else(|| vec![frame])
        })
        .filter(|event| event["channel"] == "conversation:c1" && !event["seq"].is_null())
        .map(|event| json!([event["event"], event["data"]["target"]]))
        .collect();
    let appended: Vec<Value> =
        after[before.len()..].iter().map(|event| json!([event.event, data(event)["target"]])).collect();
    assert_eq!(told, appended);
    let bob = caller("bob", "bob=");
    scene.say(&bob, &of("c1"), json!({"content": "and on we go"})).await;
}

/// Between whichever writes an erasure is interrupted, another run does what is left.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_goes_on_where_it_was_interrupted() {
    let mut scene = Box::pin(Scene::new()).await;
    Box::pin(scene.plant()).await;
    let erase = Erase { bar: Duration::ZERO, also: vec!["room:lobby".parse().unwrap()], ..Erase::of(user()) };
    let begun = now();
    let (mut interrupted, mut writes, mut before) = (0, 0, Vec::new());
    loop {
        let (reached, mut is_reached) = tokio::sync::oneshot::channel();
        scene.realtime.engine.after_writes(writes, async move {
            reached.send(()).ok();
            std::future::pending::<()>().await;
        });
        tokio::select! {
            biased;
            Ok(()) = &mut is_reached => interrupted += 1,
            run = Box::pin(erase::run(&scene.realtime, &erase, begun, |_, _| {})) => {
                assert!(matches!(run.unwrap().1, Progress::Again(_)));
                break;
            }
        }
        // What each run writes first is what it writes again. So each is interrupted after one write more that changes something.
        let dump = scene.realtime.engine.dump().await.into_iter();
        let dump = dump.filter(|(pk, ..)| !pk.starts_with("MODS#") && !pk.starts_with("RATE#"));
        let unordered = |text: String| {
            let mut bytes = text.into_bytes(); // maps have no order
            bytes.sort_unstable();
            bytes
        };
        let mut after: Vec<_> = dump.map(|(pk, sk, item)| (pk, sk, unordered(item))).collect();
        after.sort();
        writes += usize::from(after == before);
        before = after;
    }
    assert!(interrupted > 40, "{interrupted}");
    scene.realtime.engine.after_requests(usize::MAX, async {});
    scene.digest().await;
    let (_, done) =
        erase::run(&scene.realtime, &erase, begun + erase::SETTLED_AFTER, |_, _| {}).await.unwrap();
    assert_eq!(done, Progress::Done);
    scene.digest().await;
    scene.realtime.engine.remove_expired().await;
    assert_eq!(scene.found().await, [] as [String; 0]);
    scene.history(&of("c1")).await;
}

/// The stream keeps a record for a day: a message may be read by the digest long after its author has been erased, and after
/// what bars them has ended.
#[tokio::test]
async fn a_record_that_is_read_after_the_last_run_brings_nobody_back() {
    let mut scene = Box::pin(Scene::new()).await;
    let phone = zaphod("phone=");
    scene.join(&phone, &of("c1")).await;
    for _ in 0..2 {
        scene.say(&phone, &of("c1"), json!({"content": TEXT})).await;
    }
    let stuck = scene.realtime.engine.stream().await.len();
    let (erase, begun) = (Erase { bar: Duration::ZERO, ..Erase::of(user()) }, now());
    for at in [begun, begun + erase::SETTLED_AFTER] {
        erase::run(&scene.realtime, &erase, at, |_, _| {}).await.unwrap();
    }
    scene.digest_first(stuck).await;
    // The words that are indexed go with the record of the deletion, which has not been read yet.
    let found = scene.found_beside_the_bar().await.into_iter().filter(|row| !row.starts_with("FIND#"));
    assert_eq!(found.collect::<Vec<_>>(), [] as [String; 0]);
    scene.digest().await;
    assert_eq!(scene.found_beside_the_bar().await, [] as [String; 0]);
    let activity = scene.realtime.table().activity(&conversation("c1")).await.unwrap();
    assert_eq!((activity.n(), activity.last(now()).unwrap().excerpt.as_ref()), (2, None));
}

/// Nor is the backend told of them, or are they charged. What others wrote is told as it is by then.
#[tokio::test]
async fn a_record_that_comes_hours_late_says_nothing_of_who_has_been_erased() {
    let mut scene = Box::pin(Scene::new()).await;
    let (phone, bob) = (zaphod("phone="), caller("bob", "bob="));
    for by in [&phone, &bob] {
        scene.join(by, &of("c1")).await;
    }
    let theirs = scene.say(&bob, &of("c1"), json!({"content": "hello", "mentions": [USER]})).await;
    scene.say(&phone, &of("c1"), json!({"content": TEXT})).await;
    scene
        .send(
            &phone,
            &of("c1"),
            EventName::ChatReaction,
            json!({"target": theirs, "emoji": "+1", "on": true}),
        )
        .await;
    let gone = scene.say(&bob, &of("c1"), json!({"content": "oh"})).await;
    scene.send(&bob, &of("c1"), EventName::ChatDelete, json!({"target": gone})).await;
    let mut records = scene.realtime.engine.stream().await;
    scene.erase(&Erase::of(user())).await;

    for (hours, told) in [(0, 5), (20, 2)] {
        let News { mut news, mut events, mut texts } = News::default();
        for record in &mut records {
            for name in ["at", "keptAt"] {
                if let Some(Value::String(millis)) =
                    record.pointer_mut(&format!("/dynamodb/NewImage/{name}/N"))
                {
                    *millis = (millis.parse::<i64>().unwrap() - hours * 3_600_000).to_string();
                }
            }
            let record = Error::parse(record.clone()).unwrap();
            let Some(said) = log_record(&record).unwrap() else { continue };
            news.extend(said.news);
            events.extend(said.new_event);
            texts.extend(TextChange::of(&record).unwrap());
        }
        let table = scene.realtime.table();
        digest::late::without_erased(table, &of("c1"), &mut news, &mut events, &mut texts).await.unwrap();
        let all =
            format!("{news:?} {events:?} {:?}", texts.iter().map(|text| &text.author).collect::<Vec<_>>());
        assert_eq!((events.len(), all.contains(USER)), (told, hours == 0), "{all}");
        assert!(all.contains("hello"), "{all}");
    }
}

/// A message that no run has found leads to its conversation as soon as the digest reads it, so that another erasure finds it.
#[tokio::test]
async fn a_message_that_no_run_has_found_is_found_once_it_is_digested() {
    let mut scene = Box::pin(Scene::new()).await;
    let said = json!({"type": "ChatMessage", "detail": {"conversationId": "c3", "type": "user", "userId": USER, "content": TEXT}});
    apply(&scene.realtime, [said]).await;
    let (erase, begun) = (Erase::of(user()), now());
    for at in [begun, begun + erase::SETTLED_AFTER] {
        let (erased, _) = erase::run(&scene.realtime, &erase, at, |_, _| {}).await.unwrap();
        assert_eq!(erased.messages, 0, "nothing leads there yet");
    }
    scene.digest().await;
    let [again, _] = scene.erase(&erase).await;
    assert_eq!(again.messages, 1);
    assert_eq!(scene.found_beside_the_bar().await, [] as [String; 0]);
}

#[tokio::test]
async fn who_is_being_erased_cannot_come_back_for_a_while() {
    let mut scene = Box::pin(Scene::new()).await;
    Box::pin(scene.plant()).await;
    // A message that crosses the erasure is found by its last run.
    let begun = now();
    let erase = Erase::of(user());
    erase::run(&scene.realtime, &erase, begun, |_, _| {}).await.unwrap();
    let late = [
        json!({"type": "ChatMessage", "detail": {"conversationId": "c1", "type": "user", "userId": USER, "content": TEXT}}),
    ];
    apply(&scene.realtime, late).await;
    scene.digest().await;
    let at = begun + erase::SETTLED_AFTER;
    let (erased, done) = erase::run(&scene.realtime, &erase, at, |_, _| {}).await.unwrap();
    assert_eq!((erased.messages, done), (1, Progress::Done));
    scene.digest().await;

    let back = zaphod("laptop=");
    let access = &scene.realtime.access;
    let refused = access.rates.check_spending(&user(), at).await.unwrap_err();
    assert_eq!(refused.code(), "rate_limited");
    let by_http = async |at| access.rates.check_spending_lately(&user(), at).await.is_ok();
    assert!(!by_http(at).await, "whatever they ask for");
    let grant =
        Grant { caps: [Capability::Join, Capability::Send].into(), until: at + Duration::from_hours(1) };
    for grant in [None, Some(&grant)] {
        let http = Caller::Http(HttpCaller { identity: &back.identity, grant, now: at });
        let refused = access.check_use(http, &of("c1"), Capability::Join).await.unwrap_err();
        assert_eq!(refused.code(), "forbidden", "one of the team, by HTTP");
    }
    // What bars them is all that names them, and it ends by itself.
    let found: Vec<_> =
        scene.found().await.iter().map(|row| row.split(':').next().unwrap().to_owned()).collect();
    let mut found: Vec<_> = found.iter().filter(|row| !row.starts_with("TICKET")).collect();
    found.sort();
    assert_eq!(found, ["MODS#user_Zaphod42 / META", "RATE#user_Zaphod42 / spending"]);
    let later = begun + erase::BARRED_FOR;
    let http = Caller::Http(HttpCaller { identity: &back.identity, grant: None, now: later });
    assert_eq!(access.check_use(http, &of("c1"), Capability::Join).await, Ok(()), "as one of the team");
}

/// What docs/operations.md says of a user with 100 messages in 10 conversations.
#[tokio::test]
async fn an_erasure_costs_what_the_documentation_says() {
    let stub = Stub::start(|_| Answer::Status(200)).await;
    let realtime = TestRealtime::new(&stub).await;
    let mut scene = Scene { realtime, stub, digested: 0, gone: Vec::new() };
    let phone = zaphod("phone=");
    scene.realtime.table().put_connection(&phone).await.unwrap();
    for n in 0..10 {
        let id = format!("d{n}");
        let change = set("biz_1", [user(), "bob".parse().unwrap()]);
        scene.realtime.table().change_conversation(&conversation(&id), &change, |_| true).await.unwrap();
        let message = json!({"type": "ChatMessage", "detail": {"conversationId": id, "type": "user", "userId": USER,
            "content": "hello"}});
        apply(&scene.realtime, vec![message; 10]).await;
    }
    scene.digest().await;
    scene.realtime.engine.take_operations();
    let counted = async |at: Timestamp| {
        let run = erase::run(&scene.realtime, &Erase::of(user()), at, |_, _| {}).await.unwrap();
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for operation in scene.realtime.engine.take_operations() {
            *counts.entry(operation).or_default() += 1;
        }
        let reads =
            ["Query", "GetItem", "BatchGetItem"].iter().filter_map(|read| counts.get(*read)).sum::<usize>();
        let transactions = counts.get("TransactWriteItems").copied().unwrap_or_default();
        (run.0, [reads, counts.values().sum::<usize>() - reads - transactions, transactions])
    };
    let begun = now();
    let (erased, first) = Box::pin(counted(begun)).await;
    assert_eq!((erased.messages, erased.conversations), (100, 10));
    let (_, second) = Box::pin(counted(begun + erase::SETTLED_AFTER)).await;
    let document = include_str!("../../../docs/operations.md");
    let said = [("first", first), ("last", second)].map(|(run, [reads, writes, transactions])| {
        format!("| the {run} run | {reads} | {writes} | {transactions} |")
    });
    assert!(document.contains(&said.join("\n")), "{said:?}");
}

#[tokio::test]
async fn an_export_has_all_of_a_conversation_and_of_a_user() {
    let mut scene = Box::pin(Scene::new()).await;
    Box::pin(scene.plant()).await;
    let access = &scene.realtime.access;
    let mut lines = Vec::new();
    let c1 = conversation("c1");
    let end = export::conversation(access, &c1, None, |event| {
        lines.push(serde_json::to_value(event).unwrap());
        Ok(())
    });
    let end = end.await.unwrap();
    let seqs: Vec<u64> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=end.get()).collect::<Vec<_>>());
    let mut rest = 0;
    let after = Seq::try_from(5).unwrap();
    export::conversation(access, &conversation("c1"), Some(after), |event| {
        assert!(event.seq > Some(after));
        rest += 1;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(rest, lines.len() - 5);

    let mut kinds = BTreeSet::new();
    let mut text = String::new();
    export::user(access, funnelcast_aws::config::Lease::default(), &user(), |line| {
        let line = serde_json::to_value(line).unwrap();
        kinds.insert(line["kind"].as_str().unwrap().to_owned());
        text += &line.to_string();
        Ok(())
    })
    .await
    .unwrap();
    let expected =
        ["connection", "conversation", "event", "file", "named", "notification", "restriction", "role"];
    assert_eq!(kinds, expected.map(str::to_owned).into());
    assert!(PLANTED.iter().all(|planted| text.contains(planted)));
    assert!(
        text.contains("\"room:lobby\"") && text.contains("\"funnel_updates:"),
        "where they are, beside conversations"
    );
    assert!(!text.contains("the last word"), "what others wrote");
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
