//! What is counted in the table: sends, and how often a number is told.

use std::time::Duration;

use super::*;
use crate::store::rate::{SENDS, TICKETS, WINDOW};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sends_so_much_and_no_more_until_the_window_ends() {
    let table = Table::new().await;
    let user = "ann".parse().unwrap();
    let start = Timestamp::from_secs(1_800_000_000);
    table.wire.take_operations();
    for _ in 0..SENDS.uncounted_max {
        table.admit(&SENDS, &user, start).await.unwrap();
    }
    assert!(table.wire.take_operations().is_empty(), "who sends little is not counted");
    for _ in 0..SENDS.counted_max {
        table.admit(&SENDS, &user, start).await.unwrap();
    }
    assert_eq!(table.wire.take_operations().len(), SENDS.counted_max as usize, "one write each");
    let refused = table.admit(&SENDS, &user, start + Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(refused, Error::RateLimited { retry_after_ms: 7_000 });
    table.wire.take_operations();
    table.admit(&SENDS, &user, start + Duration::from_secs(4)).await.unwrap_err();
    assert!(table.wire.take_operations().is_empty(), "the process remembers who was refused");
    table.admit(&SENDS, &"bob".parse().unwrap(), start).await.unwrap();
    table.admit(&TICKETS, &user, start + Duration::from_secs(4)).await.unwrap();
    table.admit(&SENDS, &user, start + WINDOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_would_tell_a_number_one_does() {
    let table = Table::new().await;
    let (channel, now) = (channel(), now());
    let asked = futures_util::future::join_all((0..20).map(|_| table.takes_count(&channel, now))).await;
    assert_eq!(asked.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    assert!(!table.takes_count(&channel, now + Duration::from_secs(9)).await.unwrap());
    assert!(table.takes_count(&channel, now + Duration::from_secs(10)).await.unwrap());
}
