//! Memberships: what is owed to them, which of several requests counts, and how they end.

use super::*;

#[test]
fn what_is_healed_by_history_is_still_owed() {
    let mut scene = Scene::joined();
    scene.live(2);
    scene.pass(Duration::from_millis(200));
    scene.reply("history", &json!({"events": [message(1, "bob", "b-1")], "more": false}));
    assert_eq!(scene.heard(), [1, 2]);
    assert_eq!(scene.session.standing().unposted, [(TALK.to_owned(), [1].into())].into());
    scene.live(1);
    assert!(scene.session.standing().unposted.is_empty(), "late, and posted");
    assert_eq!(scene.heard(), [1, 2]);
}

#[test]
fn an_own_message_is_posted_where_it_did_not_go_out() {
    let mut scene = Scene::joined();
    scene.say();
    let send = scene.only("send");
    scene.session.goes_out(&send, scene.now);
    scene.reply("send", &json!({"seq": 1, "duplicate": false}));
    assert!(scene.session.standing().unposted.is_empty());
    scene.say();
    scene.reply("send", &json!({"seq": 2, "duplicate": false})); // by HTTP
    assert_eq!(scene.session.standing().unposted, [(TALK.to_owned(), [2].into())].into());
}

#[test]
fn of_a_leave_and_a_join_that_cross_the_last_one_counts() {
    let mut scene = Scene::joined();
    scene.session.cross(TALK, scene.now);
    assert_eq!(scene.turns(), [("leave".to_owned(), json!(2)), ("join".to_owned(), json!(3))]);
    scene.reply("join", &joined_at(0));
    assert!(scene.is_joined());
    scene.reply("leave", &json!({"channel": TALK}));
    assert!(scene.is_joined(), "the leave was earlier");

    scene.session.leave(TALK, scene.now);
    scene.reply("leave", &json!({"channel": TALK}));
    scene.session.cross(TALK, scene.now);
    assert_eq!(scene.turns(), [("join".to_owned(), json!(5)), ("leave".to_owned(), json!(6))]);
    scene.reply("leave", &json!({"channel": TALK}));
    scene.refuse("join", "conflict");
    assert!(!scene.is_joined());
    assert!(scene.session.standing().is_settled);
}

#[test]
fn two_that_have_no_number_do_not_go_out_at_the_same_moment() {
    let mut scene = Scene::of(false);
    scene.pass(Duration::from_secs(1));
    scene.session.cross(TALK, scene.now);
    assert_eq!(scene.turns(), [("leave".to_owned(), Value::Null)]);
    scene.pass(Duration::from_millis(20));
    assert_eq!(scene.turns().len(), 2);
    scene.reply("join", &joined_at(0));
    scene.reply("leave", &json!({"channel": TALK}));
    assert!(scene.is_joined());
}

#[test]
fn a_join_without_an_answer_is_asked_for_again_where_it_has_a_number() {
    for gives_order in [true, false] {
        let mut scene = Scene::of(gives_order);
        scene.pass(Duration::from_secs(1));
        scene.session.cross(TALK, scene.now);
        scene.pass(Duration::from_millis(20));
        assert_eq!(scene.turns().len(), 2);
        scene.sent.clear();
        scene.pass(Duration::from_secs(15));
        assert_eq!(scene.session.is_spent(), !gives_order);
        if gives_order {
            assert_eq!(scene.turns(), [("join".to_owned(), json!(4))], "the leave has been overtaken");
        }
    }
}

#[test]
fn who_is_removed_comes_again_and_who_is_refused_waits() {
    let mut scene = Scene::joined();
    let revoked = json!({"type": "event", "channel": TALK, "event": "access.revoked",
        "at": "2026-11-23T10:00:00.000Z", "data": {"userId": "ann", "reason": "kicked"}});
    scene.session.frame(&revoked, scene.now);
    assert!(!scene.is_joined() && !scene.asks("join"));
    scene.pass(Duration::from_millis(1_500));
    scene.refuse("join", "forbidden");
    let standing = scene.session.standing();
    assert!(standing.is_settled && standing.barred.contains(TALK), "{standing:?}");
    scene.pass(Duration::from_millis(1_500));
    scene.session.frame(&revoked, scene.now); // of before or after this join?
    scene.reply_to_first("join", &joined_at(0));
    assert!(!scene.is_joined(), "that the answer does not tell");
    assert_eq!(scene.turns().len(), 1, "so it joins once more");
}

#[test]
fn what_the_server_knows_is_held_against_what_is_joined() {
    let mut scene = Scene::joined();
    let knows = |channels: Value| json!({"connectionId": "c", "channels": channels});
    scene.session.ask_status(scene.now);
    scene.reply("status", &knows(json!([])));
    assert!(!scene.has_disagreement(), "it may have been read before");
    for (channels, is_wrong) in [(json!([TALK]), false), (json!([]), false), (json!([]), true)] {
        for _ in 0..11 {
            scene.pass(Duration::from_secs(1));
            scene.sent.extend(scene.session.outgoing());
            if scene.sent.iter().any(|frame| frame["action"] == "ping") {
                scene.reply_to_first("ping", &json!({}));
            }
        }
        scene.session.ask_status(scene.now);
        scene.reply("status", &knows(channels));
        assert_eq!(scene.has_disagreement(), is_wrong);
    }
}

#[test]
fn a_token_is_renewed_before_it_ends_unless_it_is_to_end() {
    let mut scene = Scene::joined();
    for (renews, wanted) in [(true, true), (false, false)] {
        scene.session.disconnected(scene.now);
        scene.sent.clear();
        let soon = scene.session.settings.clock.ms(scene.now) + 4_000;
        scene.session.connected(soon, renews, scene.now);
        scene.pass(BEAT);
        assert_eq!(scene.only("ping")["token"].is_string(), wanted);
    }
}
