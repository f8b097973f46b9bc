//! What inboxes show: kept by the digest of a log, and read by the index.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use funnelcast_core::{
    ConversationId,
    action::{INBOX_OWN_MAX, InboxCursor, InboxEntry},
    event::ReceiptState,
    inbox::LogNews,
};
use futures_util::future::join_all;

use super::*;
use crate::table::{activity::seen, inbox::InboxOwner};

impl TestTable {
    /// The news of all that is in the log.
    async fn news(&self) -> Vec<LogNews> {
        let items = self.log_items().await.into_iter();
        let news = items.map(|item| {
            if is_marker(&item) {
                let start: log::Start = from_item(item).unwrap();
                return LogNews::BeginsAfter(start.n);
            }
            LogNews::Message(seen(&log::stored(item).unwrap()).unwrap())
        });
        news.collect()
    }

    async fn digest(&self) {
        let news = self.news().await;
        self.learn(&id("c1"), &news).await.unwrap();
    }

    async fn set_conversation(&self, name: &str, company: &str, participants: &[&str]) {
        let participants = participants.iter().map(|user| user.parse().unwrap());
        let change = ConversationChange { keep_log: true, ..set(company, participants) };
        self.change_conversation(&id(name), &change, |_| true).await.unwrap();
    }

    /// Sends and digests a message in a conversation.
    async fn say_in(&self, name: &str, user: &str) {
        let said = try_of(user, &format!("key_{}", unique()), "hello");
        let said = Publication { channel: channel_of(name), ..said };
        let mut view = self.look_back(&said.channel, Known::Nothing).await.unwrap();
        let Append::New(stored) = self.append(&mut view, &said).await.unwrap() else { panic!("a duplicate") };
        self.learn(&id(name), &[LogNews::Message(seen(&stored).unwrap())]).await.unwrap();
    }

    /// The pages of a company's inbox, as this user sees it.
    async fn pages(&self, company: &str, limit: usize) -> Vec<Vec<InboxEntry>> {
        let (company, reader) = (company.parse().unwrap(), "admin".parse().unwrap());
        let (mut pages, mut cursor) = (Vec::new(), None::<InboxCursor>);
        loop {
            let (listed, next) = self.company_conversations(&company, limit, cursor.as_ref()).await.unwrap();
            assert!(listed.len() <= limit);
            let owner = InboxOwner::Company(&company);
            let found = self.inbox_entries(owner, &reader, listed, now()).await.unwrap();
            pages.push(found.into_iter().map(|found| found.entry).collect());
            cursor = next;
            if cursor.is_none() {
                return pages;
            }
        }
    }

    async fn own(&self, user: &str) -> Vec<InboxEntry> {
        let user = user.parse().unwrap();
        let (listed, more) = self.own_conversations(&user).await.unwrap();
        assert!(!more);
        let found = self.inbox_entries(InboxOwner::Reader, &user, listed, now()).await.unwrap();
        found.into_iter().filter(|found| !found.is_banned).map(|found| found.entry).collect()
    }
}

fn id(name: &str) -> ConversationId {
    name.parse().unwrap()
}

fn channel_of(name: &str) -> Channel {
    Channel::Conversation(id(name))
}

