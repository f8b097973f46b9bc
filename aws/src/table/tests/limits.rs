//! How much a search reads, and how often a count is broadcast.

use std::time::Duration;

use funnelcast_core::action::Only;

use super::*;
use crate::{
    spending::{counted, price},
    table::history::{Wanted, Window},
};

/// A log of the largest messages, none of which matches.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_without_matches_is_bounded_and_returns_a_cursor() {
    const MESSAGES: u64 = 120;
    let table = TestTable::new().await;
    let content = "x".repeat(16 * 1024);
    for n in 0..MESSAGES {
        table.send(&message(&content), base(n)).await;
    }
    let (log, mut seen) = (channel(), Vec::new());
    let mut window = Window::After(Seq::ZERO);
    loop {
        let search = table.history(&log, window, 10, Wanted { contains: Some("needle"), only: None });
        let (page, dollars) = counted(Box::pin(search)).await;
        let units = (dollars / price::READ_UNIT).floor();
        assert!((1.0..400.0).contains(&units), "{units} units");
        let Some(next) = page.unwrap().next else { break };
        seen.push(next.get());
        window = Window::After(next);
    }
    assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
}

/// Whoever wants few messages of a log that ends with other events.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_few_messages_takes_no_more_requests_than_one_of_many() {
    let table = TestTable::new().await;
    table.fill(1).await;
    for _ in 0..60 {
        let reaction = Publication { event: EventName::ChatReaction, ..message("x") };
        table.send(&reaction, Known::Nothing).await;
    }
    table.engine.take_operations();
    let wanted = Wanted { contains: None, only: Some(Only::Messages) };
    let page = table.history(&channel(), Window::Latest, 1, wanted).await.unwrap();
    assert_eq!(page.events.len(), 1);
    let operations = table.engine.take_operations();
    assert!(operations.len() <= 2, "{operations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_processes_one_schedules_the_count() {
    let table = TestTable::new().await;
    let (channel, now) = (channel(), now());
    let asked = futures_util::future::join_all((0..20).map(|_| table.takes_count(&channel, now))).await;
    assert_eq!(asked.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
    assert!(!table.takes_count(&channel, now + Duration::from_secs(9)).await.unwrap());
    assert!(table.takes_count(&channel, now + Duration::from_secs(10)).await.unwrap());
}
