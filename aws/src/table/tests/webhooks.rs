//! A webhook is processed once, by one process, whatever is repeated or interrupted.

use futures_util::future::join_all;

use super::*;
use crate::table::webhooks::{Taken, WEBHOOK_TAKEN};

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_deliveries_one_takes_the_webhook() {
    let table = TestTable::new().await;
    let (id, now) = ("msg_1".parse().unwrap(), now());
    let takers = join_all((0..50).map(|_| table.take_webhook(&id, now))).await;
    let takers: Vec<Taken> = takers.into_iter().map(Result::unwrap).collect();
    assert_eq!(takers.iter().filter(|taken| **taken == Taken::Yes).count(), 1);
    assert_eq!(takers.iter().filter(|taken| **taken == Taken::Busy).count(), 49);

    table.finish_webhook(&id, now).await.unwrap();
    for later in [now, now + WEBHOOK_TAKEN * 2] {
        assert_eq!(table.take_webhook(&id, later).await.unwrap(), Taken::Done);
    }
    assert_eq!(table.take_webhook(&"msg_2".parse().unwrap(), now).await.unwrap(), Taken::Yes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_webhook_is_left_to_the_next_delivery() {
    let table = TestTable::new().await;
    let (id, now) = ("msg_1".parse().unwrap(), now());
    assert_eq!(table.take_webhook(&id, now).await.unwrap(), Taken::Yes);
    assert_eq!(
        table.take_webhook(&id, now + WEBHOOK_TAKEN).await.unwrap(),
        Taken::Yes,
        "its reservation has expired"
    );
    assert_eq!(table.take_webhook(&id, now + WEBHOOK_TAKEN).await.unwrap(), Taken::Busy);
    table.release_webhook(&id).await.unwrap();
    assert_eq!(table.take_webhook(&id, now).await.unwrap(), Taken::Yes, "it was released");
}
