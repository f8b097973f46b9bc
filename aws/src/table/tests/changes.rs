//! Edits, deletions and reactions: the event that states a change is in the log if and only if the message has it.

use funnelcast_core::{
    event::MessageBody,
    frame::Event,
    message::{Change, ChangeAuthor, ChangeKind},
};
use funnelcast_testing::interleavings::{Turn, orders};
use futures_util::future::join_all;
use serde_json::Value;

use super::{
    history::{Wanted, Window},
    *,
};
use crate::spending::{counted, price};

/// One try of a change by this user, with a key of its own.
pub(super) fn change(user: &str, target: u64, kind: ChangeKind) -> Publication {
    let by = ChangeAuthor::User(user.parse().unwrap());
    let event = match kind {
        ChangeKind::Edit { .. } => EventName::ChatEdit,
        ChangeKind::Delete | ChangeKind::Erase => EventName::ChatDelete,
        ChangeKind::Reaction { .. } => EventName::ChatReaction,
        ChangeKind::File(_) => EventName::FileReady,
    };
    let effect = Effect::Change(Change { target: seq(target), by, kind });
    Publication { event, effect, ..try_of(user, &format!("key_{}", unique()), "") }
}

fn edit(target: u64, content: &str) -> Publication {
    change("user_1", target, ChangeKind::Edit { content: content.to_owned(), metadata: None })
}

pub(super) fn delete(target: u64) -> Publication {
    change("user_1", target, ChangeKind::Delete)
}

fn reaction(user: &str, target: u64, on: bool) -> Publication {
    let emoji = "+1".to_owned().try_into().unwrap();
    change(user, target, ChangeKind::Reaction { user: user.parse().unwrap(), emoji, on })
}

impl TestTable {
    /// Changes a message as `send` does.
    pub(super) async fn change_message(
        &self,
        publication: &Publication,
        known: Known,
    ) -> Result<Sent, Error> {
        let mut view = self.look_back(&channel(), known).await?;
        let Effect::Change(change) = &publication.effect else { panic!("it changes nothing") };
        let message = self.stored_message(&channel(), change.target).await?;
        let changed = |message: funnelcast_core::message::Message| message.changed(change, publication.at);
        let appended = self.append_change(&mut view, publication, (change.target, message), changed).await;
        appended.map(Sent::of)
    }

    /// All events of the log, as a page of its history has them.
    async fn events(&self) -> Vec<Event> {
        self.history(&channel(), Window::After(Seq::ZERO), 100, Wanted::default()).await.unwrap().events
    }

    /// The `data` of the event at a seq.
    pub(super) async fn data(&self, at: u64) -> Value {
        let event = self.events().await.into_iter().find(|event| event.seq == Some(seq(at))).unwrap();
        serde_json::from_str(event.data.get()).unwrap()
    }
}

fn code(result: Result<Sent, Error>) -> &'static str {
    result.unwrap_err().code()
}

