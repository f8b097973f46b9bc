//! The client against frames by hand: no socket, no clock but the one that is given.

mod membership;

use std::sync::Arc;

use super::*;
use crate::soak::issuer::Issuer;
use crate::soak::world::Person;

const BEAT: Duration = Duration::from_secs(2);
const TALK: &str = "conversation:c";

struct Scene {
    session: Session,
    now: Instant,
    /// What went out, from the last look on.
    sent: Vec<Value>,
}

impl Scene {
    /// Connected, and joined at an empty log.
    fn joined() -> Self {
        Self::of(true)
    }

    /// The same, of a client that numbers its joins and leaves, or does not.
    fn of(gives_order: bool) -> Self {
        let now = Instant::now();
        let session = Session::new(settings(gives_order, now), &[TALK.to_owned()], now);
        let mut scene = Self { session, now, sent: Vec::new() };
        scene.reconnect();
        assert_eq!(scene.only("join")["since"], Value::Null);
        scene.reply("join", &joined_at(0));
        scene.reply("status", &json!({"connectionId": "c", "channels": []}));
        scene
    }

    fn reconnect(&mut self) {
        self.session.disconnected(self.now);
        self.sent.clear();
        self.session.connected(u64::MAX, true, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.tick(self.now);
    }

    /// The only request of this action that is not answered yet.
    fn only(&mut self, action: &str) -> Value {
        self.sent.extend(self.session.outgoing());
        let found: Vec<_> = self.sent.iter().filter(|frame| frame["action"] == action).collect();
        assert_eq!(found.len(), 1, "{action} in {:?}", self.sent);
        found[0].clone()
    }

    fn asks(&mut self, action: &str) -> bool {
        self.sent.extend(self.session.outgoing());
        self.sent.iter().any(|frame| frame["action"] == action)
    }

    fn answer(&mut self, action: &str, mut frame: Value) {
        let id = self.only(action)["id"].clone();
        self.sent.retain(|frame| frame["id"] != id);
        frame["type"] = "reply".into();
        frame["id"] = id;
        self.session.frame(&frame, self.now);
    }

    /// Answers the request of this action that went out first.
    fn reply_to_first(&mut self, action: &str, data: &Value) {
        self.sent.extend(self.session.outgoing());
        let place = self.sent.iter().position(|frame| frame["action"] == action).unwrap();
        let id = self.sent.remove(place)["id"].clone();
        self.session.frame(&json!({"type": "reply", "id": id, "ok": true, "data": data}), self.now);
    }

    /// The actions that went out, and their numbers.
    fn turns(&mut self) -> Vec<(String, Value)> {
        self.sent.extend(self.session.outgoing());
        let of_membership = |frame: &&Value| frame["action"] == "join" || frame["action"] == "leave";
        let turns = self.sent.iter().filter(of_membership);
        turns.map(|frame| (frame["action"].as_str().unwrap().to_owned(), frame["order"].clone())).collect()
    }

    fn is_joined(&self) -> bool {
        self.session.standing().joined.contains_key(TALK)
    }

    fn noted(&self, wanted: impl Fn(&Wire) -> bool) -> usize {
        self.session.tape.iter().filter(|note| wanted(&note.what)).count()
    }

    fn reply(&mut self, action: &str, data: &Value) {
        self.answer(action, json!({"ok": true, "data": data}));
    }

    fn refuse(&mut self, action: &str, code: &str) {
        self.answer(action, json!({"ok": false, "error": {"code": code, "message": "no"}}));
    }

    fn live(&mut self, seq: u64) {
        self.session.frame(&message(seq, "bob", &format!("b-{seq}")), self.now);
    }

    fn say(&mut self) {
        self.session.say(TALK, "hello".to_owned(), self.now);
    }

    fn heard(&self) -> Vec<u64> {
        let saw = self.session.entries.iter().filter_map(|entry| match entry {
            Entry::Saw(event) => event.seq,
            _ => None,
        });
        saw.collect()
    }

    fn has_disagreement(&self) -> bool {
        self.session.entries.iter().any(|entry| matches!(entry, Entry::Disagrees { .. }))
    }

    fn has(&self, wanted: &Entry) -> bool {
        self.session.entries.contains(wanted)
    }
}

fn message(seq: u64, user: &str, key: &str) -> Value {
    json!({"type": "event", "channel": TALK, "event": "chat.message", "seq": seq, "key": key,
        "from": {"userId": user, "name": "x"}, "data": {"content": "hello"}})
}

fn settings(gives_order: bool, now: Instant) -> Settings {
    let person =
        Person { id: "ann".to_owned(), company: "biz_1".to_owned(), is_team: false, is_crowd: false };
    Settings {
        device: "d".to_owned(),
        person,
        issuer: Arc::new(Issuer::new()),
        token_seconds: 60,
        gives_order,
        by_grant: Vec::new(),
        for_a_time: Vec::new(),
        beat: BEAT,
        clock: Clock::new(now),
    }
}

fn joined_at(head: u64) -> Value {
    json!({"head": head, "recovered": true, "events": [], "more": false})
}

#[test]
fn what_is_missing_is_fetched_and_heard_in_order() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.live(3);
    assert!(!scene.asks("history"));
    scene.pass(Duration::from_millis(200));
    assert_eq!(scene.only("history")["after"], 1);
    scene.reply("history", &json!({"events": [message(2, "bob", "b-2")], "more": false}));
    assert_eq!(scene.heard(), [1, 2, 3]);
}

