//! The backend's changes of a conversation: applied entirely or not at all, and never an older one over a newer one.

use funnelcast_core::{ConversationId, Key, bus::PARTICIPANTS_MAX};
use futures_util::future::join_all;

use std::collections::BTreeSet;

use super::*;
use crate::table::conversations::Outcome;

impl TestTable {
    /// Sets the participants, as of this many milliseconds after a fixed moment.
    async fn say(&self, participants: &BTreeSet<UserId>, millis: i64) -> Outcome {
        self.change(&said_at(participants, millis)).await
    }

    async fn change(&self, change: &ConversationChange) -> Outcome {
        self.change_conversation(&conversation(), change, |_| true).await.unwrap()
    }

    /// Those of these users who are participants.
    async fn participants(&self, of: &BTreeSet<UserId>) -> BTreeSet<UserId> {
        let mut participants = BTreeSet::new();
        for user in of {
            let access = self.conversation_access(&conversation(), user).await.unwrap();
            assert_eq!(access.company, Some(company()));
            if access.is_participant {
                participants.insert(user.clone());
            }
        }
        participants
    }
}

fn conversation() -> ConversationId {
    "c1".parse().unwrap()
}

/// A change with the producer's own `timestamp`, this many milliseconds after a fixed moment.
fn said_at(participants: &BTreeSet<UserId>, millis: i64) -> ConversationChange {
    ConversationChange { version: version(millis), ..set("biz_1", participants.clone()) }
}

fn version(millis: i64) -> Version {
    let at = Timestamp::from_millis(1_700_000_000_000 + millis);
    Version { revision: None, at, ahead_ms: 0, clock: Clock::Producer }
}

/// The change as a bus event with this id.
fn event(id: &str, change: ConversationChange) -> ConversationChange {
    ConversationChange { key: Some(id.parse::<Key>().unwrap()), ..change }
}

/// The change that ends the conversation.
fn end(millis: i64) -> ConversationChange {
    ConversationChange { to: None, version: version(millis), key: None, keep_log: false }
}

fn company() -> CompanyId {
    "biz_1".parse().unwrap()
}

