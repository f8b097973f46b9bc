//! The search of several conversations: what `digest` writes for it, and what is found.

use std::collections::BTreeMap;

use funnelcast_aws::table::restrictions::RestrictionChange;
use funnelcast_aws::table::{
    Stored,
    postings::{PostingChange, PostingChanges, TextChange},
};
use funnelcast_core::{
    Caller, ConversationId, HttpCaller, Seq,
    action::{Found, MessagePlace, Search, Send},
    event::EventName,
    identity::{CompanyClaim, Role},
    inbox::{LastMessage, LogNews, SeenMessage},
    moderation::{Restriction, RestrictionKind, Scope},
};
use funnelcast_testing::gateway::Answer;
use serde_json::{Value, json};

use super::*;
use crate::{
    digest::{self, News},
    publish,
    rates::{Rates, Standing},
    search,
};

/// Two conversations of a company, in which Ann takes part, and Bob in the first.
struct Scene {
    realtime: TestRealtime,
    /// What the index knows of.
    known: BTreeMap<MessagePlace, Stored>,
    sent: u32,
}

impl Scene {
    async fn new() -> Self {
        let stub = Stub::start(|_| Answer::Status(200)).await;
        let scene = Self { realtime: TestRealtime::new(&stub).await, known: BTreeMap::new(), sent: 0 };
        scene.set("c1", "biz_1", &["ann", "bob"]).await;
        scene.set("c2", "biz_1", &["ann"]).await;
        scene
    }

    async fn set(&self, conversation: &str, company: &str, participants: &[&str]) {
        let change = ConversationChange {
            keep_log: true,
            ..set(company, participants.iter().map(|user| user.parse().unwrap()))
        };
        self.realtime
            .table()
            .change_conversation(&conversation.parse().unwrap(), &change, |_| true)
            .await
            .unwrap();
    }

    /// Ann sends an event in a conversation. The stream has not brought it yet.
    async fn send(&mut self, conversation: &str, event: EventName, data: Value) {
        self.sent += 1;
        let said = Send {
            channel: format!("conversation:{conversation}").parse().unwrap(),
            event,
            data,
            key: Some(format!("key-{}", self.sent).parse().unwrap()),
            base: None,
        };
        let ann = caller("ann", "ann-1");
        let ann = HttpCaller { identity: &ann.identity, grant: None, now: now() };
        Box::pin(publish::send(&self.realtime, Caller::Http(ann), said)).await.unwrap();
    }

    async fn say(&mut self, conversation: &str, content: &str) {
        self.send(conversation, EventName::ChatMessage, json!({"content": content})).await;
    }

    async fn edit(&mut self, target: u64, content: &str) {
        self.send("c1", EventName::ChatEdit, json!({"target": target, "content": content})).await;
    }

    /// What has become of the messages since this was asked last, as the stream says it.
    async fn changes(&mut self) -> Vec<TextChange> {
        let mut changes = Vec::new();
        for conversation in ["c1", "c2"].map(|id| id.parse::<ConversationId>().unwrap()) {
            let channel = Channel::Conversation(conversation.clone());
            let mut walk = self.realtime.table().walk_messages(&channel, None);
            while let Some((mut messages, _)) = walk.next().await.unwrap() {
                messages.sort_by_key(|stored| stored.seq);
                for stored in messages {
                    let at = stored.kept_at().as_millis();
                    let place = MessagePlace { at, conversation: conversation.clone(), seq: stored.seq };
                    let before = self.known.insert(place, stored.clone());
                    changes.extend(TextChange::between(before, Some(stored)).unwrap());
                }
            }
        }
        changes
    }

    /// Does what `digest` does.
    async fn index(&self, changes: &[TextChange]) {
        for conversation in ["c1", "c2"].map(|id| id.parse::<ConversationId>().unwrap()) {
            let of_it = |change: &&TextChange| change.place.conversation == conversation;
            let changes: Vec<_> = changes.iter().filter(of_it).cloned().collect();
            let news = News { texts: changes, ..News::default() };
            digest::digest(&self.realtime, None, &conversation, news).await.unwrap();
        }
    }

    /// The same for the inboxes alone, by which users' own conversations are found.
    async fn digest_news(&mut self) {
        self.changes().await;
        for place in self.known.keys() {
            let seen = SeenMessage {
                author: None,
                shown: LastMessage { seq: place.seq, at: now(), from: None, excerpt: None },
                n: place.seq.get(),
                kept_at: Timestamp::from_millis(place.at),
                changes: 0,
                expires_at: None,
                is_gone: false,
            };
            let news = [LogNews::Message(seen)];
            let news = News { news: news.into(), ..News::default() };
            digest::digest(&self.realtime, None, &place.conversation, news).await.unwrap();
        }
    }

