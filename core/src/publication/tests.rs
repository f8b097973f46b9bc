//! Publications from well-formed and malformed drafts and details.

use serde_json::{Value, json};

use super::*;
use crate::{
    Error, Identity, Timestamp,
    action::{Send, parse as parse_frame},
    bus::DetailType,
    event::{EventName, MessageBody, MessageType},
    identity::CompaniesBy,
    message::{ChangeAuthor, ChangeKind},
    policy::Lane,
};

const AT: &str = "2026-11-23T10:00:00.123Z";
/// When the event reached AWS.
const SOON: &str = "2026-11-23T10:00:02.000Z";
/// When the server processes what was sent [`AT`].
const LATER: &str = "2026-11-23T10:01:00.456Z";

fn ann() -> Identity {
    Identity {
        user: "user_1".parse().unwrap(),
        name: "Ann".to_owned().try_into().unwrap(),
        companies: vec![],
        companies_by: CompaniesBy::Token,
        experiences: vec![],
        rooms: vec![],
        expires_at: Timestamp::from_secs(4_102_444_800),
    }
}

fn publish(frame: Value) -> Result<Publication, Error> {
    publish_beside(frame, None)
}

/// What Ann publishes in an app whose own user is `agent`.
fn publish_beside(mut frame: Value, agent: Option<&str>) -> Result<Publication, Error> {
    let agent = agent.map(|agent| agent.parse().unwrap());
    frame["action"] = json!("send");
    let send: Send = parse_frame(&frame.to_string()).map_err(|rejected| rejected.error)?.action;
    Publication::from_client(send, &ann(), agent.as_ref(), AT.parse().unwrap(), || "msg_1".into())
}

fn chat(data: &Value) -> Result<Publication, Error> {
    publish(json!({"channel": "conversation:c1", "event": "chat.message", "key": "k1", "data": data}))
}

fn from_backend(detail_type: &str, detail: Value) -> Result<Publication, Error> {
    let of = detail_type.parse().map_err(|error: Error| error.at("detail-type"))?;
    let (id, agent) = ("evt-1".parse().unwrap(), "user_bot".parse().unwrap());
    Publication::from_backend(of, detail, id, Some(&agent), times())
}

/// Sent [`AT`], arrived [`SOON`], and published [`LATER`].
fn times() -> Times {
    let [sent_at, taken_at, now] = [AT, SOON, LATER].map(|time| time.parse().unwrap());
    Times { sent_at, taken_at, now }
}

#[test]
fn the_server_adds_the_sender_the_conversation_and_the_time() {
    let publication = chat(&json!({"content": "hi", "metadata": {"a": 1}})).unwrap();
    assert_eq!(publication.lane, Lane::Durable);
    assert_eq!(
        serde_json::from_str::<Value>(publication.data.get()).unwrap(),
        json!({"id": "msg_1", "conversationId": "c1", "type": "user", "content": "hi", "timestamp": AT,
               "isRead": false, "metadata": {"a": 1}, "userId": "user_1"})
    );
}

#[test]
fn a_client_cannot_send_as_another_author() {
    for (data, code) in [
        (json!({"content": "hi", "userId": "user_2"}), "bad_request"),
        (json!({"content": "hi", "timestamp": AT}), "bad_request"),
        (json!({"content": "hi", "type": "bot"}), "forbidden"),
        (json!({"content": "hi", "type": "system"}), "forbidden"),
        (json!({"content": ""}), "bad_request"),
        (json!({"content": "x".repeat(16 * 1024 + 1)}), "too_large"),
        (json!({"content": "hi", "metadata": {"a": "x".repeat(4096)}}), "too_large"),
        (json!({"content": "hi", "metadata": []}), "bad_request"),
        (json!("hi"), "bad_request"),
    ] {
        assert_eq!(chat(&data).unwrap_err().code(), code, "{data}");
    }
}

#[test]
fn only_the_apps_own_user_sends_as_a_bot() {
    let kind = |agent: Option<&str>, claimed: Value| {
        let frame = json!({"channel": "conversation:c1", "event": "chat.message", "key": "k1",
                           "data": {"content": "hi", "type": claimed}});
        let data = publish_beside(frame, agent)?.data;
        Ok::<_, Error>(serde_json::from_str::<MessageBody>(data.get()).unwrap().kind)
    };
    for (agent, claimed, spoken) in [
        (Some("user_1"), "user", Some(MessageType::Bot)),
        (Some("user_1"), "bot", Some(MessageType::Bot)),
        (Some("user_1"), "system", None),
        (Some("user_2"), "user", Some(MessageType::User)),
        (Some("user_2"), "bot", None),
        (None, "bot", None),
    ] {
        assert_eq!(kind(agent, json!(claimed)).ok(), spoken, "{agent:?} {claimed}");
    }
}