fn users(prefix: &str, count: usize) -> BTreeSet<UserId> {
    (0..count).map(|n| format!("{prefix}_{n}").parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_change_changes_nothing() {
    let table = TestTable::new().await;
    let (old, new) = (users("old", 3), users("new", 2));
    let all = &old | &new;
    assert_eq!(table.say(&new, 2).await, Outcome::Done);
    assert_eq!(table.say(&old, 1).await, Outcome::Stale(version(2)), "the outcome has the present version");
    assert_eq!(table.participants(&all).await, new);
    assert_eq!(table.say(&old, 2).await, Outcome::Done, "of two with equal times the later to arrive wins");
    assert_eq!(table.participants(&all).await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_full_conversation_can_be_replaced() {
    let table = TestTable::new().await;
    let (before, after) = (users("before", PARTICIPANTS_MAX), users("after", PARTICIPANTS_MAX));
    assert_eq!(table.say(&before, 1).await, Outcome::Done);
    assert_eq!(table.say(&after, 2).await, Outcome::Done);
    assert_eq!(table.participants(&(&before | &after)).await, after);
    let too_many = users("x", PARTICIPANTS_MAX + 1);
    let change = said_at(&too_many, 3);
    assert!(table.change_conversation(&conversation(), &change, |_| true).await.is_err());
}

/// Two and more at once, with different times and with the same time.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_leave_one_of_them_and_never_a_mixture() {
    for millis in [[1, 2, 3], [1, 1, 1], [0, 0, 0]] {
        for _ in 0..5 {
            let table = TestTable::new().await;
            let before = users("before", 2);
            assert_eq!(table.say(&before, 0).await, Outcome::Done);
            let sets = ["a", "b", "c"].map(|name| users(name, 3));
            let changes = sets.iter().zip(millis).map(|(set, millis)| table.say(set, millis));
            join_all(changes).await;
            let all = sets.iter().fold(before, |all, set| &all | set);
            let left = table.participants(&all).await;
            assert!(sets.contains(&left), "{left:?}, times {millis:?}");
            if millis == [1, 2, 3] {
                assert_eq!(left, sets[2], "the latest");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_conversation_stays_with_its_company() {
    let table = TestTable::new().await;
    let all = users("user", 2);
    assert_eq!(table.say(&all, 1).await, Outcome::Done);
    let end_if = async |millis: i64, may: fn(Option<&CompanyId>) -> bool| {
        table.change_conversation(&conversation(), &end(millis), may).await.unwrap()
    };
    assert_eq!(end_if(2, |owner| owner.is_none()).await, Outcome::Refused, "it belongs to a company");
    assert_eq!(end_if(0, |_| true).await, Outcome::Stale(version(1)));
    for _ in 0..2 {
        assert_eq!(
            end_if(2, |owner| *owner.unwrap() == company()).await,
            Outcome::Done,
            "ending it again is no error"
        );
    }
    let access = table.conversation_access(&conversation(), all.first().unwrap()).await.unwrap();
    assert_eq!((access.company, access.is_participant, access.has_ended), (None, false, true));
    assert_eq!(table.conversation(&conversation()).await.unwrap(), None);

    let taken = table.change_conversation(&conversation(), &said_at(&all, 3), |owner| owner.is_none()).await;
    assert_eq!(taken.unwrap(), Outcome::Refused, "the later company is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_messages_are_opened_to_others_only_on_request() {
    let table = TestTable::new().await;
    let (ours, theirs) = (users("ours", 2), users("theirs", 2));
    let given = ConversationChange { version: version(2), ..set("biz_2", theirs.clone()) };
    let again = said_at(&ours, 5);
    assert_eq!(table.say(&ours, 1).await, Outcome::Done);
    assert!(matches!(table.change(&given).await, Outcome::HasLog(_)), "another company's");
    assert_eq!(table.participants(&(&ours | &theirs)).await, ours);

    assert_eq!(table.change(&end(4)).await, Outcome::Done);
    assert!(matches!(table.change(&again).await, Outcome::HasLog(_)), "over");
    assert_eq!(table.conversation(&conversation()).await.unwrap(), None);
    let late = ConversationChange { version: version(3), keep_log: true, ..again.clone() };
    assert_eq!(table.change(&late).await, Outcome::Stale(version(4)), "a late change opens nothing");

    assert_eq!(table.change(&ConversationChange { keep_log: true, ..again }).await, Outcome::Done);
    assert_eq!(table.participants(&ours).await, ours);
    let given = ConversationChange { version: version(6), keep_log: true, ..given };
    assert_eq!(table.change(&given).await, Outcome::Done);
    assert_eq!(table.conversation(&conversation()).await.unwrap().unwrap().company.as_str(), "biz_2");
}

/// Also if newer changes have been applied since, and if those have the same version.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_bus_event_succeeds_and_changes_nothing() {
    let (first, second) = (users("first", 1), users("second", 1));
    let all = &first | &second;
    for millis in [1, 2] {
        let table = TestTable::new().await;
        let one = event("event-1", said_at(&first, 1));
        assert_eq!(table.change(&one).await, Outcome::Done);
        assert_eq!(table.change(&event("event-2", said_at(&second, millis))).await, Outcome::Done);
        assert_eq!(table.change(&one).await, Outcome::Repeated, "{millis}");
        assert_eq!(table.participants(&all).await, second, "{millis}");
        let late = event("event-3", said_at(&first, 0));
        assert_eq!(
            table.change(&late).await,
            Outcome::Stale(version(millis)),
            "never applied, so never done"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_never_existed_cannot_end() {
    let table = TestTable::new().await;
    assert_eq!(table.change(&end(1)).await, Outcome::Refused);
}