    async fn digest(&mut self) {
        let changes = self.changes().await;
        self.index(&changes).await;
    }

    async fn ask(
        &self,
        company: Option<&str>,
        user: &str,
        query: &str,
        limit: u8,
        cursor: Value,
    ) -> Result<Found, Error> {
        let mut fields = json!({"query": query, "limit": limit});
        if let Some(company) = company {
            fields["companyId"] = company.into();
        }
        if !cursor.is_null() {
            fields["cursor"] = cursor;
        }
        let request: Search = serde_json::from_value(fields).unwrap();
        let mut caller = caller(user, "c");
        if user == "admin" {
            caller.identity.companies =
                vec![CompanyClaim { id: "biz_1".parse().unwrap(), role: Role::Admin }];
        }
        let caller = HttpCaller { identity: &caller.identity, grant: None, now: now() };
        search::search(&self.realtime.access, Caller::Http(caller), request).await
    }

    /// What the company's team finds: conversations and seqs.
    async fn found(&self, query: &str) -> Vec<String> {
        places(&self.ask(Some("biz_1"), "admin", query, 10, Value::Null).await.unwrap())
    }

    /// What a user finds in their own conversations.
    async fn own(&self, user: &str, query: &str) -> Vec<String> {
        places(&self.ask(None, user, query, 10, Value::Null).await.unwrap())
    }

    /// The words that the index has by these beginnings.
    async fn words(&self, beginnings: &[&str]) -> Vec<String> {
        self.words_of("biz_1", beginnings).await
    }

    /// The same of another company.
    async fn words_of(&self, company: &str, beginnings: &[&str]) -> Vec<String> {
        let company = company.parse().unwrap();
        let mut words = Vec::new();
        for beginning in beginnings {
            let (postings, _) = self.realtime.table().postings(&company, beginning, None).await.unwrap();
            words.extend(postings.into_iter().map(|posting| posting.words));
        }
        words
    }
}

