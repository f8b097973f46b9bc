//! Tickets: valid once, however many callers try, and not for long.

use funnelcast_core::identity::{CompanyClaim, Role};
use futures_util::future::join_all;

use super::*;
use crate::table::ticket::TICKET_LIFE;

fn ann() -> Identity {
    let company = CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Admin };
    let expires_at = Timestamp::from_secs(now().as_secs() + 3_600); // tokens have whole seconds
    Identity { companies: vec![company], expires_at, ..caller("user_1", "c1=").identity }
}

#[tokio::test]
async fn of_two_hundred_concurrent_takers_one_gets_the_ticket() {
    let table = TestTable::new().await;
    let (ann, now) = (ann(), now());
    let ticket = table.put_ticket(&ann, now).await.unwrap();
    let answers = join_all((0..200).map(|_| table.take_ticket(&ticket.secret, now))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(taken, [Ok(ann)]);
    assert!(refused.iter().all(|refusal| refusal.as_ref().is_err_and(|e| e.code() == "unauthorized")));
    assert_eq!(refused.len(), 199);
}

#[tokio::test]
async fn a_ticket_is_valid_until_it_expires() {
    let table = TestTable::new().await;
    let (ann, now) = (ann(), now());
    let last_moment = now + TICKET_LIFE - Duration::from_millis(1);
    for (moment, is_good) in [(last_moment, true), (now + TICKET_LIFE, false)] {
        let ticket = table.put_ticket(&ann, now).await.unwrap();
        assert_eq!(ticket.expires_at, now + TICKET_LIFE);
        assert_eq!(table.take_ticket(&ticket.secret, moment).await.is_ok(), is_good);
        assert!(table.take_ticket(&ticket.secret, now).await.is_err(), "it has been deleted in either case");
    }
}

#[tokio::test]
async fn a_ticket_does_not_outlive_its_token() {
    let table = TestTable::new().await;
    let now = now();
    let expires_at = now + Duration::from_secs(2);
    let ticket = table.put_ticket(&Identity { expires_at, ..ann() }, now).await.unwrap();
    assert_eq!(ticket.expires_at, expires_at);
    assert!(table.take_ticket(&ticket.secret, expires_at).await.is_err());
}

#[tokio::test]
async fn the_table_stores_only_the_hash_of_a_ticket_until_its_ttl() {
    let table = TestTable::new().await;
    let long_ago = Timestamp::from_secs(now().as_secs() - 3_600);
    let ticket = table.put_ticket(&ann(), long_ago).await.unwrap();
    let items = table.client.scan().table_name(TABLE).send().await.unwrap().items.unwrap();
    assert_eq!(items.len(), 1);
    assert!(!format!("{items:?}").contains(&ticket.secret), "only its hash");
    assert_eq!(table.engine.remove_expired().await, 1);
}

#[tokio::test]
async fn a_guessed_ticket_is_refused() {
    let table = TestTable::new().await;
    table.put_ticket(&ann(), now()).await.unwrap();
    let guess = table.take_ticket(&"A".repeat(43), now()).await;
    assert_eq!(guess.unwrap_err().code(), "unauthorized");
}