#[test]
fn the_default_user_of_a_bot_is_the_agent() {
    for (kind, user, shown) in [
        ("bot", Value::Null, json!("user_bot")),
        ("bot", json!("user_7"), json!("user_7")),
        ("system", Value::Null, Value::Null),
        ("user", json!("user_7"), json!("user_7")),
    ] {
        let detail = json!({"conversationId": "c1", "type": kind, "content": "hi", "userId": user});
        let data = from_backend("ChatMessage", detail).unwrap().data;
        let message: Value = serde_json::from_str(data.get()).unwrap();
        assert_eq!(message.get("userId").cloned().unwrap_or_default(), shown, "{kind}");
    }
}

#[test]
fn what_a_client_may_publish_and_where() {
    let typing =
        publish(json!({"channel": "conversation:c1", "event": "chat.typing", "data": {"isTyping": true}}));
    assert_eq!(typing.unwrap().lane, Lane::Ephemeral);
    let keyless =
        publish(json!({"channel": "conversation:c1", "event": "chat.message", "data": {"content": "a"}}));
    assert_eq!(keyless.unwrap_err().code(), "bad_request");
    for (channel, event) in [
        ("conversation:c1", "chat.receipt"),
        ("conversation:c1", "presence.join"),
        ("conversation:c1", "funnel.update"),
        ("company:c1", "presence.update"),
        ("user:user_1", "user.notification"),
        ("system", "system.notification"),
        ("funnel_updates:biz_1", "chat.message"),
    ] {
        let refused = publish(json!({"channel": channel, "event": event, "key": "k", "data": {}}));
        assert_eq!(refused.unwrap_err().code(), "forbidden", "{event} on {channel}");
    }
}

#[test]
fn a_detail_gets_its_channel_and_its_time() {
    let funnel = json!({"type": "generation_progress", "funnelId": "f1", "funnelName": "Spring", "progress": 40,
                        "userId": "user_1", "companyId": "biz_1"});
    let publication = from_backend("FunnelUpdate", funnel).unwrap();
    assert_eq!(publication.channel.to_string(), "funnel_updates:biz_1");
    assert_eq!((publication.lane, publication.latest_key.as_deref()), (Lane::DurableAndLatest, Some("f1")));
    assert!(publication.data.get().contains(AT));

    let notice = json!({"level": "info", "title": "Hello", "message": "World", "userId": "user_9"});
    let publication = from_backend("UserNotification", notice.clone()).unwrap();
    assert_eq!(publication.channel.to_string(), "user:user_9");
    assert!(publication.data.get().contains("evt-1"), "the id of the event is the default");
    assert!(
        from_backend("SystemNotification", notice).is_err(),
        "a notification for one user must not reach all"
    );
}

/// The later one stays, whichever is processed first.
#[test]
fn an_event_kept_only_as_the_latest_has_the_time_at_which_it_happened() {
    let at = |timestamp: Option<&str>| {
        let metric = json!({"metric": "visits", "value": 1, "companyId": "biz_1", "timestamp": timestamp});
        from_backend("AnalyticsUpdate", metric).unwrap().at.to_string()
    };
    assert_eq!(at(Some("2026-11-23T09:00:00.000Z")), "2026-11-23T09:00:00.000Z");
    assert_eq!(at(None), AT, "when it was sent");
    assert_eq!(
        at(Some("2099-01-01T00:00:00.000Z")),
        SOON,
        "no later than its arrival, however often it is retried"
    );
    let resource = json!({"type": "created", "resourceId": "r", "resourceType": "t", "resourceName": "n",
                          "companyId": "biz_1", "timestamp": AT});
    let resource = from_backend("ResourceUpdate", resource).unwrap();
    assert_eq!([resource.at, resource.happened_at].map(|time| time.to_string()), [LATER, AT]);
}

/// A producer whose clock is an hour ahead.
#[test]
fn a_time_in_the_future_becomes_the_time_of_arrival() {
    let metric = json!({"metric": "visits", "value": 1, "companyId": "biz_1"});
    let ahead = Times { sent_at: "2026-11-23T11:00:00.000Z".parse().unwrap(), ..times() };
    let id = "evt-1".parse().unwrap();
    let publication =
        Publication::from_backend(DetailType::AnalyticsUpdate, metric, id, None, ahead).unwrap();
    assert_eq!(publication.happened_at.to_string(), SOON);
    assert!(publication.data.get().contains(SOON), "{}", publication.data);
}

#[test]
fn defaults_are_the_id_and_time_of_the_event() {
    for (given, id, timestamp) in [
        (json!({}), "evt-1", AT),
        (json!({"id": null, "timestamp": null}), "evt-1", AT),
        (json!({"id": "m1", "timestamp": "2026-01-01T00:00:00.000Z"}), "m1", "2026-01-01T00:00:00.000Z"),
    ] {
        let mut detail = json!({"conversationId": "c1", "type": "system", "content": "hi", "isRead": true});
        detail.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let data: Value =
            serde_json::from_str(from_backend("ChatMessage", detail).unwrap().data.get()).unwrap();
        assert_eq!(
            data,
            json!({"id": id, "conversationId": "c1", "type": "system", "content": "hi", "timestamp": timestamp,
                   "isRead": false})
        );
    }
    let wrong = json!({"conversationId": "c1", "type": "system", "content": "hi", "timestamp": 1});
    assert_eq!(from_backend("ChatMessage", wrong).unwrap_err().code(), "bad_request");
}

