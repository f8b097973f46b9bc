//! A retry is recognised by its key, however late, as long as its sender's knowledge of the log is true.

use std::collections::BTreeSet;

use funnelcast_core::{Error, event::CONTENT_BYTES_MAX};
use futures_util::future::join_all;

use super::{log::LOOK_BACK_PAGES_MAX, *};

/// The 1 MB at which DynamoDB ends a page
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html>).
const PAGE_BYTES: usize = 1024 * 1024;
/// A page holds at most 64 rows of this size.
const LARGE_ROW_BYTES: usize = CONTENT_BYTES_MAX;

impl TestTable {
    /// Puts events after a log of one, as if other senders had appended them: appending many one by one would take
    /// too long.
    async fn put_large_events(&self, events: usize) {
        let template = self.log_items().await.into_iter().find(|item| !is_marker(item)).unwrap();
        let writes = (2..).take(events).map(async |number| {
            let mut item = template.clone();
            item.insert("sk".to_owned(), AttributeValue::S(key::seq(seq(number))));
            item.insert("key".to_owned(), AttributeValue::S(format!("other_{number}")));
            item.insert("data".to_owned(), AttributeValue::S(format!("\"{}\"", "x".repeat(LARGE_ROW_BYTES))));
            Table::put(self, item).send().await.unwrap();
        });
        join_all(writes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tries_of_one_key_at_once_are_one_event() {
    let table = TestTable::new().await;
    table.fill(3).await;
    let tries = (0..50).map(|_| async { table.send(&try_of("user_1", "k", "hello"), base(3)).await });
    let tries = join_all(tries).await;
    assert_eq!(tries.iter().filter(|sent| **sent == Sent::New(4)).count(), 1, "{tries:?}");
    assert_eq!(tries.iter().filter(|sent| **sent == Sent::Duplicate(4)).count(), 49, "{tries:?}");
    assert_eq!(table.seqs().await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_of_one_key_among_other_senders_are_one_event() {
    let table = TestTable::new().await;
    let sends = (0..60).map(|n| {
        let publication = if n % 3 == 0 { try_of("user_1", "k", "hello") } else { message("other") };
        let table = &table;
        async move { (n % 3 == 0, table.send(&publication, base(0)).await) }
    });
    let sent = join_all(sends).await;
    let of_key: BTreeSet<u64> = sent.iter().filter(|(is_k, _)| *is_k).map(|(_, sent)| sent.seq()).collect();
    assert_eq!(of_key.len(), 1, "{sent:?}");
    assert_eq!(table.seqs().await, (1..=41).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_recognised_at_the_end_of_the_look_back() {
    let table = TestTable::new().await;
    assert_eq!(table.send(&try_of("user_1", "k", "hello"), base(0)).await, Sent::New(1));
    // One page less than the limit: with the attributes around the payloads, a page holds fewer of them.
    let events = (LOOK_BACK_PAGES_MAX - 1) * (PAGE_BYTES / LARGE_ROW_BYTES);
    table.put_large_events(events).await;
    assert_eq!(table.send(&try_of("user_1", "k", "hello"), base(0)).await, Sent::Duplicate(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_too_far_behind_is_a_conflict_not_a_duplicate() {
    let table = TestTable::new().await;
    assert_eq!(table.send(&try_of("user_1", "k", "hello"), base(0)).await, Sent::New(1));
    let events = (LOOK_BACK_PAGES_MAX + 1) * (PAGE_BYTES / LARGE_ROW_BYTES);
    table.put_large_events(events).await;
    let refused = table.look_back(&channel(), base(0)).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "{refused:?}");
    let head = table.head_seq().await;
    assert_eq!(table.send(&message("caught up"), base(head)).await, Sent::New(head + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_scoped_to_its_user_or_to_the_backend() {
    let table = TestTable::new().await;
    let of_backend = || Publication { from: None, ..try_of("user_1", "k", "hello") };
    let first = now();
    assert_eq!(table.send(&try_of("user_1", "k", "hello"), base(0)).await, Sent::New(1));
    assert_eq!(table.send(&try_of("user_2", "k", "hello"), base(0)).await, Sent::New(2));
    assert_eq!(table.send(&of_backend(), Known::Since(first)).await, Sent::New(3));
    assert_eq!(table.send(&try_of("user_2", "k", "hello"), base(0)).await, Sent::Duplicate(2));
    assert_eq!(table.send(&try_of("user_1", "k", "hello"), base(0)).await, Sent::Duplicate(1));
    assert_eq!(table.send(&of_backend(), Known::Since(first)).await, Sent::Duplicate(3));
}

/// The backend's events are looked up by time, and they arrive late and in any order: an event that happened before
/// this one may have been appended after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_retry_is_recognised_behind_later_events_with_older_times() {
    let table = TestTable::new().await;
    let minutes_ago = |minutes| now() - Duration::from_mins(minutes);
    let of_backend = |key: &str, at| Publication { from: None, at, ..try_of("user_1", key, "hello") };
    let first = minutes_ago(10);
    assert_eq!(table.send(&of_backend("k", first), Known::Since(first)).await, Sent::New(1));
    for n in 2..=30 {
        let older = minutes_ago(20);
        let sent = table.send(&of_backend(&format!("late_{n}"), older), Known::Since(older)).await;
        assert_eq!(sent, Sent::New(n));
    }
    assert_eq!(table.send(&of_backend("k", first), Known::Since(first)).await, Sent::Duplicate(1));
}

/// A log of 150 events with a key at 1 and one at 140. A base that is in the log is relied on; with any other base,
/// the last 100 events are searched.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_used_only_if_it_is_in_the_log() {
    let table = TestTable::new().await;
    let early = || try_of("user_1", "early", "hello");
    let late = || try_of("user_1", "late", "hello");
    table.send(&early(), base(0)).await;
    table.fill(138).await;
    table.send(&late(), base(139)).await;
    table.fill(10).await;

    assert_eq!(table.send(&early(), base(0)).await, Sent::Duplicate(1));
    for known in [base(0), base(139), base(151), base(9_000), base(Seq::MAX.get()), Known::Nothing] {
        assert_eq!(table.send(&late(), known).await, Sent::Duplicate(140), "{known:?}");
    }
    let mut next = 151;
    for known in [base(0), base(150), base(152), base(9_000), base(Seq::MAX.get()), Known::Nothing] {
        assert_eq!(table.send(&message("new"), known).await, Sent::New(next), "{known:?}");
        next += 1;
    }
    assert_eq!(table.seqs().await, (1..next).collect::<Vec<_>>());
}
