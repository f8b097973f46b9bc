//! What becomes of a message by its changes.

use serde_json::json;

use super::*;
use crate::{event::MessageType, file::FileState};

const AT: &str = "2026-11-23T10:00:00.123Z";

fn user(n: usize) -> UserId {
    format!("user_{n}").parse().unwrap()
}

/// A message of `user_1`.
fn message() -> Message {
    Message {
        from: Some(user(1)),
        body: MessageBody {
            id: "msg_1".to_owned().try_into().unwrap(),
            conversation_id: "c1".parse().unwrap(),
            kind: MessageType::User,
            content: "hello".to_owned(),
            timestamp: AT.parse().unwrap(),
            is_read: false,
            metadata: json!({"a": 1}).as_object().cloned(),
            user_id: Some(user(1)),
            mentions: vec![user(2)],
            attachments: vec![file(FileState::Checking)],
            edited_at: None,
            deleted_at: None,
        },
        reactions: Vec::new(),
    }
}

fn file(state: FileState) -> Attachment {
    let name = "a.png".to_owned().try_into().unwrap();
    let new = Attachment::new("file_1".parse().unwrap(), name, "image/png".parse().unwrap(), 70);
    Attachment { state, ..new }
}

/// A message that only the backend can have sent.
fn of_backend() -> Message {
    let mut message = message();
    message.from = None;
    message.body.user_id = None;
    message
}

fn change(by: ChangeAuthor, kind: ChangeKind) -> Change {
    Change { target: 7.try_into().unwrap(), by, kind }
}

fn edit() -> ChangeKind {
    ChangeKind::Edit { content: "new".to_owned(), metadata: None }
}

fn reaction(n: usize, emoji: &str, on: bool) -> Change {
    let emoji = emoji.to_owned().try_into().unwrap();
    change(ChangeAuthor::User(user(n)), ChangeKind::Reaction { user: user(n), emoji, on })
}

fn apply(message: Message, change: &Change) -> Result<(Message, Value), &'static str> {
    let changed = message.changed(change, AT.parse().unwrap()).map_err(|error| error.code())?;
    Ok((changed.message, serde_json::from_str(changed.data.get()).unwrap()))
}

#[test]
fn who_may_change_what() {
    let [author, other] = [1, 2].map(|n| ChangeAuthor::User(user(n)));
    let [own_team, team] = [1, 2].map(|n| ChangeAuthor::Moderator(user(n)));
    let backend = ChangeAuthor::Backend;
    for (by, message, edits, deletes) in [
        (&author, message(), true, true),
        (&other, message(), false, false),
        (&own_team, message(), true, true),
        (&team, message(), false, true),
        (&backend, message(), false, true),
        (&author, of_backend(), false, false),
        (&team, of_backend(), false, true),
        (&backend, of_backend(), true, true),
    ] {
        let may = |kind| apply(message.clone(), &change(by.clone(), kind)).map(drop);
        let expected = |allowed| if allowed { Ok(()) } else { Err("forbidden") };
        assert_eq!(may(edit()), expected(edits), "{by:?} edits {:?}", message.from);
        assert_eq!(may(ChangeKind::Delete), expected(deletes), "{by:?} deletes {:?}", message.from);
    }
    assert!(change(other, ChangeKind::Delete).needs_moderator(&message()));
    assert!(!change(author, ChangeKind::Delete).needs_moderator(&message()));
}

#[test]
fn an_edit_of_the_metadata_alone_keeps_the_files() {
    let attachments = vec![file(FileState::Ready)];
    let mut message = message();
    message.body.content.clear();
    message.body.attachments.clone_from(&attachments);
    let metadata = json!({"b": 2}).as_object().cloned();
    let kind = ChangeKind::Edit { content: String::new(), metadata: metadata.clone() };
    let (edited, _) = apply(message, &change(ChangeAuthor::User(user(1)), kind)).unwrap();
    assert_eq!((edited.body.metadata, edited.body.attachments), (metadata, attachments));
}

#[test]
fn an_edit_keeps_the_metadata_unless_it_has_its_own() {
    let author = ChangeAuthor::User(user(1));
    let (edited, data) = apply(message(), &change(author.clone(), edit())).unwrap();
    assert_eq!(
        data,
        json!({"target": 7, "content": "new", "metadata": {"a": 1}}),
        "the event states the result"
    );
    let body = &edited.body;
    assert_eq!((body.content.as_str(), &body.metadata), ("new", &message().body.metadata));
    assert_eq!(body.edited_at, Some(AT.parse().unwrap()));
    let metadata = json!({"b": 2}).as_object().cloned();
    let kind = ChangeKind::Edit { content: "new".to_owned(), metadata: metadata.clone() };
    let (edited, data) = apply(message(), &change(author, kind)).unwrap();
    assert_eq!((edited.body.metadata, &data["metadata"]), (metadata, &json!({"b": 2})));
}

