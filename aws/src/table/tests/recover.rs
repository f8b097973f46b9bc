//! Recovery is complete, or says that it is not.

use std::sync::Arc;

use super::{
    recovery::{RECOVERY_BYTES_MAX, RECOVERY_EVENTS_MAX},
    *,
};

const EVENTS_MAX: u64 = RECOVERY_EVENTS_MAX as u64;

#[tokio::test(flavor = "multi_thread")]
async fn all_events_after_since_are_recovered() {
    let table = TestTable::new().await;
    assert_eq!(table.recover_seqs(0).await, (true, vec![], 0), "there was no event, so none was missed");
    assert_eq!(table.recover_seqs(1).await, (false, vec![], 0), "no client can have seen 1");
    table.fill(5).await;
    for since in 0..=5 {
        let missed = (since + 1..=5).collect();
        assert_eq!(table.recover_seqs(since).await, (true, missed, 5), "{since}");
    }
    for since in [6, 7, 5_000, Seq::MAX.get()] {
        assert_eq!(table.recover_seqs(since).await, (false, vec![], 5), "{since} is not of this log");
    }
    let recovery = table.recover(&channel(), None).await.unwrap();
    assert!(recovery.recovered && recovery.events.is_empty() && !recovery.more);
    assert_eq!(recovery.head, seq(5));
}

/// An empty log does not say where it ends, so that is a read of its own. Events appended between the two reads are
/// not lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_events_of_a_log_may_arrive_while_it_is_read() {
    for events in [1, 2] {
        let table = Arc::new(TestTable::new().await);
        let sender = Arc::clone(&table);
        table.engine.after_requests(1, async move { sender.fill(events).await });
        let missed = (1..=events).collect();
        assert_eq!(table.recover_seqs(0).await, (true, missed, events));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_says_that_a_reply_was_too_small() {
    let table = TestTable::new().await;
    table.fill(EVENTS_MAX + 5).await;
    for since in 0..=EVENTS_MAX + 5 {
        let recovery = table.recover(&channel(), Some(seq(since))).await.unwrap();
        let end = (since + EVENTS_MAX).min(EVENTS_MAX + 5);
        assert!(recovery.recovered);
        assert_eq!(seqs_of(&recovery.events), (since + 1..=end).collect::<Vec<_>>(), "{since}");
        assert_eq!((recovery.more, recovery.head), (end < EVENTS_MAX + 5, seq(EVENTS_MAX + 5)), "{since}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_never_exceeds_a_message() {
    let table = TestTable::new().await;
    let long = "x".repeat(RECOVERY_BYTES_MAX / 4);
    for _ in 0..9 {
        table.send(&message(&long), Known::Nothing).await;
    }
    let mut since = 0;
    let mut replies = 0;
    while since < 9 {
        let recovery = table.recover(&channel(), Some(seq(since))).await.unwrap();
        let bytes: usize = recovery.events.iter().map(|event| event.data.get().len()).sum();
        assert!(recovery.recovered && bytes <= RECOVERY_BYTES_MAX, "{bytes} bytes");
        assert_eq!(seqs_of(&recovery.events)[0], since + 1);
        since += recovery.events.len() as u64;
        assert_eq!(recovery.more, since < 9);
        replies += 1;
    }
    assert_eq!(replies, 3, "three of four events, which are too large together");
}

/// The TTL removes items in no particular order: what is left below a gap proves nothing about the gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_left_by_the_ttl_is_noticed() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.let_pass(RETENTION / 2).await;
    table.fill(3).await;
    table.let_pass(RETENTION / 2 + Duration::from_hours(1)).await;
    table.delete_event(2).await;
    table.delete_event(3).await;
    assert_eq!(table.seqs().await, [1, 4, 5, 6]);
    assert_eq!(table.recover_seqs(1).await, (false, vec![], 6), "2 and 3 were missed, and are gone");
    assert_eq!(table.recover_seqs(3).await, (true, vec![4, 5, 6], 6));
}
