//! The row of a call, and its end in the log.

use funnelcast_core::call::{Binding, CallMedia, CallOutcome, CallState, CallTimes, NewCall, Peer};

use super::*;
use crate::table::calls::StoredCall;

fn peer(user: &str) -> Peer {
    Peer {
        user: user.parse().unwrap(),
        name: user.to_owned().try_into().unwrap(),
        peer_id: format!("peer-{user}").parse().unwrap(),
        connection: format!("{user}=").parse().unwrap(),
    }
}

fn ringing(call: &str, before: Option<&StoredCall>) -> StoredCall {
    let conversation = "c1".parse().unwrap();
    let new =
        NewCall { call_id: call.parse().unwrap(), conversation, media: CallMedia::Audio, peer: peer("ann") };
    let revision = before.map(|before| before.state.call.revision);
    let state = CallState::start(new, revision, CallTimes::default().ring, now());
    let from = Sender { user_id: "ann".parse().unwrap(), name: "ann".to_owned().try_into().unwrap() };
    StoredCall::after(before, state, Some(from), now())
}

fn left(call: &StoredCall) -> StoredCall {
    let state = call.state.leave(&peer("ann"), None, now()).unwrap();
    StoredCall::after(Some(call), state, None, now())
}

impl TestTable {
    async fn stands(&self) -> StoredCall {
        self.call(&"c1".parse().unwrap()).await.unwrap().unwrap()
    }

    /// A call that rings.
    async fn rings(&self, call: &str, before: Option<&StoredCall>) -> StoredCall {
        let ringing = ringing(call, before);
        assert!(self.put_call(&ringing).await.unwrap());
        self.stands().await
    }