#[test]
fn only_a_message_with_files_can_lose_its_text() {
    let empty = || ChangeKind::Edit { content: String::new(), metadata: None };
    let author = ChangeAuthor::User(user(1));
    let (edited, _) = apply(message(), &change(author.clone(), empty())).unwrap();
    assert_eq!((edited.body.content.as_str(), edited.body.excerpt().as_str()), ("", "a.png"));
    let mut bare = message();
    bare.body.attachments.clear();
    assert_eq!(apply(bare, &change(author, empty())).unwrap_err(), "bad_request");
}

#[test]
fn a_file_is_in_the_message_as_it_was_examined_last() {
    let examined = |file| change(ChangeAuthor::Backend, ChangeKind::File(file));
    let ready = Attachment { width: Some(3), height: Some(4), ..file(FileState::Ready) };
    let (changed, data) = apply(message(), &examined(ready.clone())).unwrap();
    assert_eq!(changed.body.attachments, std::slice::from_ref(&ready));
    assert_eq!((&data["target"], &data["file"]["width"]), (&json!(7), &json!(3)));
    let other = Attachment { id: "file_2".parse().unwrap(), ..ready };
    assert_eq!(apply(message(), &examined(other)).unwrap_err(), "not_found");
}

#[test]
fn of_a_deleted_message_only_its_place_remains() {
    let (reacted, _) = apply(message(), &reaction(2, "👍", true)).unwrap();
    let delete = change(ChangeAuthor::User(user(1)), ChangeKind::Delete);
    let (deleted, data) = apply(reacted, &delete).unwrap();
    assert_eq!(data, json!({"target": 7}));
    assert_eq!(deleted.reactions, []);
    assert_eq!(
        serde_json::to_value(&deleted.body).unwrap(),
        json!({"id": "msg_1", "conversationId": "c1", "type": "user", "content": "", "timestamp": AT, "isRead": false,
               "userId": "user_1", "deletedAt": AT})
    );
    for again in [delete, change(ChangeAuthor::Backend, edit()), reaction(1, "👍", true)] {
        assert_eq!(apply(deleted.clone(), &again).unwrap_err(), "not_found");
    }
}

#[test]
fn a_reaction_states_who_reacts_now() {
    let mut message = message();
    for (n, on, shown) in [
        (1, true, json!({"count": 1, "users": ["user_1"]})),
        (2, true, json!({"count": 2, "users": ["user_1", "user_2"]})),
        (2, true, json!({"count": 2, "users": ["user_1", "user_2"]})),
        (1, false, json!({"count": 1, "users": ["user_2"]})),
        (1, false, json!({"count": 1, "users": ["user_2"]})),
        (2, false, json!({"count": 0, "users": []})),
        (2, false, json!({"count": 0, "users": []})),
    ] {
        let (changed, data) = apply(message, &reaction(n, "👍", on)).unwrap();
        let expected =
            json!({"target": 7, "emoji": "👍", "on": on, "count": shown["count"], "users": shown["users"]});
        assert_eq!(data, expected);
        message = changed;
    }
    assert_eq!(message.reactions, [], "an emoji that nobody uses any more is gone");
}

#[test]
fn reactions_have_limits() {
    let mut message = message();
    for n in 0..REACTION_EMOJIS_MAX {
        let user = 1 + n / REACTIONS_OF_USER_MAX;
        (message, _) = apply(message, &reaction(user, &format!("e{n}"), true)).unwrap();
    }
    assert_eq!(
        apply(message.clone(), &reaction(1, "e19", true)).unwrap_err(),
        "bad_request",
        "one user's share"
    );
    for hidden in ["\u{0}", "a b", "\u{85}"] {
        assert_eq!(apply(self::message(), &reaction(1, hidden, true)).unwrap_err(), "bad_request");
    }
    let other = apply(message.clone(), &reaction(9, "other", true));
    assert_eq!(other.unwrap_err(), "bad_request");
    assert!(apply(message.clone(), &reaction(9, "other", false)).is_ok(), "taking back is always possible");
    let mut users = 1;
    while let Ok((changed, data)) = apply(message.clone(), &reaction(users + 100, "e0", true)) {
        users += 1;
        message = changed;
        assert_eq!(data["count"], json!(users));
        assert_eq!(data["users"].as_array().unwrap().len(), users.min(REACTION_USERS_SHOWN_MAX));
    }
    assert!(users > 500, "{users}");
    assert!(json_bytes(&message.reactions) <= REACTIONS_BYTES_MAX);
    let (message, data) = apply(message, &reaction(1, "e0", false)).unwrap();
    assert_eq!(data["count"], json!(users - 1));
    assert_eq!(data["users"][49], json!("user_150"), "the next one is shown");
    assert_eq!(message.reactions[0].shown().users.len(), REACTION_USERS_SHOWN_MAX);
}
