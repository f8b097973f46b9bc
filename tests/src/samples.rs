//! The samples of `events/`: each is passed to its function on a running stack, and must get its expected answer.
//!
//! One list serves both the local stack's `Invoke` API, in the suite, and `sam local invoke`, in `scripts/sam-local`: only the
//! invoker differs. The samples tell one story, in which Ann (`user_1`) is connected. Their connection is replaced by a real one
//! of the stack, so that the functions' posts arrive there.

mod sam;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

pub use self::sam::Sam;
use crate::{Client, Role, Stack, User};

/// The id of the connection in the samples.
const CONNECTION: &str = "dXaZ1cKqoAMCJbw=";
/// The company in the samples. Ann is its admin.
const COMPANY: &str = "biz_1";
/// Channels of the story that Ann must join without a sample. The sample `join` joins the funnel updates.
const CHANNELS: [&str; 6] =
    ["resource_updates:biz_1", "analytics:biz_1", "system", "user:user_1", "experience:exp_1", "room:lobby"];

/// Ann joins those channels after this sample, because an earlier one, `connect`, makes a new connection.
const BEFORE_JOINING: &str = "status";

/// A sample, the function that it is for, and what must follow.
struct Case {
    /// The function's folder.
    function: &'static str,
    /// The file in `events/`, without `.json`.
    sample: &'static str,
    /// A text in the sample and its replacement, so that a sample can be used twice.
    replace: Option<(&'static str, &'static str)>,
    /// The fields that the answer must have; it may have more.
    answer: Value,
    /// The event that Ann's connection must then receive, if any.
    posted: Option<&'static str>,
}

/// A case without a replacement and without a post.
fn case(function: &'static str, sample: &'static str, answer: Value) -> Case {
    Case { function, sample, replace: None, answer, posted: None }
}

impl Case {
    fn replacing(mut self, from: &'static str, to: &'static str) -> Self {
        self.replace = Some((from, to));
        self
    }

    fn posting(mut self, event: &'static str) -> Self {
        self.posted = Some(event);
        self
    }
}

/// The answer of a function whose route replies with `data`.
fn reply(data: &Value) -> Value {
    json!({ "statusCode": 200, "body": { "type": "reply", "ok": true, "data": data } })
}

/// The answer of a function that has handled all of its batch.
fn whole_batch() -> Value {
    json!({ "batchItemFailures": [] })
}

