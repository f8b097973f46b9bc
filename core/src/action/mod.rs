//! The requests of clients: one JSON object a frame, with `action`, `id` and the action's own fields.
//!
//! Unknown fields are refused, so that a misspelt field is noticed.
//!
//! # Layout
//! - here: how a frame is parsed, and the list of the actions; each has its fields and its reply side by side
//! - `echo`: the `id` of a frame that is refused
//! - `connection`: `status`, `ping`
//! - `membership`: `join`, `leave`, `presence`
//! - `messages`: `send`, `history`
//! - `receipts`: `ack`, `receipts`
//! - `call`: the call of a conversation
//! - `inbox`, `search`: the actions of these names

mod call;
mod connection;
mod echo;
pub(crate) mod inbox;
mod membership;
pub(crate) mod messages;
mod receipts;
pub(crate) mod search;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

pub use self::{
    call::{CallChange, ChangeCall},
    connection::{Ping, Pong, Status, StatusReply},
    echo::Echo,
    inbox::{INBOX_LIMIT_MAX, INBOX_OWN_MAX, Inbox, InboxCursor, InboxEntry, InboxLimit, InboxPage},
    membership::{Join, Joined, Leave, Left, PresenceQuery, Roster},
    messages::{
        CONTAINS_BYTES_MAX, HISTORY_LIMIT_MAX, History, HistoryLimit, LATEST_CURSOR_BYTES_MAX, Only, Page,
        Send, Sent,
    },
    receipts::{Ack, Acked, ReceiptBook, ReceiptsQuery, UserReceipts},
    search::{
        Cursor, Found, Mark, MessagePlace, OwnPlace, QUERY_BYTES_MAX, SEARCH_LIMIT_MAX, Search, SearchLimit,
        SearchResult,
    },
};
use crate::{Channel, Error, RequestId, call::Call, json};

/// An action: its name, its fields, and the `data` of its reply.
pub trait Action: DeserializeOwned {
    /// The value of `action`.
    const NAME: &'static str;
    /// The `data` of its reply.
    type Reply: Serialize;
}

/// A client's frame after parsing.
#[derive(Debug, PartialEq)]
pub struct Request<A> {
    /// The caller's reference, which the reply echoes.
    pub id: Option<RequestId>,
    /// The action with its fields.
    pub action: A,
}

/// A refused frame, with as much of its `id` as could be read, so that the caller can match the refusal.
#[derive(Debug, PartialEq)]
pub struct Rejected {
    /// The caller's reference, if there was one. It need not be a valid [`RequestId`].
    pub id: Option<Echo>,
    /// The reason.
    pub error: Error,
}

/// Parses a frame that API Gateway has routed to `A` by its `action`.
///
/// ```
/// use funnelcast_core::action::{Join, parse};
///
/// let request = parse::<Join>(r#"{"action":"join","id":"7","channel":"conversation:c1","since":41}"#).unwrap();
/// assert_eq!(request.action.channel.to_string(), "conversation:c1");
/// ```
pub fn parse<A: Action>(body: &str) -> Result<Request<A>, Rejected> {
    let (id, fields) = envelope(body)?;
    match from_fields(fields) {
        Ok(action) => Ok(Request { id, action }),
        Err(error) => Err(Rejected { id: id.map(Echo::from), error }),
    }
}

/// Parses an action's own fields, as they come by the HTTP API without a frame.
///
/// # Errors
/// [`Error::InvalidChannel`], or [`Error::Invalid`] with the field that is at fault.
pub fn from_fields<A: Action>(fields: Map<String, Value>) -> Result<A, Error> {
    if let Some(Value::String(channel)) = fields.get("channel") {
        channel.parse::<Channel>()?; // parsed first, because its error has a code of its own
    }
    Error::parse(Value::Object(fields))
}

/// The refusal of a frame that has no route: its action does not exist, or it is not a request.
pub fn reject_unrouted(body: &str) -> Rejected {
    match envelope(body) {
        Ok((id, _)) => Rejected { id: id.map(Echo::from), error: Error::UnknownAction },
        Err(rejected) => rejected,
    }
}

/// Splits a frame into its `id` and the action's own fields.
fn envelope(body: &str) -> Result<(Option<RequestId>, Map<String, Value>), Rejected> {
    let unread = |error| Rejected { id: Echo::of_frame(body), error };
    let mut fields = match json::read(body.as_bytes()) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Err(unread(Error::BadRequest("a frame must be a JSON object".into()))),
        Err(reason) => {
            return Err(unread(Error::BadRequest(format!("a frame must be JSON: {reason}").into())));
        }
    };
    let id = fields.remove("id").filter(|id| !id.is_null());
    let echo = id.as_ref().and_then(Echo::of_value);
    let rejected = |error| Rejected { id: echo.clone(), error };
    let id = id.map(|id| Error::parse_at("id", id)).transpose().map_err(rejected)?;
    match fields.remove("action") {
        Some(Value::String(_)) => Ok((id, fields)),
        Some(_) => Err(rejected(Error::invalid("action", "must be a string"))),
        None => Err(rejected(Error::invalid("action", "is missing"))),
    }
}

/// Implements [`Action`] for each action, and lists all of them.
macro_rules! actions {
    ($($action:ty = $name:literal -> $reply:ty;)*) => {
        $(impl Action for $action {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*

        /// Every action.
        #[cfg(feature = "schema")]
        pub fn actions() -> Vec<crate::wire_type::ActionType> {
            use crate::wire_type::{ActionType, WireType};
            let type_of = |name, fields, reply| ActionType { name, fields, reply };
            vec![$(type_of($name, WireType::of::<$action>(), WireType::of::<$reply>())),*]
        }
    };
}

actions! {
    Join = "join" -> Joined;
    Leave = "leave" -> Left;
    Send = "send" -> Sent;
    Ack = "ack" -> Acked;
    History = "history" -> Page;
    Search = "search" -> Found;
    Inbox = "inbox" -> InboxPage;
    PresenceQuery = "presence" -> Roster;
    ReceiptsQuery = "receipts" -> ReceiptBook;
    ChangeCall = "call" -> Call;
    Status = "status" -> StatusReply;
    Ping = "ping" -> Pong;
}

#[cfg(test)]
mod tests;
