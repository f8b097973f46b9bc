//! The backend's word on a conversation: all of it or nothing, and never an older one over a newer one.

use std::collections::BTreeSet;

use funnelcast_core::{CompanyId, ConversationId, UserId};
use futures_util::future::join_all;

use super::*;
use crate::store::conversations::{Conversation, Outcome, PARTICIPANTS_MAX, Word};

impl Table {
    /// The backend says who takes part, at so many milliseconds past some moment.
    async fn say(&self, participants: &BTreeSet<UserId>, millis: i64) -> Outcome {
        let at = Timestamp::from_millis(1_700_000_000_000 + millis);
        self.change_conversation(&conversation(), &is(participants), at, |_| true).await.unwrap()
    }

    /// Who takes part, of these.
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

fn is(participants: &BTreeSet<UserId>) -> Word {
    Word::Is(Conversation { company: company(), participants: participants.clone() })
}

fn company() -> CompanyId {
    "biz_1".parse().unwrap()
}

fn users(prefix: &str, count: usize) -> BTreeSet<UserId> {
    (0..count).map(|n| format!("{prefix}_{n}").parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_word_changes_nothing() {
    let table = Table::new().await;
    let (old, new) = (users("old", 3), users("new", 2));
    let all = &old | &new;
    assert_eq!(table.say(&new, 2).await, Outcome::Done);
    assert_eq!(table.say(&old, 1).await, Outcome::Stale);
    assert_eq!(table.participants(&all).await, new);
    assert_eq!(table.say(&old, 2).await, Outcome::Done, "of two at one time the later to arrive stands");
    assert_eq!(table.participants(&all).await, old);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_full_conversation_can_be_replaced() {
    let table = Table::new().await;
    let (before, after) = (users("before", PARTICIPANTS_MAX), users("after", PARTICIPANTS_MAX));
    assert_eq!(table.say(&before, 1).await, Outcome::Done);
    assert_eq!(table.say(&after, 2).await, Outcome::Done);
    assert_eq!(table.participants(&(&before | &after)).await, after);
    let too_many = users("x", PARTICIPANTS_MAX + 1);
    assert!(table.change_conversation(&conversation(), &is(&too_many), now(), |_| true).await.is_err());
}

/// Two and more at once, of different times or of one: `EventBridge` knows whole seconds only.
#[tokio::test(flavor = "multi_thread")]
async fn words_at_once_leave_one_of_them_and_never_a_mixture() {
    for millis in [[1, 2, 3], [1, 1, 1], [0, 0, 0]] {
        for _ in 0..5 {
            let table = Table::new().await;
            let before = users("before", 2);
            assert_eq!(table.say(&before, 0).await, Outcome::Done);
            let sets = ["a", "b", "c"].map(|name| users(name, 3));
            let words = sets.iter().zip(millis).map(|(set, millis)| table.say(set, millis));
            join_all(words).await;
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
async fn what_is_over_stays_its_companys() {
    let table = Table::new().await;
    let all = users("user", 2);
    assert_eq!(table.say(&all, 1).await, Outcome::Done);
    let end = async |millis: i64, may: fn(Option<&CompanyId>) -> bool| {
        let at = Timestamp::from_millis(1_700_000_000_000 + millis);
        table.change_conversation(&conversation(), &Word::Ends, at, may).await.unwrap()
    };
    assert_eq!(end(2, |owner| owner.is_none()).await, Outcome::Refused, "it is somebody's");
    assert_eq!(end(0, |_| true).await, Outcome::Stale);
    for _ in 0..2 {
        assert_eq!(end(2, |owner| *owner.unwrap() == company()).await, Outcome::Done, "twice is once");
    }
    let access = table.conversation_access(&conversation(), all.first().unwrap()).await.unwrap();
    assert_eq!((access.company, access.is_participant), (None, false));
    assert_eq!(table.conversation(&conversation()).await.unwrap(), None);

    let taken = table.change_conversation(&conversation(), &is(&all), now(), |owner| owner.is_none()).await;
    assert_eq!(taken.unwrap(), Outcome::Refused, "who comes later finds it taken");
    assert_eq!(table.say(&all, 3).await, Outcome::Done, "its company may begin it again");
    assert_eq!(table.participants(&all).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_was_cannot_end() {
    let table = Table::new().await;
    let ended = table.change_conversation(&conversation(), &Word::Ends, now(), |_| true).await.unwrap();
    assert_eq!(ended, Outcome::Refused);
}