#[test]
fn a_new_connection_joins_with_since_and_hears_what_it_missed() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.reconnect();
    assert_eq!(scene.only("join")["since"], 1);
    let missed = [message(2, "bob", "b-2"), message(3, "bob", "b-3")];
    scene.reply("join", &json!({"head": 5, "recovered": true, "events": missed, "more": true}));
    assert_eq!(scene.only("history")["after"], 3, "there is more");
    let rest = [message(4, "bob", "b-4"), message(5, "bob", "b-5")];
    scene.reply("history", &json!({"events": rest, "more": false}));
    assert_eq!(scene.heard(), [1, 2, 3, 4, 5]);
    assert!(scene.session.standing().is_settled);
}

#[test]
fn a_part_that_passes_for_the_whole_is_written_down() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.reconnect();
    let part = [message(2, "bob", "b-2")];
    scene.reply("join", &json!({"head": 5, "recovered": true, "events": part, "more": false}));
    assert!(matches!(scene.session.entries.iter().rev().nth(1), Some(Entry::Partial { .. })));
}

#[test]
fn what_cannot_be_recovered_begins_anew_and_is_written_down() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.reconnect();
    scene.reply("join", &json!({"head": 7, "recovered": false, "events": [], "more": false}));
    scene.live(8);
    assert_eq!(scene.heard(), [1, 8]);
    assert!(scene.has(&Entry::Reset { channel: TALK.to_owned(), since: 1, at: 7 }));
}

#[test]
fn an_own_message_is_heard_in_its_place() {
    let mut scene = Scene::joined();
    scene.say();
    let send = scene.only("send");
    assert_eq!((&send["base"], &send["key"]), (&json!(0), &json!("d-000001")));
    scene.reply("send", &json!({"seq": 2, "duplicate": false}));
    assert!(scene.heard().is_empty(), "one is missing before it");
    scene.live(1);
    assert_eq!(scene.heard(), [1, 2]);
    assert!(scene.session.standing().is_settled);
}

#[test]
fn a_message_without_an_answer_is_sent_again_with_the_same_key() {
    let mut scene = Scene::joined();
    scene.say();
    let first = scene.only("send");
    let failed = json!({"message": "Internal server error", "connectionId": "c", "requestId": "r"});
    scene.session.frame(&failed, scene.now);
    scene.sent.clear();
    scene.pass(RETRY);
    let second = scene.only("send");
    assert_eq!((&second["key"], &second["base"]), (&first["key"], &first["base"]));
    assert_ne!(second["id"], first["id"]);
    scene.refuse("send", "internal");
    scene.pass(RETRY);
    scene.reply("send", &json!({"seq": 1, "duplicate": true}));
    assert!(scene.session.standing().is_settled);
}

#[test]
fn a_message_that_recovery_brings_is_sent_again_from_just_below() {
    let mut scene = Scene::joined();
    scene.say();
    scene.say();
    scene.reconnect();
    assert!(!scene.asks("send"), "first it must know what it missed");
    let missed = [message(1, "ann", "d-000001")];
    scene.reply("join", &json!({"head": 1, "recovered": true, "events": missed, "more": false}));
    assert!(scene.asks("send"));
    let sends = scene.sent.iter().filter(|frame| frame["action"] == "send");
    let sends: Vec<_> = sends.map(|send| (&send["key"], &send["base"])).collect();
    assert_eq!(
        sends,
        [(&json!("d-000001"), &json!(0)), (&json!("d-000002"), &json!(1))],
        "the other one with the new head"
    );
}