fn places(found: &Found) -> Vec<String> {
    let place = |event: &funnelcast_core::frame::Event| {
        format!("{} {}", event.channel.to_string().trim_start_matches("conversation:"), event.seq.unwrap())
    };
    found.results.iter().map(|result| place(&result.event)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_searched_by_what_its_messages_are_now() {
    let mut scene = Scene::new().await;
    scene.say("c1", "We refunded both invoices").await;
    scene.say("c2", "Your refund is on its way").await;
    scene.say("c1", "Invoice 2041: réfund it").await;
    assert!(scene.found("refund").await.is_empty(), "the stream has not brought it yet");
    scene.digest().await;
    assert_eq!(scene.found("refund").await, ["c2 1", "c1 2", "c1 1"], "the best first");
    assert_eq!(scene.found("\"both invoices\"").await, ["c1 1"]);
    assert_eq!(scene.found("invo ref").await, ["c1 2", "c1 1"], "of equal ones the newest");
    assert_eq!(scene.found("invoice way").await, Vec::<String>::new(), "no message has both");

    scene.say("c1", "Eine Überweisung").await;
    scene.say("c2", "Noch eine Überweisung").await;
    scene.digest().await;
    let found = scene.found("Ueberweisung Ueberweisungen").await;
    assert_eq!(found, ["c2 2", "c1 3"], "by another beginning than that of the word");

    scene.edit(1, "We refunded both receipts").await;
    assert!(scene.found("invoices both").await.is_empty(), "what it says no longer is not found, even now");
    scene.digest().await;
    assert_eq!(scene.found("receipt").await, ["c1 1"]);
    scene.send("c2", EventName::ChatDelete, json!({"target": 1})).await;
    assert_eq!(scene.found("refund").await, ["c1 2", "c1 1"]);
    scene.digest().await;
    assert_eq!(
        scene.words(&["inv", "rec", "ref", "bot", "way"]).await,
        ["invoice", "receipts", "réfund", "refunded", "both"]
    );
}

/// The stream brings records again from the first failed one on, and a process may die between two writes.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_and_crashes_change_nothing_in_the_end() {
    const BEGINNINGS: [&str; 7] = ["alp", "bet", "gam", "del", "eps", "zet", "eta"];
    let mut scene = Scene::new().await;
    let mut changes = Vec::new();
    scene.say("c1", "alpha beta gamma").await;
    changes.extend(scene.changes().await);
    scene.say("c1", "delta beta").await;
    changes.extend(scene.changes().await);
    for text in ["beta epsilon", "zeta betas"] {
        scene.edit(1, text).await;
        changes.extend(scene.changes().await);
    }
    scene.send("c1", EventName::ChatReaction, json!({"target": 1, "emoji": "👍", "on": true})).await;
    assert_eq!(scene.changes().await, [], "a reaction changes no text");
    scene.send("c1", EventName::ChatDelete, json!({"target": 2})).await;
    changes.extend(scene.changes().await);
    assert_eq!(changes.len(), 5);
    scene.index(&changes).await;
    let expected = ["betas", "zeta"];
    assert_eq!(scene.words(&BEGINNINGS).await, expected);
    for first in 0..changes.len() {
        for change in &changes[first..] {
            scene.index(std::slice::from_ref(change)).await;
        }
        assert_eq!(scene.words(&BEGINNINGS).await, expected, "one by one from {first} on");
        scene.index(&changes[first..=first]).await; // and there it died
        scene.index(&changes[first..]).await;
        assert_eq!(scene.words(&BEGINNINGS).await, expected, "together from {first} on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_companys_is_not_found() {
    let mut scene = Scene::new().await;
    scene.say("c1", "needle one").await;
    scene.say("c2", "needle two").await;
    scene.digest().await;
    assert_eq!(scene.found("needle").await, ["c2 1", "c1 1"]);
    for user in ["ann", "stranger"] {
        let refused = scene.ask(Some("biz_1"), user, "needle", 10, Value::Null).await.unwrap_err();
        assert_eq!(refused.code(), "forbidden");
    }
    scene.set("c1", "biz_2", &["ann"]).await;
    assert_eq!(scene.found("needle").await, ["c2 1"], "it is another company's now");
    let end = ConversationChange { to: None, ..set("biz_1", []) };
    scene.realtime.table().change_conversation(&"c2".parse().unwrap(), &end, |_| true).await.unwrap();
    assert_eq!(scene.found("needle").await, Vec::<String>::new(), "it has ended");
    // What has ended can still be deleted by the backend, and is no longer in the index either.
    let changes: Vec<_> =
        scene.known.iter().filter(|(place, _)| place.conversation.as_str() == "c2").collect();
    let (_, stored) = changes[0];
    let gone = TextChange::between(Some(stored.clone()), None).unwrap().unwrap();
    scene.index(&[gone]).await;
    assert_eq!(scene.words(&["two"]).await, Vec::<String>::new());
}

/// What was indexed for a company stays there when the conversation becomes another company's, but not longer than the words
/// themselves.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_or_edited_is_in_the_index_of_no_former_company() {
    const BEGINNINGS: [&str; 5] = ["nee", "hay", "fir", "sec", "thi"];
    let mut scene = Scene::new().await;
    scene.say("c1", "first needle").await;
    scene.say("c1", "second needle, hay").await;
    scene.digest().await;
    scene.set("c1", "biz_2", &["ann"]).await;
    scene.say("c1", "third needle").await;
    scene.digest().await;
    scene.set("c1", "biz_3", &["ann"]).await;
    scene.digest().await;
    assert_eq!(scene.words(&BEGINNINGS).await, ["needle", "needle", "hay", "first", "second"]);

    scene.edit(2, "second needles").await;
    scene.digest().await;
    assert_eq!(scene.words(&BEGINNINGS).await, ["needle", "first", "second"], "what it still says may stay");
    assert_eq!(scene.words_of("biz_3", &BEGINNINGS).await, ["needles"]);
    for target in 1..=3 {
        scene.send("c1", EventName::ChatDelete, json!({"target": target})).await;
    }
    scene.digest().await;
    for company in ["biz_1", "biz_2", "biz_3"] {
        assert_eq!(scene.words_of(company, &BEGINNINGS).await, [""; 0], "{company}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_search_the_conversations_that_they_take_part_in() {
    let mut scene = Scene::new().await;
    scene.say("c1", "needle one").await;
    scene.say("c2", "a needle, two needles").await;
    scene.digest_news().await;
    assert_eq!(scene.own("ann", "needle").await, ["c2 1", "c1 1"]);
    assert_eq!(scene.own("bob", "needle").await, ["c1 1"]);
    assert_eq!(scene.own("stranger", "needle").await, Vec::<String>::new());
    let mut pages = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let found = scene.ask(None, "ann", "needle", 1, cursor).await.unwrap();
        pages.push(places(&found));
        let Some(next) = found.next else { break };
        cursor = String::from(next).into();
        // What becomes active meanwhile is still searched to its end.
        scene.say("c1", "hay").await;
        scene.digest_news().await;
    }
    assert_eq!(pages.concat(), ["c2 1", "c1 1"]);

    // So is what moves past the place of the search as it becomes active.
    scene.say("c2", "two more needles").await;
    scene.digest_news().await;
    let (mut pages, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let found = scene.ask(None, "ann", "needle", 1, cursor).await.unwrap();
        pages.push(places(&found));
        let Some(next) = found.next else { break };
        cursor = String::from(next).into();
        if pages.len() == 1 {
            scene.say("c1", "hay").await;
            scene.digest_news().await;
        }
    }
    assert_eq!(pages.concat(), ["c2 2", "c2 1", "c1 1"]);
    for cursor in ["42", "1.c1.2"] {
        let refused = scene.ask(None, "ann", "needle", 1, cursor.into()).await.unwrap_err();
        assert_eq!(refused.field(), Some("cursor"));
    }

    let ban = Restriction { restriction: RestrictionKind::Ban, until: None, reason: None };
    let version = Version { revision: None, at: now(), ahead_ms: 0, clock: Clock::Receipt };
    let change = RestrictionChange { to: ban, by: None, version, key: None };
    let scope = Scope::Conversation("c1".parse().unwrap());
    scene.realtime.table().restrict(&scope, &"bob".parse().unwrap(), &change, now()).await.unwrap();
    assert_eq!(scene.own("bob", "needle").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_of_a_company_is_bounded_and_goes_on() {
    let mut scene = Scene::new().await;
    for n in 0..5 {
        scene.say(["c1", "c2"][n % 2], &format!("needle haystack {n}")).await;
    }
    scene.digest().await;
    let (mut pages, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let found = scene.ask(Some("biz_1"), "admin", "needle hay", 2, cursor).await.unwrap();
        pages.push(places(&found));
        let Some(next) = found.next else { break };
        cursor = String::from(next).into();
    }
    assert_eq!(pages, [vec!["c1 3", "c2 2"], vec!["c1 2", "c2 1"], vec!["c1 1"]]);

    // Many words that begin alike and are newer, and more of them than one call reads.
    let company = "biz_1".parse().unwrap();
    let newer = |n: i64| MessagePlace {
        at: 9_000_000_000_000 + n,
        conversation: "c1".parse().unwrap(),
        seq: Seq::MAX,
    };
    let others: PostingChanges = (0..6_300)
        .map(|n| {
            let words = PostingChange::Put { words: "needs".to_owned(), expires_at: None };
            (("nee".to_owned(), newer(n)), words)
        })
        .collect();
    scene.realtime.table().change_postings(&company, others).await.unwrap();
    let first = scene.ask(Some("biz_1"), "admin", "needle", 10, Value::Null).await.unwrap();
    assert_eq!(first.results.len(), 0);
    let cursor = String::from(first.next.expect("there is more")).into();
    let second = scene.ask(Some("biz_1"), "admin", "needle", 10, cursor).await.unwrap();
    assert_eq!((second.results.len(), second.next), (5, None));
    // With a word that is rare, what lies between is not read.
    let both = scene.ask(Some("biz_1"), "admin", "haystack needle", 10, Value::Null).await.unwrap();
    assert_eq!((both.results.len(), both.next), (5, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_the_index_cannot_answer_is_refused() {
    let mut scene = Scene::new().await;
    let refused = async |scene: &Scene, query, cursor: Value| {
        let refusal = scene.ask(Some("biz_1"), "admin", query, 10, cursor).await.unwrap_err();
        (refusal.code(), refusal.field().map(str::to_owned))
    };
    let of = |field: &str| ("bad_request", Some(field.to_owned()));
    assert_eq!(refused(&scene, "the", Value::Null).await, of("query"));
    assert_eq!(refused(&scene, "needle", "42".into()).await, of("cursor"));
    scene.realtime.realtime.access.is_indexed = false;
    assert_eq!(refused(&scene, "needle", Value::Null).await, of("companyId"));
}

/// An edit is no new message, but it may change as many postings as there are words in the old text and in the new one.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_edits_pays_for_the_index() {
    let mut scene = Scene::new().await;
    scene.realtime.realtime.access.rates = Rates::new(scene.realtime.table().clone(), 0.01);
    let ann = "ann".parse().unwrap();
    let text = |first: char| {
        let words = ('a'..='z').flat_map(|second| ['a', 'b'].map(|third| format!("{first}{second}{third}")));
        words.collect::<Vec<_>>().join(" ")
    };
    let place = MessagePlace { at: 1, conversation: "c1".parse().unwrap(), seq: 1.try_into().unwrap() };
    let mut edit = TextChange {
        place,
        author: Some("ann".parse().unwrap()),
        before: text('x'),
        after: text('y'),
        expires_at: None,
    };
    let mut edits = 0;
    while scene.realtime.access.rates.standing(&ann, now()) == Standing::Good {
        scene.index(std::slice::from_ref(&edit)).await;
        std::mem::swap(&mut edit.before, &mut edit.after);
        edits += 1;
        assert!(edits < 40, "nobody is charged");
    }
}
