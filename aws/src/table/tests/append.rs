//! Appending: no gap and no duplicate, however many senders are concurrent and whichever responses are lost.

use futures_util::future::join_all;

use super::*;

/// Enough for every seq to be contended.
const SENDERS: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_senders_leave_no_gap_and_no_duplicate() {
    let table = TestTable::new().await;
    table.fill(10).await;
    // Each has other knowledge of the log: none, its end, its beginning, or something that was never true.
    let sends = (0..SENDERS).map(|n| {
        let table = &table;
        async move {
            let known = if n % 20 == 0 { Known::Nothing } else { base(n % 19) };
            table.send(&message("hello"), known).await
        }
    });
    let mut sent = join_all(sends).await;
    sent.sort_unstable();
    assert_eq!(sent, (11..=10 + SENDERS).map(Sent::New).collect::<Vec<_>>());
    assert_eq!(table.seqs().await, (1..=10 + SENDERS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_nobody_contends_is_one_read_and_one_write() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.engine.take_operations();
    assert_eq!(table.send(&message("hello"), base(3)).await, Sent::New(4));
    assert_eq!(table.engine.take_operations(), ["Query", "PutItem"]);
    let consumed: usize = table
        .log_items()
        .await
        .last()
        .unwrap()
        .iter()
        .map(|(name, value)| name.len() + value.as_s().or(value.as_n()).unwrap().len())
        .sum();
    assert!(consumed < 1024, "{consumed} bytes are more than one write unit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_response_is_lost_is_not_repeated() {
    let table = TestTable::new().await;
    table.fill(3).await;
    let hello = message("hello");
    let mut view = table.look_back(&channel(), base(3)).await.unwrap();
    table.engine.take_operations();
    table.engine.lose_write_answers(1);
    // The SDK retries, and the retry is refused because the first try has taken effect.
    assert_eq!(Sent::of(table.append(&mut view, &hello).await.unwrap()), Sent::New(4));
    assert_eq!(table.engine.take_operations(), ["PutItem", "PutItem", "Query"]);
    assert_eq!(table.seqs().await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_responses_among_many_senders_leave_no_duplicate() {
    let table = TestTable::new().await;
    table.engine.lose_write_answers(20);
    let sends = (0..40).map(|_| async { table.send(&message("hello"), base(0)).await });
    let mut sent = join_all(sends).await;
    sent.sort_unstable();
    assert_eq!(sent, (1..=40).map(Sent::New).collect::<Vec<_>>());
    assert_eq!(table.seqs().await, (1..=40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_view_costs_one_more_try() {
    let table = TestTable::new().await;
    table.fill(3).await;
    let mut stale = table.look_back(&channel(), base(3)).await.unwrap();
    table.fill(5).await;
    assert_eq!(Sent::of(table.append(&mut stale, &message("late")).await.unwrap()), Sent::New(9));
}

/// The backend's events are appended to the same view one after another.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_does_not_hide_an_earlier_try_of_the_next_event() {
    let table = TestTable::new().await;
    let next = message("next");
    assert_eq!(table.send(&next, Known::Nothing).await, Sent::New(1));
    table.fill(1).await;
    let mut view = table.look_back(&channel(), Known::Nothing).await.unwrap();
    table.fill(1).await;
    assert_eq!(Sent::of(table.append(&mut view, &message("first")).await.unwrap()), Sent::New(4));
    let again = Publication { at: next.at + Duration::from_millis(1), ..next };
    assert_eq!(Sent::of(table.append(&mut view, &again).await.unwrap()), Sent::Duplicate(1));
    assert_eq!(table.seqs().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_marked_event_excludes_the_last_connection_that_sent_it_if_any() {
    let table = TestTable::new().await;
    table.fill(1).await;
    let except = async |from: Option<&str>| {
        let connection = from.map(|connection| connection.parse().unwrap());
        table.mark_for_delivery(&channel(), seq(1), connection.as_ref()).await.unwrap();
        let event = table.log_items().await.pop().unwrap();
        assert!(event.contains_key("delivery"), "the stream's filter looks for it");
        event.get("deliveryExcept").map(|connection| connection.as_s().unwrap().clone())
    };
    assert_eq!(except(Some("c1=")).await.as_deref(), Some("c1="));
    assert_eq!(except(None).await, None, "the retry came by HTTP, on no connection");
    assert_eq!(except(Some("c2=")).await.as_deref(), Some("c2="));
}
