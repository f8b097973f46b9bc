//! Where a log begins, and where it begins again after all of it has expired.

use futures_util::future::join_all;

use super::*;

/// The shortest retention that can be configured.
const RETENTION_SHORTEST: Duration = Duration::from_hours(24);

impl TestTable {
    /// The marker, as left by a sender that crashes before its first put.
    async fn put_marker(&self, start: u64) {
        let texts = [("pk", key::log(&channel())), ("sk", key::LOG_START.to_owned())];
        let numbers = [("start", start.to_string()), ("at", now().as_millis().to_string())];
        let texts = texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
        let numbers = numbers.map(|(name, number)| (name.to_owned(), AttributeValue::N(number)));
        self.put(texts.into_iter().chain(numbers).collect()).await;
    }

    /// Sends concurrently from this many senders without knowledge of the log. Returns their seqs in order.
    async fn send_at_once(&self, senders: u64) -> Vec<u64> {
        let sends = (0..senders).map(|_| async { self.send(&message("hello"), Known::Nothing).await });
        let mut seqs: Vec<u64> = join_all(sends).await.into_iter().map(Sent::seq).collect();
        seqs.sort_unstable();
        seqs
    }
}

fn is_contiguous(seqs: &[u64]) -> bool {
    seqs.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn first_senders_agree_on_one() {
    for senders in [2, 10] {
        let table = TestTable::new().await;
        assert_eq!(table.head_seq().await, 0);
        assert_eq!(table.send_at_once(senders).await, (1..=senders).collect::<Vec<_>>());
        assert_eq!(table.head_seq().await, senders);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_marker_and_the_first_put_leaves_no_hole() {
    let table = TestTable::new().await;
    table.put_marker(1).await;
    assert_eq!(table.recover_seqs(0).await, (true, vec![], 0));
    assert_eq!(table.send_at_once(10).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(table.recover_seqs(0).await, (true, (1..=10).collect(), 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_marker_and_the_first_put_of_a_restart_leaves_no_hole() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.let_pass(EXPIRY).await;
    table.engine.remove_expired().await;
    let start = now().as_millis().unsigned_abs();
    table.put_marker(start).await;
    assert_eq!(table.recover_seqs(start - 1).await, (true, vec![], start - 1));
    assert_eq!(table.recover_seqs(3).await, (false, vec![], start - 1));
    assert_eq!(table.send_at_once(10).await, (start..start + 10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_log_restarts_above_all_its_seqs() {
    for swept in [false, true] {
        let table = TestTable::new().await;
        table.fill(3).await;
        table.let_pass(EXPIRY).await;
        if swept {
            assert_eq!(table.engine.remove_expired().await, 3);
        }
        let before = now().as_millis().unsigned_abs();
        let seqs = table.send_at_once(10).await;
        assert!(seqs[0] >= before && is_contiguous(&seqs), "{seqs:?}, swept: {swept}");
        assert_eq!(table.head_seq().await, seqs[9]);
        for since in [0, 1, 3, 4] {
            assert_eq!(table.recover_seqs(since).await, (false, vec![], seqs[9]), "{since}, swept: {swept}");
        }
        assert_eq!(table.recover_seqs(seqs[0]).await, (true, seqs[1..].to_vec(), seqs[9]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_restarts_as_often_as_it_expires() {
    let table = TestTable::new().await;
    table.fill(3).await;
    let mut last = 3;
    for _ in 0..3 {
        table.let_pass(EXPIRY).await;
        table.engine.remove_expired().await;
        let seqs = table.send_at_once(3).await;
        assert!(seqs[0] > last && is_contiguous(&seqs), "{seqs:?} after {last}");
        last = seqs[2];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_log_keeps_its_head_until_the_ttl_removes_it() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.let_pass(EXPIRY).await;
    assert_eq!(table.head_seq().await, 3, "the last seq that it had");
    for since in [0, 1, 2] {
        assert_eq!(table.recover_seqs(since).await, (false, vec![], 3), "{since}: what followed is gone");
    }
    assert_eq!(
        table.recover_seqs(3).await,
        (true, vec![], 3),
        "a client that had seen all has missed nothing"
    );
    table.engine.remove_expired().await;
    assert_eq!(table.head_seq().await, 0, "nothing is left of what it had");
    for since in [0, 1, 2, 3, 4] {
        assert_eq!(table.recover_seqs(since).await, (false, vec![], 0), "{since}: it may have had events");
    }
}

/// A base from before the log expired is above everything that is left, and must not be trusted to the point of a
/// gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_base_of_an_expired_log_leaves_no_hole() {
    for swept in [false, true] {
        for known in [base(0), base(2), base(3), base(4), base(999), Known::Since(now()), Known::Nothing] {
            let table = TestTable::new().await;
            table.fill(3).await;
            table.let_pass(EXPIRY).await;
            if swept {
                table.engine.remove_expired().await;
            }
            let before = now().as_millis().unsigned_abs();
            let retried = || try_of("user_1", "k", "hello");
            let sent = table.send(&retried(), known).await;
            assert!(matches!(sent, Sent::New(seq) if seq >= before), "{sent:?}, {known:?}, swept: {swept}");
            assert_eq!(table.send(&retried(), known).await, Sent::Duplicate(sent.seq()), "{known:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partly_expired_log_continues() {
    for swept in [false, true] {
        let table = TestTable::new().await;
        table.fill(3).await;
        table.let_pass(RETENTION / 2).await;
        table.fill(3).await;
        table.let_pass(RETENTION / 2 + Duration::from_hours(1)).await;
        if swept {
            assert_eq!(table.engine.remove_expired().await, 3);
        }
        for since in [0, 1, 2] {
            assert_eq!(table.recover_seqs(since).await, (false, vec![], 6), "{since}, swept: {swept}");
        }
        assert_eq!(table.recover_seqs(3).await, (true, vec![4, 5, 6], 6), "swept: {swept}");
        assert_eq!(table.send(&message("hello"), base(6)).await, Sent::New(7));
    }
}

/// Events of the backend are as old as they are late. One that expired before those below it would leave an end whose
/// seq is assigned again.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_expires_with_the_others() {
    let late = RETENTION / 2;
    let table = TestTable::new().await;
    table.fill(2).await;
    let notice = Publication { at: now() - late, ..message("late") };
    assert_eq!(table.send(&notice, base(2)).await, Sent::New(3));
    table.let_pass(RETENTION / 4 * 3).await;
    assert_eq!(table.engine.remove_expired().await, 0);
    assert_eq!(table.send(&message("hello"), base(3)).await, Sent::New(4));
}

/// An operator shortens the retention, or sets one where there was none.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_retention_is_shortened_assigns_no_seq_again() {
    for before in [None, Some(RETENTION)] {
        let mut table = TestTable::new().await;
        table.table.conversation_retention = before;
        table.fill(2).await;
        table.table.conversation_retention = Some(RETENTION_SHORTEST);
        table.fill(2).await;
        table.let_pass(RETENTION_SHORTEST + Duration::from_secs(1)).await;
        table.engine.remove_expired().await;
        assert_eq!(table.send(&message("hello"), Known::Nothing).await, Sent::New(5), "before {before:?}");
    }
}

/// The first moment at which nothing is left, with the shortest retention.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_restarts_as_soon_as_it_has_expired() {
    for swept in [false, true] {
        let mut table = TestTable::new().await;
        table.table.conversation_retention = Some(RETENTION_SHORTEST);
        table.fill(1).await;
        table.let_pass(RETENTION_SHORTEST + Duration::from_secs(1)).await;
        if swept {
            assert_eq!(table.engine.remove_expired().await, 1);
        }
        table.engine.take_operations();
        let sent = table.send(&message("hello"), base(0)).await;
        assert!(matches!(sent, Sent::New(seq) if seq > 1), "{sent:?}, swept: {swept}");
        let operations = table.engine.take_operations();
        assert!(operations.len() <= 5, "too many operations: {operations:?}");
    }
}
