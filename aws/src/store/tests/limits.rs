//! What is counted in the table: what users do and cost, and how often a number is told.

use std::time::Duration;

use super::*;
use crate::{
    spending::{CountCapacity, counted, price},
    store::{
        history::Window,
        rate::{LEAVES, SENDS, Standing},
    },
};

/// Another process over the same table.
fn process(table: &Table) -> Store {
    Store {
        client: table.client.clone(),
        table: TABLE.to_owned(),
        conversation_retention: Some(RETENTION),
        rates: rate::Rates::new(0.5),
        passes: access::Passes::default(),
        teams: Teams::Unknown,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sends_so_much_at_once_and_goes_on_at_that_rate() {
    let table = Table::new().await;
    let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
    let start = Timestamp::from_secs(1_800_000_000);
    table.wire.take_operations();
    for _ in 0..10 {
        table.admit(&SENDS, &ann, start).await.unwrap();
    }
    assert!(table.wire.take_operations().is_empty(), "who sends little is not counted");
    for n in 10..100 {
        table.admit(&SENDS, &ann, start).await.unwrap_or_else(|refusal| panic!("{n}: {refusal}"));
    }
    let refused = table.admit(&SENDS, &ann, start).await.unwrap_err();
    let Error::RateLimited { retry_after_ms } = refused else { panic!("{refused}") };
    assert!((1..=200).contains(&retry_after_ms), "{retry_after_ms}");
    assert!(table.wire.take_operations().len() <= 13, "one write for several");
    table.admit(&SENDS, &ann, start).await.unwrap_err();
    assert!(table.wire.take_operations().is_empty(), "the process remembers who was refused");
    table.admit(&SENDS, &bob, start).await.unwrap();
    table.admit(&LEAVES, &ann, start).await.unwrap();
    table.admit(&SENDS, &ann, start + Duration::from_millis(retry_after_ms)).await.unwrap();
}

/// Twenty processes, each of which knows nothing of the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_costs_is_bounded_over_all_processes() {
    let table = Table::new().await;
    let processes: Vec<Store> = (0..20).map(|_| process(&table)).collect();
    let (user, now) = ("ann".parse().unwrap(), Timestamp::from_secs(1_800_000_000));
    let (deed, mut spent) = (100e-6, 0.0);
    let mut progress = true;
    while progress {
        progress = false;
        for store in &processes {
            if store.standing(&user, now) == Standing::Good {
                store.charge(&user, deed, now).await;
                (spent, progress) = (spent + deed, true);
            }
        }
    }
    let (burst, of_each) = (0.5 / 10.0, 0.5 / 3_600.0 * 3.0 + deed);
    assert!((burst..burst + 20.0 * of_each).contains(&spent), "{spent}");
    let fresh = process(&table);
    assert_eq!(fresh.check_spending(&user, now).await.unwrap_err().code(), "rate_limited");
    table.wire.take_operations();
    fresh.check_spending(&user, now).await.unwrap_err();
    assert!(table.wire.take_operations().is_empty(), "which this process knows now");
    fresh.check_spending(&"bob".parse().unwrap(), now).await.unwrap();
    fresh.check_spending(&user, now + Duration::from_hours(1)).await.unwrap();
}

/// A log of the largest messages, in which nothing is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_finds_nothing_reads_some_hundred_units_and_says_where_to_go_on() {
    const MESSAGES: u64 = 120;
    let mut table = Table::new().await;
    let content = "x".repeat(16 * 1024);
    for n in 0..MESSAGES {
        table.send(&message(&content), base(n)).await;
    }
    let config = table.client.config().to_builder().interceptor(CountCapacity).build();
    table.store.client = Client::from_conf(config);
    let (log, mut seen) = (channel(), Vec::new());
    let mut window = Window::After(Seq::ZERO);
    loop {
        let search = table.history(&log, window, 10, Some("needle"));
        let (page, dollars) = counted(Box::pin(search)).await;
        let units = (dollars / price::READ_UNIT).floor();
        assert!((1.0..400.0).contains(&units), "{units} units");
        let Some(next) = page.unwrap().next else { break };
        seen.push(next.get());
        window = Window::After(next);
    }
    assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
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