/// An edit is no longer in the log, but the message that it has changed is.
#[tokio::test]
async fn a_message_whose_edit_has_expired_is_edited_and_deleted() {
    let table = TestTable::new().await;
    table.fill(2).await;
    for (at, change) in [(3, edit(1, "secret")), (5, edit(1, "better")), (7, delete(1))] {
        assert_eq!(table.change_message(&change, Known::Nothing).await.unwrap(), Sent::New(at));
        table.fill(1).await;
        table.delete_event(at).await;
    }
    assert_eq!(table.data(1).await["content"], "");
    assert_eq!(table.seqs().await, [1, 2, 4, 6, 8], "what has expired is not there again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_the_log_and_in_its_message() {
    let table = TestTable::new().await;
    table.fill(2).await;
    assert_eq!(table.change_message(&edit(1, "new"), base(2)).await.unwrap(), Sent::New(3));
    assert_eq!(table.change_message(&reaction("user_2", 1, true), base(3)).await.unwrap(), Sent::New(4));
    let message = table.data(1).await;
    assert_eq!(message["content"], "new");
    assert!(message["editedAt"].is_string(), "{message}");
    assert_eq!(message["reactions"], json!([{"emoji": "+1", "count": 1, "users": ["user_2"]}]));
    assert_eq!(table.data(3).await, json!({"target": 1, "content": "new"}));
    assert_eq!(
        table.data(4).await,
        json!({"target": 1, "on": true, "emoji": "+1", "count": 1, "users": ["user_2"]})
    );
    assert_eq!(table.data(2).await["content"], "filler", "the other message is as it was");

    assert_eq!(table.change_message(&reaction("user_2", 1, false), base(4)).await.unwrap(), Sent::New(5));
    assert_eq!(table.data(1).await.get("reactions"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replaced_is_stored_nowhere() {
    let table = TestTable::new().await;
    table.fill(1).await;
    for (n, content) in [(1, "secret one"), (2, "secret two")] {
        assert_eq!(table.change_message(&edit(1, content), base(n)).await.unwrap(), Sent::New(n + 1));
    }
    assert_eq!(table.data(2).await, json!({"target": 1}), "the second edit has replaced the first one");
    assert_eq!(table.data(3).await["content"], "secret two");
    assert_eq!(table.change_message(&delete(1), base(3)).await.unwrap(), Sent::New(4));
    assert_eq!(table.data(3).await, json!({"target": 1}));
    let stored = format!("{:?}", table.log_items().await);
    assert!(!stored.contains("secret") && !stored.contains("filler"), "{stored}");
    let message = table.data(1).await;
    assert_eq!(
        (&message["content"], &message["n"], &message["userId"]),
        (&json!(""), &json!(1), &json!("user_1"))
    );
    assert!(message["deletedAt"].is_string(), "{message}");
    for again in [edit(1, "back"), delete(1), reaction("user_2", 1, true)] {
        assert_eq!(code(table.change_message(&again, base(4)).await), "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_cannot_be_changed() {
    let table = TestTable::new().await;
    assert_eq!(
        code(table.change_message(&edit(1, "new"), Known::Nothing).await),
        "not_found",
        "the log is empty"
    );
    table.fill(1).await;
    table.change_message(&edit(1, "new"), base(1)).await.unwrap();
    for target in [2, 9] {
        assert_eq!(code(table.change_message(&edit(target, "new"), base(2)).await), "not_found", "{target}");
    }
    let by_another = change("user_2", 1, ChangeKind::Edit { content: "new".to_owned(), metadata: None });
    assert_eq!(code(table.change_message(&by_another, base(2)).await), "forbidden");
    table.let_pass(EXPIRY).await;
    assert_eq!(code(table.change_message(&edit(1, "new"), base(2)).await), "not_found", "it has expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_change_is_made_once() {
    let table = TestTable::new().await;
    table.fill(1).await;
    for publication in [edit(1, "new"), reaction("user_1", 1, true), delete(1)] {
        let Sent::New(at) = table.change_message(&publication, base(1)).await.unwrap() else {
            panic!("it is new")
        };
        let again = Publication { at: publication.at + Duration::from_millis(1), ..publication };
        assert_eq!(table.change_message(&again, base(1)).await.unwrap(), Sent::Duplicate(at));
    }
    assert_eq!(table.seqs().await, [1, 2, 3, 4]);
}

/// The first try is still under way when the second one reads the log; then it changes the message, and another sender
/// deletes that.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_an_earlier_try_has_made_is_not_refused() {
    for loses_race in [false, true] {
        let table = TestTable::new().await;
        table.fill(1).await;
        let publication = edit(1, "new");
        let Effect::Change(change) = &publication.effect else { panic!("it changes nothing") };
        let mut view = table.look_back(&channel(), base(1)).await.unwrap();
        let mut message = table.stored_message(&channel(), seq(1)).await.unwrap();
        assert_eq!(table.change_message(&publication, base(1)).await.unwrap(), Sent::New(2));
        assert_eq!(table.change_message(&delete(1), base(2)).await.unwrap(), Sent::New(3));
        if !loses_race {
            message = table.stored_message(&channel(), seq(1)).await.unwrap();
        }
        let again = Publication { at: publication.at + Duration::from_millis(1), ..publication.clone() };
        let changed = |message: funnelcast_core::message::Message| message.changed(change, again.at);
        let appended = table.append_change(&mut view, &again, (seq(1), message), changed).await;
        assert_eq!(Sent::of(appended.unwrap()), Sent::Duplicate(2), "loses a race: {loses_race}");
        assert_eq!(table.seqs().await, [1, 2, 3]);
    }
}

/// The SDK repeats a write whose response is lost, and a transaction that conflicts with another one is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_and_a_conflict_change_nothing_twice() {
    let table = TestTable::new().await;
    table.fill(1).await;
    table.engine.lose_write_answers(1);
    assert_eq!(table.change_message(&edit(1, "one"), base(1)).await.unwrap(), Sent::New(2));
    table.engine.refuse_as_contended(2);
    assert_eq!(table.change_message(&edit(1, "two"), base(2)).await.unwrap(), Sent::New(3));
    table.engine.refuse_as_contended(2);
    assert_eq!(table.send(&message("a message meets a change of the same seq"), base(3)).await, Sent::New(4));
    table.engine.refuse_as_contended(2);
    table.mark_for_delivery(&channel(), seq(4), None).await.unwrap();
    assert!(table.log_items().await[4].contains_key("delivery"));
    assert_eq!(table.seqs().await, [1, 2, 3, 4]);
    assert_eq!(table.data(1).await["content"], "two");
}

/// The log and the message are read side by side, so the message may be the newer one.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_newer_than_the_log_is_no_error() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let mut view = table.look_back(&channel(), base(1)).await.unwrap();
    table.change_message(&edit(1, "one"), base(1)).await.unwrap();
    let message = table.stored_message(&channel(), seq(1)).await.unwrap();
    let publication = edit(1, "two");
    let Effect::Change(change) = &publication.effect else { panic!("it changes nothing") };
    let changed = |message: funnelcast_core::message::Message| message.changed(change, publication.at);
    let appended = table.append_change(&mut view, &publication, (seq(1), message), changed).await;
    assert_eq!(Sent::of(appended.unwrap()), Sent::New(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_charged_like_any_write() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let edit = edit(1, "one");
    let (changed, dollars) = counted(Box::pin(table.change_message(&edit, base(1)))).await;
    assert_eq!(changed.unwrap(), Sent::New(2));
    assert!(dollars >= 4.0 * price::WRITE_UNIT, "{dollars}");
}

/// Its mark has been seen by the stream, which would deliver the message again.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_message_is_not_marked_for_delivery_again() {
    let table = TestTable::new().await;
    table.fill(1).await;
    table.change_message(&edit(1, "one"), base(1)).await.unwrap();
    for at in [1, 2] {
        table.mark_for_delivery(&channel(), seq(at), None).await.unwrap();
    }
    table.change_message(&edit(1, "two"), base(2)).await.unwrap();
    let marked = table.log_items().await.into_iter().filter(|item| item.contains_key("delivery"));
    assert_eq!(marked.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_all_count() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let users: Vec<String> = (1..=12).map(|n| format!("user_{n}")).collect();
    let reactions = users
        .iter()
        .map(async |user| table.change_message(&reaction(user, 1, true), base(1)).await.unwrap().seq());
    let more = (0..4).map(async |n| table.send(&message(&format!("{n}")), base(1)).await.seq());
    let (mut seqs, others) = tokio::join!(join_all(reactions), join_all(more));
    seqs.extend(others);
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=17).collect::<Vec<_>>());
    let message = table.data(1).await;
    assert_eq!(message["reactions"][0]["count"], 12);
    let counts: Vec<u64> = table
        .events()
        .await
        .iter()
        .filter_map(|event| {
            let data: Value = serde_json::from_str(event.data.get()).unwrap();
            data["n"].as_u64()
        })
        .collect();
    assert_eq!(counts, [1, 2, 3, 4, 5], "only messages are counted");
}

/// Of two changes, in every order of their steps, each that is in the log is in the message.
#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_a_message_never_lose_one_another() {
    for order in orders(3, 3) {
        let table = TestTable::new().await;
        table.fill(1).await;
        let publications = [edit(1, "new"), reaction("user_2", 1, true)];
        let (mut views, mut messages, mut steps) = ([None, None], [None, None], [0, 0]);
        for turn in &order {
            let who = usize::from(matches!(turn, Turn::Right));
            steps[who] += 1;
            match steps[who] {
                1 => views[who] = Some(table.look_back(&channel(), base(1)).await.unwrap()),
                2 => messages[who] = table.stored_message(&channel(), seq(1)).await.unwrap(),
                _ => {
                    let publication = &publications[who];
                    let Effect::Change(change) = &publication.effect else { panic!("it changes nothing") };
                    let changed =
                        |message: funnelcast_core::message::Message| message.changed(change, publication.at);
                    let view = views[who].as_mut().unwrap();
                    let target = (seq(1), messages[who].take());
                    table.append_change(view, publication, target, changed).await.unwrap();
                }
            }
        }
        let message = table.data(1).await;
        assert_eq!(
            (&message["content"], &message["reactions"][0]["count"]),
            (&json!("new"), &json!(1)),
            "{order:?}"
        );
        assert_eq!(table.seqs().await, [1, 2, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_quotes_a_message_as_it_is_now() {
    let table = TestTable::new().await;
    table.send(&message(&"ä".repeat(100)), Known::Nothing).await;
    let references = References { reply_to: Some(seq(1)), ..References::default() };
    let reply = Publication { effect: Effect::Message(references), ..message("reply") };
    table.send(&reply, base(1)).await;
    let quote = async || table.data(2).await["replyTo"].clone();
    assert_eq!(quote().await, json!({"seq": 1, "userId": "user_1", "excerpt": "ä".repeat(80)}));
    table.change_message(&edit(1, "edited"), base(2)).await.unwrap();
    assert_eq!(quote().await["excerpt"], "edited");
    let recovery = table.recover(&channel(), Some(seq(1))).await.unwrap();
    let recovered: Value = serde_json::from_str(recovery.events[0].data.get()).unwrap();
    assert_eq!(recovered["replyTo"]["excerpt"], "edited", "the quoted message is not among the events");
    table.change_message(&delete(1), base(3)).await.unwrap();
    assert_eq!(quote().await, json!({"seq": 1, "userId": "user_1"}));
    table.delete_event(1).await;
    let page = table.history(&channel(), Window::After(seq(1)), 1, Wanted::default()).await.unwrap();
    let data: Value = serde_json::from_str(page.events[0].data.get()).unwrap();
    assert_eq!(data["replyTo"], json!({"seq": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_messages_is_full_of_them() {
    let table = TestTable::new().await;
    for n in 0..4 {
        table.send(&message(&format!("{n}")), Known::Nothing).await;
        for _ in 0..3 {
            table.change_message(&reaction("user_2", 4 * n + 1, true), Known::Nothing).await.unwrap();
        }
    }
    let wanted = Wanted { contains: None, only: Some(funnelcast_core::action::Only::Messages) };
    let page = table.history(&channel(), Window::Latest, 3, wanted).await.unwrap();
    assert_eq!((seqs_of(&page.events), page.next), (vec![5, 9, 13], Some(seq(5))));
    let bodies = page
        .events
        .iter()
        .map(|event| serde_json::from_str::<MessageBody>(event.data.get()).unwrap().content);
    assert_eq!(bodies.collect::<Vec<_>>(), ["1", "2", "3"]);
}

/// The count begins again with the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_begins_again_counts_from_one() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.let_pass(EXPIRY).await;
    let Sent::New(at) = table.send(&message("again"), base(3)).await else { panic!("it is new") };
    assert_eq!(table.data(at).await["n"], 1);
}
