//! What users do and cost, as the table counts it over all processes.

use funnelcast_core::{Error, Timestamp};

use super::*;
use crate::rates::{LEAVES, Rates, SENDS, Standing};

/// Another process over the same table.
fn process(access: &TestAccess) -> Rates {
    Rates::new(access.table.clone(), 0.5)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sends_a_burst_and_then_at_the_rate() {
    let access = TestAccess::new().await;
    let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
    let start = Timestamp::from_secs(1_800_000_000);
    access.engine.take_operations();
    for _ in 0..10 {
        access.rates.admit(&SENDS, &ann, start).await.unwrap();
    }
    assert!(access.engine.take_operations().is_empty(), "a user who sends little is not counted");
    for n in 10..100 {
        access.rates.admit(&SENDS, &ann, start).await.unwrap_or_else(|refusal| panic!("{n}: {refusal}"));
    }
    let refused = access.rates.admit(&SENDS, &ann, start).await.unwrap_err();
    let Error::RateLimited { retry_after_ms } = refused else { panic!("{refused}") };
    assert!((1..=200).contains(&retry_after_ms), "{retry_after_ms}");
    assert!(access.engine.take_operations().len() <= 13, "one write for several");
    access.rates.admit(&SENDS, &ann, start).await.unwrap_err();
    assert!(access.engine.take_operations().is_empty(), "the process remembers the refusal");
    access.rates.admit(&SENDS, &bob, start).await.unwrap();
    access.rates.admit(&LEAVES, &ann, start).await.unwrap();
    access.rates.admit(&SENDS, &ann, start + Duration::from_millis(retry_after_ms)).await.unwrap();
}

/// Twenty processes, none of which knows what the others count.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_costs_is_bounded_over_all_processes() {
    let access = TestAccess::new().await;
    let processes: Vec<Rates> = (0..20).map(|_| process(&access)).collect();
    let (user, now) = ("ann".parse().unwrap(), Timestamp::from_secs(1_800_000_000));
    let (dollars, mut spent) = (100e-6, 0.0);
    let mut progress = true;
    while progress {
        progress = false;
        for rates in &processes {
            if rates.standing(&user, now) == Standing::Good {
                rates.charge(&user, dollars, now).await;
                (spent, progress) = (spent + dollars, true);
            }
        }
    }
    let (burst, of_each) = (0.5 / 10.0, 0.5 / 3_600.0 * 3.0 + dollars);
    assert!((burst..burst + 20.0 * of_each).contains(&spent), "{spent}");
    let fresh = process(&access);
    assert_eq!(fresh.check_spending(&user, now).await.unwrap_err().code(), "rate_limited");
    access.engine.take_operations();
    fresh.check_spending(&user, now).await.unwrap_err();
    assert!(access.engine.take_operations().is_empty(), "which this process knows now");
    fresh.check_spending(&"bob".parse().unwrap(), now).await.unwrap();
    fresh.check_spending(&user, now + Duration::from_hours(1)).await.unwrap();
}

/// Who is barred may have passed in this process before, and be let in again: it learns of both.
#[tokio::test(flavor = "multi_thread")]
async fn a_bar_and_its_end_are_known_within_a_minute() {
    let access = TestAccess::new().await;
    let (rates, operator) = (&access.rates, process(&access));
    let (ann, start) = ("ann".parse().unwrap(), Timestamp::from_secs(1_800_000_000));
    rates.check_spending_lately(&ann, start).await.unwrap();
    operator.bar(&ann, start + Duration::from_hours(48)).await.unwrap();
    assert!(rates.check_spending(&ann, start).await.is_err(), "at once when they connect");
    let other = process(&access);
    other.check_spending_lately(&"bob".parse().unwrap(), start).await.unwrap();
    for (minutes, reads) in [(0, 1), (0, 0), (1, 1)] {
        access.engine.take_operations();
        let at = start + Duration::from_mins(minutes);
        assert!(other.check_spending_lately(&ann, at).await.is_err());
        assert_eq!(access.engine.take_operations().len(), reads, "after {minutes} min");
    }
    operator.bar(&ann, start).await.unwrap();
    let later = start + Duration::from_mins(2);
    other.check_spending_lately(&ann, later).await.unwrap();
    rates.check_spending(&ann, later).await.unwrap();
}

/// What a refused request costs is charged too, and must not end a bar that is longer than a row is kept otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_barred_for_days_does_not_end_that_by_trying() {
    let access = TestAccess::new().await;
    let (ann, start) = ("ann".parse().unwrap(), Timestamp::from_secs(1_800_000_000));
    let until = start + Duration::from_hours(72);
    access.rates.bar(&ann, until).await.unwrap();
    access.rates.charge(&ann, 0.01, start).await; // by a process that knows nothing of the bar
    access.rates.check_spending(&ann, start).await.unwrap_err();
    for _ in 0..10 {
        access.rates.charge(&ann, 0.01, start).await;
    }
    let rows = access.engine.dump().await;
    let (.., row) = rows.iter().find(|(pk, ..)| pk == "RATE#ann").unwrap();
    let ttl = row.split("\"ttl\": N(\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(ttl.parse::<i64>().unwrap() >= until.as_secs(), "{row}");
}
