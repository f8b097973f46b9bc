//! Watermarks, latest values, and the windows of `history`.

use funnelcast_core::{event::ReceiptState, inbox::ReadMark};
use futures_util::future::join_all;

use super::{
    history::{HistoryPage, Wanted, Window},
    receipts::{At, Receipts, Watermark},
    *,
};

impl TestTable {
    /// The seqs of a window, and its cursor.
    async fn window(&self, window: Window, limit: usize) -> (Vec<u64>, Option<u64>) {
        let HistoryPage { events, next } =
            self.history(&channel(), window, limit, Wanted::default()).await.unwrap();
        (seqs_of(&events), next.map(Seq::get))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watermarks_never_go_back() {
    let table = TestTable::new().await;
    let user = "user_1".parse().unwrap();
    let acks = (1..=40).map(|n| {
        let state = if n % 4 == 0 { ReceiptState::Read } else { ReceiptState::Delivered };
        let (table, user) = (&table, &user);
        async move {
            let watermark = table.raise_watermark(&channel(), user, (seq(n), n), state).await.unwrap();
            if let Watermark::Stays(at) = watermark {
                assert!(at.seq >= seq(n), "{n} was refused, though only {at:?} had been");
            }
            let now = table.receipts(&channel()).await.unwrap()[user];
            assert!(now.delivered >= seq(n), "{n} was acked, and then it was {now:?}");
        }
    });
    join_all(acks).await;
    let marks = table.receipts(&channel()).await.unwrap();
    assert_eq!(
        marks[&user],
        Receipts { delivered: seq(40), read: seq(40), mark: ReadMark { read: 40, sent: 0 } }
    );
    let late = table.raise_watermark(&channel(), &user, (seq(7), 7), ReceiptState::Read).await.unwrap();
    assert_eq!(late, Watermark::Stays(At { seq: seq(40), n: 40 }));
}

/// A lost answer makes the SDK repeat the write. The repeat is the same ack, whatever else is acknowledged meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_whose_answer_was_lost_has_risen() {
    let table = TestTable::new().await;
    let user: UserId = "user_1".parse().unwrap();
    let raise =
        async |to: u64, state| table.raise_watermark(&channel(), &user, (seq(to), to), state).await.unwrap();
    for (to, state) in [(3, ReceiptState::Delivered), (2, ReceiptState::Read), (5, ReceiptState::Read)] {
        table.engine.lose_write_answers(1);
        assert_eq!(raise(to, state).await, Watermark::Risen, "{to} {state:?}");
        assert!(
            matches!(raise(to, state).await, Watermark::Stays(_)),
            "another ack of the same: {to} {state:?}"
        );
    }
    // Between the write and its repeat, another device acknowledges what has come.
    let (database, other) = (table.table.clone(), user.clone());
    table.engine.lose_write_answers(1);
    table.engine.after_writes(1, async move {
        let (channel, at) = (channel(), (seq(9), 9));
        let raised = database.raise_watermark(&channel, &other, at, ReceiptState::Delivered).await;
        assert_eq!(raised.unwrap(), Watermark::Risen);
    });
    assert_eq!(raise(7, ReceiptState::Read).await, Watermark::Risen);
    let now = table.receipts(&channel()).await.unwrap()[&user];
    assert_eq!((now.delivered, now.read), (seq(9), seq(7)));
}

/// With equal times, the seq decides.
#[tokio::test(flavor = "multi_thread")]
async fn of_values_with_equal_times_the_highest_seq_is_kept() {
    let table = TestTable::new().await;
    let channel: Channel = "funnel_updates:biz_1".parse().unwrap();
    let at = now();
    let puts = (1..=20).map(|n| {
        let (table, update) = (&table, value(&channel, at));
        async move { table.put_latest(&update, Some(seq(n))).await.unwrap() }
    });
    join_all(puts).await;
    table.put_latest(&value(&channel, at), Some(seq(3))).await.unwrap();
    assert_eq!(seqs_of(&table.latest(&channel, None).await.unwrap().events), [20]);
}

/// Regardless of its place in the log, or of having none: a late value does not count as the latest.
#[tokio::test(flavor = "multi_thread")]
async fn a_latest_value_is_never_replaced_by_an_earlier_one() {
    let (earlier, later) = (now() - Duration::from_secs(5), now());
    for seqs in [[Some(seq(1)), Some(seq(2)), Some(seq(3))], [None; 3]] {
        let table = TestTable::new().await;
        let channel: Channel = "analytics:biz_1".parse().unwrap();
        for ((at, last), seq) in [(earlier, earlier), (later, later), (earlier, later)].into_iter().zip(seqs)
        {
            table.put_latest(&value(&channel, at), seq).await.unwrap();
            let kept: Vec<_> =
                table.latest(&channel, None).await.unwrap().events.iter().map(|event| event.at).collect();
            assert_eq!(kept, [last], "{seq:?}");
        }
    }
}

/// A value that happened at this moment, on a lane that keeps the latest.
fn value(channel: &Channel, happened_at: Timestamp) -> Publication {
    Publication {
        channel: channel.clone(),
        event: EventName::AnalyticsUpdate,
        lane: Lane::Latest,
        latest_key: Some("visits".to_owned()),
        at: happened_at,
        happened_at,
        ..message("1")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_a_log() {
    let table = TestTable::new().await;
    assert_eq!(table.window(Window::Latest, 5).await, (vec![], None));
    table.fill(10).await;
    for (window, limit, seqs, next) in [
        (Window::Latest, 4, 7..=10, Some(7)),
        (Window::Latest, 10, 1..=10, None),
        (Window::Latest, 11, 1..=10, None),
        (Window::Before(seq(7)), 4, 3..=6, Some(3)),
        (Window::Before(seq(3)), 4, 1..=2, None),
        (Window::Before(seq(99)), 2, 9..=10, Some(9)),
        (Window::After(seq(0)), 4, 1..=4, Some(4)),
        (Window::After(seq(4)), 6, 5..=10, None),
        (Window::After(seq(4)), 5, 5..=9, Some(9)),
    ] {
        assert_eq!(table.window(window, limit).await, (seqs.collect(), next), "{window:?}, {limit}");
    }
    assert_eq!(table.window(Window::Before(seq(1)), 4).await, (vec![], None));
    assert_eq!(table.window(Window::After(seq(10)), 4).await, (vec![], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_returns_nothing_that_has_expired() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.let_pass(RETENTION / 2).await;
    table.fill(3).await;
    table.let_pass(RETENTION / 2 + Duration::from_hours(1)).await;
    for swept in [false, true] {
        if swept {
            assert_eq!(table.engine.remove_expired().await, 3);
        }
        assert_eq!(table.window(Window::Latest, 10).await.0, [4, 5, 6], "swept: {swept}");
        assert_eq!(table.window(Window::After(seq(0)), 10).await.0, [4, 5, 6], "swept: {swept}");
    }
}