/// Every sample, in the order of the story.
fn cases() -> Vec<Case> {
    const CONVERSATION: &str = "conversation:conv-123";
    let allow = json!({ "principalId": "user_1", "policyDocument": { "Statement": [{ "Effect": "Allow" }] },
        "context": { "userId": "user_1", "companiesBy": "token" } });
    let unknown =
        json!({ "statusCode": 200, "body": { "ok": false, "error": { "code": "unknown_action" } } });
    let unsigned = json!({ "statusCode": 401, "body": { "error": { "code": "unauthorized" } } });
    let message = json!({ "seq": 1, "event": "chat.message", "data": { "content": "Hello!" } });
    vec![
        case("authorize", "authorize", allow),
        case(
            "connect",
            "connect",
            json!({ "statusCode": 200, "headers": { "Sec-WebSocket-Protocol": "funnelcast.v1" } }),
        ),
        case("ping", "ping", reply(&json!({}))),
        case("status", "status", reply(&json!({ "user": "user_1", "channels": [] }))),
        case("default", "default", unknown),
        // The conversation is created by its event. To join it, the channel in the sample `join` is replaced.
        case("access", "conversation", Value::Null),
        case(
            "join",
            "join",
            reply(&json!({ "channel": "funnel_updates:biz_1", "head": 0, "recovered": true })),
        ),
        case("join", "join", reply(&json!({ "channel": CONVERSATION, "head": 0 })))
            .replacing("funnel_updates:biz_1", CONVERSATION),
        case("presence", "presence", reply(&json!({ "count": 1, "users": [{ "userId": "user_1" }] }))),
        case("send", "send", reply(&json!({ "seq": 1, "duplicate": false }))),
        case("send", "send", reply(&json!({ "seq": 1, "duplicate": true }))),
        case("send", "send-typing", reply(&json!({ "recipients": 0 }))),
        case("ack", "ack", reply(&json!({ "seq": 1 }))).replacing(r#"\"seq\":42"#, r#"\"seq\":1"#),
        case(
            "receipts",
            "receipts",
            reply(
                &json!({ "users": [{ "userId": "user_1", "read": 1 }, { "userId": "user_2", "read": 0 }] }),
            ),
        ),
        case(
            "search",
            "search",
            reply(&json!({ "results": [{ "event": message, "marks": [{ "start": 0, "end": 5 }] }] })),
        ),
        case("inbox", "inbox", reply(&json!({ "conversations": [{ "conversationId": "conv-123" }] }))),
        case("digest", "digest", whole_batch()),
        case("digest", "stream-message", whole_batch()),
        case("digest", "stream-edit", whole_batch()),
        case("digest", "stream-expired", whole_batch()),
        case("digest", "stream-restarted", whole_batch()),
        case("digest", "stream-file-gone", whole_batch()),
        case("history", "history", reply(&json!({ "events": [message], "more": false }))),
        case(
            "http-api",
            "http-api",
            json!({ "statusCode": 200, "body": { "events": [message], "more": false } }),
        )
        .replacing("after=41", "after=0"),
        // After the log has been read: where containers are slow to start, the call has ended before the next sample.
        case("call", "call", reply(&json!({ "callId": "call-1", "state": "ringing", "media": "video" }))),
        // These come before the webhook, after which access is checked again: the sample `connect` names no experience.
        case("broadcast", "app-event", Value::Null).posting("app.event"),
        case("broadcast", "app-signal", Value::Null).posting("app.signal"),
        case("webhook", "webhook", unsigned),
        case("webhook", "webhook-queued", whole_batch()),
        case("broadcast", "funnel-update", Value::Null).posting("funnel.update"),
        case("broadcast", "resource-update", Value::Null).posting("resource.update"),
        case("broadcast", "analytics-update", Value::Null).posting("analytics.update"),
        case("broadcast", "system-notification", Value::Null).posting("system.notification"),
        case("broadcast", "user-notification", Value::Null).posting("user.notification"),
        case("broadcast", "chat-message", Value::Null).posting("chat.message"),
        case("broadcast", "chat-edit", Value::Null).posting("chat.edit"),
        case("broadcast", "chat-reaction", Value::Null).posting("chat.reaction"),
        case("broadcast", "chat-typing", Value::Null).posting("chat.typing"),
        case("broadcast", "chat-delete", Value::Null).posting("chat.delete"),
        case("broadcast", "broadcast-delivery", whole_batch()),
        case("broadcast", "broadcast-owed", whole_batch()),
        case("broadcast", "stream-marked", whole_batch()),
        case("broadcast", "stream-outbox", whole_batch()).posting("funnel.update"),
        case("timers", "timers-lease", whole_batch()),
        case("timers", "timers-departed", whole_batch()),
        case("timers", "timers-grant", whole_batch()),
        case("timers", "timers-count", whole_batch()),
        case("timers", "timers-conversation", whole_batch()),
        case("timers", "timers-role", whole_batch()),
        case("timers", "timers-restriction", whole_batch()),
        case("timers", "timers-call", whole_batch()),
        case("timers", "timers-unanswered", whole_batch()),
        case("files", "files", whole_batch()),
        case("files", "files-scanned", whole_batch()),
        case("files", "files-task", whole_batch()),
        case("access", "moderation", Value::Null),
        case("access", "kick", Value::Null),
        case("access", "access-changed", Value::Null),
        case("leave", "leave", reply(&json!({ "channel": "funnel_updates:biz_1" }))),
        case("broadcast", "stream-departed", whole_batch()),
        case("disconnect", "disconnect", json!({ "statusCode": 200 })),
    ]
}

/// The functions and the samples of the list, to be compared with the folders.
pub fn listed() -> (Vec<&'static str>, Vec<&'static str>) {
    cases().iter().map(|case| (case.function, case.sample)).unzip()
}

/// What invokes the functions.
#[derive(Debug)]
pub enum Invoker {
    /// The `Invoke` API of the stack itself.
    Stack,
    /// `sam local invoke`, whose containers reach the stack.
    Sam(Sam),
}

/// Invokes every function with its samples, in the order of the story. Calls `told` with each answer.
///
/// # Errors
/// The first answer that is not as expected, with its function and its sample.
pub async fn invoke_all(
    stack: &Stack,
    invoker: &Invoker,
    mut told: impl FnMut(&str, &str, &Value),
) -> Result<()> {
    let mut ann = User::called("user_1").and(COMPANY, Role::Admin).of_experience("exp_1");
    ann.enter_room("lobby");
    let mut client = stack.connect(&ann).await?;
    let connection = client.connection_id().await?;
    for case in cases() {
        let what = format!("{} with events/{}.json", case.function, case.sample);
        client.call("ping", json!({})).await?; // containers are slow, and the connection has a lease
        let event = case.event(&ann.token()?, &connection).with_context(|| what.clone())?;
        let function = function_id(case.function);
        let answer = match invoker {
            Invoker::Stack => stack.invoke(&function, &event).await,
            Invoker::Sam(sam) => sam.invoke(&function, &event).await,
        };
        let answer = opened(answer.with_context(|| what.clone())?);
        told(case.function, case.sample, &answer);
        ensure!(has(&answer, &case.answer), "{what} answered {answer}, which lacks {}", case.answer);
        if case.sample == BEFORE_JOINING {
            join_all(&mut client).await?;
        }
        if let Some(name) = case.posted {
            client.event(name).await.with_context(|| format!("after {what}"))?;
        }
    }
    Ok(())
}

async fn join_all(client: &mut Client) -> Result<()> {
    for channel in CHANNELS {
        client.join(channel).await?;
    }
    Ok(())
}

impl Case {
    /// The sample as an event of this stack, with its connection, a valid token and the current time.
    fn event(&self, token: &str, connection: &str) -> Result<Value> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{}.json", self.sample));
        let mut text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        text = text.replace(CONNECTION, connection);
        if let Some((from, to)) = self.replace {
            ensure!(text.contains(from), "{from} is not in the sample");
            text = text.replace(from, to);
        }
        let mut event: Value = serde_json::from_str(&text)?;
        if let Some(sent) = event.pointer_mut("/queryStringParameters/token") {
            *sent = token.into();
        }
        if let Some(sent) = event.pointer_mut("/headers/authorization") {
            *sent = format!("Bearer {token}").into();
        }
        for time in ["connectedAt", "requestTimeEpoch"] {
            if let Some(time) = event.pointer_mut(&format!("/requestContext/{time}")) {
                *time = jiff::Timestamp::now().as_millisecond().into();
            }
        }
        Ok(event)
    }
}

/// The logical id of a function by its folder: `JoinFunction` for `join`, `HttpApiFunction` for `http-api`.
fn function_id(folder: &str) -> String {
    let words = folder.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    words.collect::<String>() + "Function"
}

/// An answer with its body parsed, if the body is JSON in a string.
fn opened(mut answer: Value) -> Value {
    if let Some(body) = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()) {
        answer["body"] = body;
    }
    answer
}

/// Whether `answer` has all fields of `expected`. Lists must have the same length.
fn has(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::Object(fields), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| fields.get(name).is_some_and(|field| has(field, value)))
        }
        (Value::Array(items), Value::Array(expected)) => {
            items.len() == expected.len() && items.iter().zip(expected).all(|(item, value)| has(item, value))
        }
        _ => answer == expected,
    }
}