fn names(entries: &[InboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.conversation_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_has_its_conversations_by_their_last_message() {
    let table = TestTable::new().await;
    for name in ["c1", "c2", "c3", "c4"] {
        table.set_conversation(name, "biz_1", &["ann", "bob"]).await;
    }
    table.set_conversation("theirs", "biz_2", &["ann"]).await;
    for (name, user) in [("c2", "ann"), ("c1", "ann"), ("theirs", "ann"), ("c3", "bob"), ("c1", "bob")] {
        table.say_in(name, user).await;
    }
    let pages = table.pages("biz_1", 3).await;
    assert_eq!(names(&pages[0]), ["c1", "c3", "c2"], "the last active first");
    assert_eq!(names(&pages[1]), ["c4"], "one without a message last");
    assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 4);
    let first = &pages[0][0];
    let last = first.last.as_ref().unwrap();
    assert_eq!((last.seq.get(), last.excerpt.as_deref()), (2, Some("hello")));
    assert_eq!(last.from.as_ref().unwrap().user_id.as_str(), "bob");
    assert_eq!((first.n, first.unread, first.read_n), (2, 2, 0));
    assert_eq!(first.participants.iter().map(UserId::as_str).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!((pages[1][0].last.as_ref(), pages[1][0].n, pages[1][0].unread), (None, 0, 0));

    // Another company's, and ended: nobody has to wait for the index.
    table.set_conversation("c1", "biz_2", &["ann"]).await;
    let ended = ConversationChange { to: None, ..set("biz_1", []) };
    table.change_conversation(&id("c3"), &ended, |_| true).await.unwrap();
    assert_eq!(names(&table.pages("biz_1", 9).await.concat()), ["c2", "c4"]);
    assert_eq!(names(&table.pages("biz_2", 9).await.concat()), ["c1", "theirs"], "with its messages");
    table.say_in("c3", "bob").await;
    assert_eq!(names(&table.pages("biz_1", 9).await.concat()), ["c2", "c4"], "a late record lists nothing");
    table.set_conversation("c3", "biz_1", &["bob"]).await;
    assert_eq!(names(&table.pages("biz_1", 9).await.concat()), ["c3", "c2", "c4"], "set again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_the_conversations_that_they_take_part_in() {
    let table = TestTable::new().await;
    for (name, participants) in
        [("c1", &["ann", "bob"][..]), ("c2", &["ann"]), ("c3", &["bob"]), ("c4", &["ann"]), ("c5", &["ann"])]
    {
        table.set_conversation(name, "biz_1", participants).await;
    }
    for (name, user) in [("c2", "ann"), ("c1", "bob"), ("c4", "admin")] {
        table.say_in(name, user).await;
    }
    let own = table.own("ann").await;
    assert_eq!(names(&own), ["c4", "c1", "c2", "c5"]);
    assert_eq!(own.iter().map(|entry| entry.unread).collect::<Vec<_>>(), [1, 1, 0, 0], "who sends has read");
    table.set_conversation("c1", "biz_1", &["bob"]).await;
    assert_eq!(names(&table.own("ann").await), ["c4", "c2", "c5"]);
    assert_eq!(names(&table.own("bob").await), ["c1", "c3"]);
}

/// What a page costs does not depend on how many conversations there are.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_of_5000_conversations_is_two_calls() {
    const CONVERSATIONS: i64 = 5_000;
    let table = TestTable::new().await;
    let item = |number: i64| {
        Item::from([
            ("pk".to_owned(), AttributeValue::S(key::conversation(&id(&format!("c{number}"))))),
            ("sk".to_owned(), AttributeValue::S(key::ACTIVITY.to_owned())),
            ("inbox".to_owned(), AttributeValue::S(key::company_inbox(&"biz_1".parse().unwrap()))),
            ("activeAt".to_owned(), AttributeValue::N((1_700_000_000_000 + number).to_string())),
        ])
    };
    let numbers: Vec<i64> = (0..CONVERSATIONS).collect();
    for chunk in numbers.chunks(25) {
        let put = |number: &i64| {
            let put = PutRequest::builder().set_item(Some(item(*number))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let write = table.client.batch_write_item().request_items(TABLE, chunk.iter().map(put).collect());
        write.send().await.unwrap();
    }
    for number in CONVERSATIONS - 3..CONVERSATIONS {
        table.set_conversation(&format!("c{number}"), "biz_1", &["ann"]).await;
    }
    table.engine.take_operations();
    let company = "biz_1".parse().unwrap();
    let (listed, next) = table.company_conversations(&company, 50, None).await.unwrap();
    assert_eq!(listed.len(), 50);
    assert_eq!(next.unwrap().active_at, 1_700_000_000_000 + CONVERSATIONS - 50);
    let (owner, reader) = (InboxOwner::Company(&company), "admin".parse().unwrap());
    let found = table.inbox_entries(owner, &reader, listed, now()).await.unwrap();
    let entries: Vec<_> = found.into_iter().map(|found| found.entry).collect();
    assert_eq!(names(&entries), ["c4999", "c4998", "c4997"], "the others are nobody's");
    assert_eq!(table.engine.take_operations(), ["Query", "BatchGetItem"]);
}

/// A user's own inbox is read whole, so there must be an end to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_users_own_inbox_is_bounded() {
    let table = TestTable::new().await;
    let user: UserId = "ann".parse().unwrap();
    let total = INBOX_OWN_MAX + 1;
    let numbers: Vec<usize> = (0..total).collect();
    for chunk in numbers.chunks(12) {
        let rows = chunk.iter().flat_map(|number| {
            let participant = |sk: String, inbox: Option<String>| {
                let mut item = Item::from([
                    ("pk".to_owned(), AttributeValue::S(key::conversation(&id(&format!("c{number}"))))),
                    ("sk".to_owned(), AttributeValue::S(sk)),
                    ("activeAt".to_owned(), AttributeValue::N(number.to_string())),
                ]);
                item.extend(inbox.map(|inbox| ("inbox".to_owned(), AttributeValue::S(inbox))));
                let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            };
            [
                participant(key::participant(&user), Some(key::user_inbox(&user))),
                participant(key::ACTIVITY.to_owned(), None),
            ]
        });
        table.client.batch_write_item().request_items(TABLE, rows.collect()).send().await.unwrap();
    }
    table.engine.take_operations();
    let (listed, more) = table.own_conversations(&user).await.unwrap();
    assert!(more);
    assert_eq!(listed.len(), INBOX_OWN_MAX);
    assert_eq!(listed[0].place.conversation, id(&format!("c{}", total - 1)));
    assert!(
        listed.iter().all(|listed| listed.place.conversation != id("c0")),
        "the one they were added to first"
    );
    let calls = table.engine.take_operations();
    assert_eq!(calls.iter().filter(|call| *call == "Query").count(), 1);
    assert_eq!(calls.len(), 1 + INBOX_OWN_MAX / 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_not_unread_on_any_device() {
    let table = TestTable::new().await;
    table.set_conversation("c1", "biz_1", &["ann", "bob"]).await;
    for user in ["ann", "ann", "bob", "ann"] {
        table.say_in("c1", user).await;
    }
    let unread = async |user: &str| table.own(user).await[0].unread;
    assert_eq!((unread("ann").await, unread("bob").await), (0, 1));
    assert_eq!(table.pages("biz_1", 1).await[0][0].unread, 4, "to one of the team who has never looked");
    let bob = "bob".parse().unwrap();
    for (number, state, left) in [
        (4, ReceiptState::Delivered, 1),
        (1, ReceiptState::Read, 1),
        (4, ReceiptState::Read, 0),
        (2, ReceiptState::Read, 0),
    ] {
        let n = table.messages_up_to(&channel(), seq(number)).await.unwrap().unwrap();
        table.raise_watermark(&channel(), &bob, (seq(number), n), state).await.unwrap();
        assert_eq!(unread("bob").await, left, "{number} {state:?}");
    }
    assert_eq!(table.messages_up_to(&channel(), seq(5)).await.unwrap(), None);
    table.say_in("c1", "ann").await;
    assert_eq!(unread("bob").await, 1);
}

/// Who sent before all those for whom there is room has read all the same, and is in no list of receipts for that.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_remembered_however_many_there_are() {
    let table = TestTable::new().await;
    let senders: Vec<String> = (0..30).map(|n| format!("user_{n:0>40}")).collect();
    for sender in &senders {
        table.say_in("c1", sender).await;
    }
    table.set_conversation("c1", "biz_1", &senders.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (n, sender) in senders.iter().enumerate() {
        assert_eq!(table.own(sender).await[0].unread, 29 - u64::try_from(n).unwrap(), "{sender}");
    }
    let activity = table.activity(&id("c1")).await.unwrap();
    assert!((3..29).contains(&activity.sent.len()), "{}", activity.sent.len());
    let acked: BTreeSet<UserId> = table.receipts(&channel()).await.unwrap().into_keys().collect();
    assert!(acked.is_empty(), "{acked:?}");
}

/// A repeat changes nothing; nor does what has been overtaken.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_writes_nothing() {
    let table = TestTable::new().await;
    table.fill(3).await;
    table.digest().await;
    table.engine.take_operations();
    table.digest().await;
    assert_eq!(table.engine.take_operations(), ["Query", "Query"], "the log, and the conversation");
    let news = table.news().await;
    table.learn(&id("c1"), &news[..2]).await.unwrap();
    assert_eq!(table.engine.take_operations(), ["Query", "Query"]);
    assert_eq!(table.activity(&id("c1")).await.unwrap().n(), 3);
}

/// Whoever writes in between is not overwritten, and a lost answer does no harm.
#[tokio::test(flavor = "multi_thread")]
async fn digests_that_meet_lose_nothing() {
    let table = TestTable::new().await;
    for user in ["ann", "bob", "cid", "dan"] {
        table.send(&try_of(user, "k", "hello"), Known::Nothing).await;
    }
    let news: Vec<LogNews> =
        table.news().await.into_iter().filter(|news| matches!(news, LogNews::Message(_))).collect();
    table.engine.lose_write_answers(2);
    table.engine.refuse_as_contended(1);
    let conversation = id("c1");
    let digests = news.chunks(1).map(|news| table.learn(&conversation, news));
    let setting = table.set_conversation("c1", "biz_1", &["eve"]);
    let (digested, ()) = tokio::join!(join_all(digests), setting);
    for digested in digested {
        digested.unwrap();
    }
    let activity = table.activity(&conversation).await.unwrap();
    assert_eq!(activity.n(), 4);
    let sent: Vec<_> = activity.sent.iter().map(|(user, n)| (user.as_str(), *n)).collect();
    assert_eq!(sent, [("ann", 1), ("bob", 2), ("cid", 3), ("dan", 4)]);
    assert_eq!(names(&table.own("eve").await), ["c1"]);
}

/// A log that begins again goes on counting, so those who have read what has expired have the new messages unread.
#[tokio::test(flavor = "multi_thread")]
async fn the_count_goes_on_when_a_log_begins_again() {
    for swept in [false, true] {
        let table = TestTable::new().await;
        table.set_conversation("c1", "biz_1", &["ann", "bob", "cid"]).await;
        table.fill(5).await;
        table.digest().await;
        let bob = "bob".parse().unwrap();
        table.raise_watermark(&channel(), &bob, (seq(5), 5), ReceiptState::Read).await.unwrap();
        table.let_pass(EXPIRY).await;
        table.digest().await;
        if swept {
            table.engine.remove_expired().await;
        }
        let sends = (0..3).map(|_| async { table.send(&message("again"), Known::Nothing).await.seq() });
        let mut seqs = join_all(sends).await;
        seqs.sort_unstable();
        for (place, n) in seqs.iter().zip(6..) {
            assert_eq!(
                table.messages_up_to(&channel(), seq(*place)).await.unwrap(),
                Some(n),
                "swept: {swept}"
            );
        }
        table.digest().await;
        let unread = async |user: &str| table.own(user).await[0].unread;
        assert_eq!(unread("bob").await, 3, "who had read all");
        assert_eq!(unread("cid").await, 3, "who had read nothing of what has expired");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_deleted_or_has_expired_is_not_in_the_inbox() {
    let table = TestTable::new().await;
    table.set_conversation("c1", "biz_1", &["ann"]).await;
    table.fill(2).await;
    table.digest().await;
    let gone = [LogNews::Gone(seq(1)), LogNews::Gone(seq(2))];
    table.learn(&id("c1"), &gone[..1]).await.unwrap();
    assert!(table.own("ann").await[0].last.is_some(), "that was not the last");
    table.learn(&id("c1"), &gone).await.unwrap();
    assert_eq!(table.own("ann").await[0].last, None);
    let activity = format!("{:?}", table.activity(&id("c1")).await.unwrap());
    assert!(!activity.contains("filler"), "{activity}");
}