#[test]
fn a_key_of_another_is_not_ones_own() {
    let mut scene = Scene::joined();
    scene.say();
    scene.session.frame(&message(1, "bob", "d-000001"), scene.now);
    assert!(!scene.session.standing().is_settled);
}

#[test]
fn a_membership_that_the_server_forgot_is_joined_again() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.pass(Duration::from_millis(10));
    scene.say();
    scene.refuse("send", "not_joined");
    assert_eq!(scene.noted(|what| matches!(what, Wire::Denied { .. })), 1, "that is written down");
    assert_eq!(scene.only("join")["since"], 1);
    scene.reply("join", &json!({"head": 1, "recovered": true, "events": [], "more": false}));
    assert_eq!(scene.only("send")["key"], "d-000001");
}

#[test]
fn a_connection_that_nobody_knows_is_given_up() {
    let mut scene = Scene::joined();
    scene.pass(BEAT);
    scene.refuse("ping", "unauthorized");
    assert!(scene.session.is_spent());

    let mut silent = Scene::joined();
    silent.pass(BEAT);
    silent.pass(Duration::from_secs(15));
    assert!(silent.session.is_spent(), "a ping without an answer");
}

#[test]
fn who_is_too_fast_waits_as_long_as_they_are_told() {
    let mut scene = Scene::joined();
    scene.say();
    let error = json!({"code": "rate_limited", "message": "slower", "retryAfterMs": 700});
    scene.answer("send", json!({"ok": false, "error": error}));
    assert!(!scene.session.is_free(scene.now));
    scene.pass(Duration::from_millis(600));
    assert!(!scene.asks("send"));
    scene.pass(Duration::from_millis(100));
    assert!(scene.asks("send"));
}

#[test]
fn who_is_too_far_behind_sends_again_from_where_they_have_come_to() {
    let mut scene = Scene::joined();
    scene.say();
    scene.live(1);
    scene.refuse("send", "conflict");
    scene.pass(RETRY);
    assert_eq!(scene.only("send")["base"], 1);
}

#[test]
fn a_message_that_is_refused_for_good_is_not_sent_again() {
    let mut scene = Scene::joined();
    scene.session.say_nonsense(TALK, scene.now);
    scene.refuse("send", "bad_request");
    let (channel, key) = (TALK.to_owned(), "d-nonsense-1".to_owned());
    assert!(scene.has(&Entry::Refused { channel, key, code: "bad_request".to_owned() }));
    assert!(scene.session.standing().is_settled);
}

#[test]
fn what_is_kept_is_repeated_with_a_base_below_it() {
    let mut scene = Scene::joined();
    scene.say();
    scene.reply("send", &json!({"seq": 1, "duplicate": false}));
    scene.session.repeat(|_| 0, scene.now);
    let repeat = scene.only("send");
    assert_eq!((&repeat["key"], &repeat["base"]), (&json!("d-000001"), &json!(0)));
    scene.reply("send", &json!({"seq": 1, "duplicate": true}));
    let (channel, key, at_ms) =
        (TALK.to_owned(), "d-000001".to_owned(), scene.session.settings.clock.ms(scene.now));
    assert!(scene.has(&Entry::Acked { channel, key, seq: 1, duplicate: true, at_ms }));
    assert_eq!(scene.heard(), [1]);
}

#[test]
fn who_leaves_hears_no_more_and_comes_back_where_they_were() {
    let mut scene = Scene::joined();
    scene.live(1);
    scene.session.leave(TALK, scene.now);
    scene.reply("leave", &json!({"channel": TALK}));
    scene.live(2);
    assert_eq!(scene.heard(), [1]);
    assert!(scene.session.standing().joined.is_empty());
    scene.session.join(TALK, scene.now);
    scene.pass(Duration::ZERO);
    assert_eq!(scene.only("join")["since"], 1);
}

#[test]
fn a_channel_that_was_never_wanted_is_a_stray() {
    let mut scene = Scene::joined();
    let mut foreign = message(1, "bob", "b-1");
    foreign["channel"] = "conversation:other".into();
    scene.session.frame(&foreign, scene.now);
    assert!(matches!(scene.session.entries.last(), Some(Entry::Stray(_))));
}