#[test]
fn a_malformed_detail_is_refused() {
    for (detail_type, detail) in [
        (
            "FunnelUpdate",
            json!({"type": "exploded", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b"}),
        ),
        (
            "FunnelUpdate",
            json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b:c"}),
        ),
        (
            "FunnelUpdate",
            json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "b", "progress": 101}),
        ),
        ("UserNotification", json!({"level": "info", "title": "a", "message": "b"})),
        ("AnalyticsUpdate", json!({"metric": "visits", "value": "many", "companyId": "b"})),
        ("Nonsense", json!({})),
    ] {
        let error = from_backend(detail_type, detail).unwrap_err();
        assert_eq!(error.code(), "bad_request", "{error}");
    }
}

#[test]
fn the_outbox_cannot_publish_on_another_companys_channel() {
    let update =
        json!({"type": "deployed", "funnelId": "f", "funnelName": "n", "userId": "u", "companyId": "biz_1"});
    let publish = |channel: &str| {
        let key = "k".parse().unwrap();
        Publication::from_outbox(
            channel.parse().unwrap(),
            EventName::FunnelUpdate,
            update.clone(),
            key,
            None,
            times(),
        )
    };
    assert!(publish("funnel_updates:biz_1").is_ok());
    assert!(publish("funnel_updates:biz_2").is_err());
    assert!(publish("system").is_err());
}

#[test]
fn a_change_names_its_author_and_its_message() {
    let change = |event: &str, data: Value| {
        publish(json!({"channel": "conversation:c1", "event": event, "key": "k", "data": data}))
            .map(|sent| sent.effect)
    };
    let author = ChangeAuthor::User("user_1".parse().unwrap());
    for (event, data) in [
        ("chat.edit", json!({"target": 7, "content": "new"})),
        ("chat.delete", json!({"target": 7})),
        ("chat.reaction", json!({"target": 7, "emoji": "👍", "on": true})),
    ] {
        let Effect::Change(change) = change(event, data).unwrap() else { panic!("{event} is a change") };
        assert_eq!((change.target.get(), &change.by), (7, &author), "{event}");
    }
    for (event, data, field) in [
        ("chat.edit", json!({"target": 7, "content": 1}), "data.content"),
        ("chat.edit", json!({"target": 0.5, "content": "new"}), "data.target"),
        ("chat.delete", json!({"target": 7, "content": "new"}), "data.content"),
        ("chat.reaction", json!({"target": 7, "emoji": "", "on": true}), "data.emoji"),
        ("chat.reaction", json!({"target": 7, "emoji": "x".repeat(65), "on": true}), "data.emoji"),
        ("chat.reaction", json!({"target": 7, "emoji": "x"}), "data.on"),
    ] {
        assert_eq!(change(event, data).unwrap_err().field(), Some(field), "{event}");
    }
}

#[test]
fn a_change_by_the_backend() {
    let change =
        |detail_type: &str, detail| from_backend(detail_type, detail).map(|published| published.effect);
    let reaction = |user: Value| {
        let detail = json!({"conversationId": "c1", "target": 7, "emoji": "👍", "on": true, "userId": user});
        let Effect::Change(change) = change("ChatReaction", detail).unwrap() else {
            panic!("it is a change")
        };
        match change.kind {
            ChangeKind::Reaction { user, .. } => (change.by, user.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reaction(json!("user_7")), (ChangeAuthor::Backend, "user_7".to_owned()));
    assert_eq!(reaction(Value::Null).1, "user_bot", "the default is the app's own user");
    let edit = json!({"conversationId": "c1", "target": 7, "content": "x".repeat(20_000)});
    assert_eq!(change("ChatEdit", edit).unwrap_err().code(), "too_large");
    let delete = json!({"conversationId": "c1", "target": 7, "userId": "user_1"});
    assert_eq!(change("ChatDelete", delete).unwrap_err().field(), Some("detail.userId"));
}

#[test]
fn a_message_refers_to_another_and_mentions_users() {
    let sent = chat(&json!({"content": "hi", "replyTo": 7, "mentions": ["user_2"]})).unwrap();
    let Effect::Message(References { reply_to, mentions, .. }) = sent.effect else {
        panic!("it is a message")
    };
    assert_eq!((reply_to.unwrap().get(), mentions), (7, vec!["user_2".parse().unwrap()]));
    let data: Value = serde_json::from_str(sent.data.get()).unwrap();
    assert_eq!((&data["mentions"], &data["replyTo"]), (&json!(["user_2"]), &Value::Null));
    let many: Vec<_> = (0..21).map(|n| format!("user_{n}")).collect();
    let error = chat(&json!({"content": "hi", "mentions": many})).unwrap_err();
    assert_eq!(error.field(), Some("data.mentions"));
    let detail = json!({"conversationId": "c1", "type": "bot", "content": "hi", "mentions": many});
    assert_eq!(from_backend("ChatMessage", detail).unwrap_err().field(), Some("detail.mentions"));
}
