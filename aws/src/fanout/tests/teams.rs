//! Who is taken out of a company's channels when Whop says something else of them.

use super::*;
use crate::{
    Caller,
    store::{
        Right,
        tests::{
            caller,
            teams::{Asking, access, of_whop},
        },
    },
};

/// When a webhook comes, Whop may answer questions from before it for a moment. So the second look, when all `join`s are over,
/// is not content with what was answered at the first.
#[tokio::test]
async fn the_second_look_asks_whop_again() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let Asking { table, script, server: _server } = Asking::start(access(true, "admin")).await;
    let fanout = Fanout { store: table.store, ..fanout(&stub).await };
    let caller = Caller { identity: of_whop("user_1"), ..caller("user_1", "c1=") };
    let (channel, company) = ("company:biz_1".parse().unwrap(), "biz_1".parse().unwrap());
    fanout.store.put_connection(&caller).await.unwrap();
    fanout.store.put_membership(&caller, &channel, Right::Own, caller.order).await.unwrap();
    let user = &caller.identity.user;

    fanout.check_team(user, &company).await.unwrap();
    assert!(fanout.store.is_member(&caller, &channel).await.unwrap(), "Whop still says so");
    *script.lock().unwrap() = Box::new(|_| access(false, "no_access"));
    fanout.check_team(user, &company).await.unwrap();
    assert!(!fanout.store.is_member(&caller, &channel).await.unwrap());
}