    /// The names of the events in the log.
    async fn logged(&self) -> Vec<EventName> {
        let items = self.log_items().await.into_iter().filter(|item| !is_marker(item));
        items.map(|item| log::stored(item).unwrap().row.event).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_read_as_it_was_written() {
    let table = TestTable::new().await;
    assert!(table.call(&"c1".parse().unwrap()).await.unwrap().is_none());
    let written = ringing("call-1", None);
    assert!(table.put_call(&written).await.unwrap());
    let read = table.stands().await;
    assert_eq!(read.state, written.state);
    assert_eq!((read.from.clone(), read.at), (written.from.clone(), written.at));
    assert!(read.is_untold() && read.logged.is_none());
    let latest = table.latest(&channel(), None).await.unwrap().events;
    assert_eq!(latest.len(), 1, "it is the latest value of the conversation");
    assert_eq!(latest[0].data.get(), written.update().unwrap().data.get());
    assert!(!table.put_call(&written).await.unwrap(), "the row is another than before");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writes_of_one_state_one_is_made() {
    let table = TestTable::new().await;
    let call = table.rings("call-1", None).await;
    let accepted = call.state.accept(peer("bob"), None, now()).unwrap().unwrap();
    let accepted = StoredCall::after(Some(&call), accepted, None, now());
    assert!(table.put_call(&accepted).await.unwrap());
    assert!(table.end_call(&left(&call)).await.unwrap().is_none(), "it is active now");
    assert!(table.logged().await.is_empty());
    let both: Vec<Binding> = table.stands().await.state.bindings;
    assert_eq!(both.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_call_is_in_the_log_once() {
    let table = TestTable::new().await;
    table.fill(2).await;
    let call = table.rings("call-1", None).await;
    let (one, other) = (left(&call), left(&call));
    let ended = tokio::join!(table.end_call(&one), table.end_call(&other));
    let ended: Vec<StoredCall> = [ended.0.unwrap(), ended.1.unwrap()].into_iter().flatten().collect();
    assert_eq!(ended.len(), 1, "both hang up");
    assert_eq!(ended[0].logged, Some(seq(3)));
    assert_eq!(table.logged().await, [EventName::ChatMessage, EventName::ChatMessage, EventName::ChatCall]);

    let stands = table.stands().await;
    assert_eq!(stands.state.call.outcome, Some(CallOutcome::Canceled));
    let record = stands.record().unwrap().unwrap();
    assert_eq!(record.seq, Some(seq(3)));
    let in_log = table.recover(&channel(), Some(seq(2))).await.unwrap().events;
    assert_eq!(json!(in_log[0]), json!(record), "it is told as it is in the log");

    // A message after it counts as the third.
    assert_eq!(table.send(&message("after"), Known::Nothing).await, Sent::New(4));
    let items = table.log_items().await.into_iter().filter(|item| !is_marker(item));
    let counts: Vec<u64> = items.map(|item| log::stored(item).unwrap().n()).collect();
    assert_eq!(counts, [1, 2, 2, 3]);

    let next = table.rings("call-2", Some(&stands)).await;
    assert!(next.state.call.revision > stands.state.call.revision);
    assert!(next.logged.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_of_a_log_may_be_a_call() {
    let table = TestTable::new().await;
    let call = table.rings("call-1", None).await;
    assert_eq!(table.end_call(&left(&call)).await.unwrap().unwrap().logged, Some(seq(1)));
    assert_eq!(table.send(&message("first"), Known::Nothing).await, Sent::New(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_takes_the_place_moves_the_end_on() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let call = table.rings("call-1", None).await;
    let rival = table.table.clone();
    table.engine.after_requests(1, async move {
        let mut view = rival.look_back(&channel(), Known::Nothing).await.unwrap();
        rival.append(&mut view, &message("rival")).await.unwrap();
    });
    assert_eq!(table.end_call(&left(&call)).await.unwrap().unwrap().logged, Some(seq(3)));
    assert_eq!(table.logged().await.last(), Some(&EventName::ChatCall));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_whose_answer_is_lost_is_found_done() {
    let table = TestTable::new().await;
    let call = table.rings("call-1", None).await;
    table.engine.lose_write_answers(2);
    let ended = table.end_call(&left(&call)).await.unwrap();
    let stands = table.stands().await;
    assert_eq!(table.logged().await, [EventName::ChatCall]);
    assert_eq!(stands.logged, Some(seq(1)));
    assert!(ended.is_none_or(|ended| ended.logged == stands.logged));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_meets_a_transaction_is_made_anew() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let call = table.rings("call-1", None).await;
    table.engine.refuse_as_contended(1);
    assert!(table.end_call(&left(&call)).await.unwrap().is_some());
    let next = ringing("call-2", Some(&table.stands().await));
    table.engine.refuse_as_contended(1);
    assert!(!table.put_call(&next).await.unwrap(), "it is decided anew");
    assert!(table.put_call(&next).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_noted_and_never_taken_back() {
    let table = TestTable::new().await;
    let call = table.rings("call-1", None).await;
    let ended = table.end_call(&left(&call)).await.unwrap().unwrap();
    assert!(table.stands().await.is_untold());
    table.engine.lose_write_answers(1);
    assert!(table.note_call_told(&ended.state.call).await.unwrap(), "its own repeat is no other note");
    assert!(!table.stands().await.is_untold());
    for told in [&ended, &call] {
        assert!(!table.note_call_told(&told.state.call).await.unwrap(), "another one has noted that");
    }
    assert!(!table.stands().await.is_untold(), "whoever told the earlier one is late");
    assert!(ringing("call-2", Some(&table.stands().await)).is_untold());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_knows_the_ids_of_those_before_it() {
    let table = TestTable::new().await;
    let mut call = table.rings("call-0", None).await;
    for n in 1..=18 {
        let ended = table.end_call(&left(&call)).await.unwrap().unwrap();
        call = table.rings(&format!("call-{n}"), Some(&ended)).await;
    }
    let used: Vec<u32> = (0..=18).filter(|n| call.has_used(&format!("call-{n}").parse().unwrap())).collect();
    assert_eq!(used, (2..18).collect::<Vec<_>>(), "the last 16");
}
