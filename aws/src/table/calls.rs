//! The call of a conversation: `LAST#channel` / `call`, the latest value of `call.update`.
//!
//! There is one row for each conversation, which has its live call or its last one. So `join` returns it like every latest
//! value, and of two devices that change it at once one is first: every write is conditional on the row's `version`. The write
//! that ends a call also appends it to the log, in one transaction ([`log`](super::log)); so it is in the log once, whoever
//! ends it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put};
use funnelcast_core::{
    Channel, ConversationId, Error, Seq, Timestamp, UserId,
    call::{Binding, Call, CallId, CallState},
    event::EventName,
    frame::{Event, Sender},
    identity::Name,
    policy::Lane,
    publication::{Effect, Publication},
    version::Revision,
};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::{
    item::{Table, built, failed, from_item, if_met, is_contended, to_item},
    key,
};
use crate::clock::{new_id, now};

/// How long the row stays after it was last written. An active call is written at every look.
const CALL_LIFE: Duration = Duration::from_hours(24);
/// How many calls back an id counts as used. A request that is served late is a matter of seconds, in which users, who may start
/// one call in 10 s, start no more than these; and with ids of the usual length they are half a KiB of the row.
const USED_IDS_MAX: usize = 16;

/// The call of a conversation, as the table has it.
#[derive(Debug, Clone)]
pub struct StoredCall {
    /// The call.
    pub state: CallState,
    /// The user who made the last change that clients see; `None` if a timer did.
    pub from: Option<Sender>,
    /// When that was.
    pub at: Timestamp,
    /// The last revision that all members were told; `None` if they were told none.
    pub told: Option<Revision>,
    /// Its place in the log, once it has ended.
    pub logged: Option<Seq>,
    /// The ids of the calls before it, the last one first: [`USED_IDS_MAX`] at most.
    used_ids: Vec<CallId>,
    /// How often the row has been written, on which the next write is conditional.
    version: u64,
}

/// The row. Its attributes are those of a [`LogRow`](super::log::LogRow), as far as a latest value has them, and the server's own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallRow {
    pk: String,
    sk: String,
    event: EventName,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    /// The call as clients see it: JSON.
    data: String,
    bindings: Vec<Binding>,
    looked_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logged: Option<Seq>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    used_ids: Vec<CallId>,
    version: u64,
    ttl: i64,
}

impl StoredCall {
    /// What a change makes of it. `before` is the row that it replaces, if there is one.
    pub fn after(before: Option<&Self>, state: CallState, from: Option<Sender>, at: Timestamp) -> Self {
        let same = before.filter(|before| before.state.call.revision == state.call.revision);
        let (from, at) = same.map_or((from, at), |same| (same.from.clone(), same.at));
        let told = before.and_then(|before| before.told);
        let version = before.map_or(0, |before| before.version) + 1;
        let mut used_ids = before.map_or_else(Vec::new, |before| before.used_ids.clone());
        if let Some(other) = before.filter(|before| before.state.call.call_id != state.call.call_id) {
            used_ids.insert(0, other.state.call.call_id.clone());
            used_ids.truncate(USED_IDS_MAX);
        }
        Self { state, from, at, told, logged: same.and_then(|same| same.logged), used_ids, version }
    }

    /// Whether this is the id of a call before this one.
    pub fn has_used(&self, id: &CallId) -> bool {
        self.used_ids.contains(id)
    }

    /// Whether members may not have been told of its last change.
    pub fn is_untold(&self) -> bool {
        self.told < Some(self.state.call.revision)
    }

    /// The `call.update` of it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the call cannot be serialised.
    pub fn update(&self) -> Result<Event, Error> {
        Ok(Event {
            channel: Channel::Conversation(self.state.call.conversation_id.clone()),
            event: EventName::CallUpdate,
            seq: None,
            at: self.at,
            from: self.from.clone(),
            key: None,
            data: to_raw_value(&self.state.call).map_err(|error| Error::internal("a call", &error))?,
        })
    }

    /// The `chat.call` of it, in its place in the log; `None` as long as it is in no log.
    ///
    /// # Errors
    /// [`Error::Internal`] if the record cannot be serialised.
    pub fn record(&self) -> Result<Option<Event>, Error> {
        let Some(seq) = self.logged else { return Ok(None) };
        Ok(self.publication()?.map(|publication| publication.into_event(Some(seq))))
    }

    /// What is appended to the log when it ends; `None` while it is live.
    pub(super) fn publication(&self) -> Result<Option<Publication>, Error> {
        let call = &self.state.call;
        let (Some(record), Some(at)) = (call.record(), call.ended_at) else { return Ok(None) };
        let starter = call.participants.iter().find(|user| user.user_id == call.started_by);
        Ok(Some(Publication {
            channel: Channel::Conversation(call.conversation_id.clone()),
            event: EventName::ChatCall,
            lane: Lane::Durable,
            at,
            happened_at: at,
            ahead_ms: 0,
            from: starter.map(|user| Sender { user_id: user.user_id.clone(), name: user.name.clone() }),
            key: None, // what makes it unique is the row of the call
            latest_key: None,
            effect: Effect::None,
            to: None,
            data: to_raw_value(&record).map_err(|error| Error::internal("a call", &error))?,
        }))
    }

    /// The write of this row, on condition that nobody has written it since it was read.
    pub(super) fn put(&self, table: &Table) -> Result<Put, Error> {
        let put = Put::builder().table_name(&table.name).set_item(Some(to_item(self.row()?)?));
        let put = match self.version {
            1 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("version = :before")
                .expression_attribute_values(":before", AttributeValue::N((version - 1).to_string())),
        };
        built(put.build())
    }

    fn row(&self) -> Result<CallRow, Error> {
        let Self {
            state: CallState { call, bindings, looked_at },
            from,
            at,
            told,
            logged,
            used_ids,
            version,
        } = self.clone();
        let (user, name) = from.map(|from| (from.user_id, from.name)).unzip();
        Ok(CallRow {
            pk: key::latest(&Channel::Conversation(call.conversation_id.clone())),
            sk: key::CALL.to_owned(),
            event: EventName::CallUpdate,
            at: at.as_millis(),
            user,
            name,
            data: serde_json::to_string(&call).map_err(|error| Error::internal("a call", &error))?,
            bindings,
            looked_at,
            told,
            logged,
            used_ids,
            version,
            ttl: (now() + CALL_LIFE).as_secs(),
        })
    }
}

impl CallRow {
    fn into_stored(self) -> Result<StoredCall, Error> {
        let Self { at, user, name, data, bindings, looked_at, told, logged, used_ids, version, .. } = self;
        let call: Call =
            serde_json::from_str(&data).map_err(|error| Error::internal("a stored call", &error))?;
        Ok(StoredCall {
            state: CallState { call, bindings, looked_at },
            from: user.zip(name).map(|(user_id, name)| Sender { user_id, name }),
            at: Timestamp::from_millis(at),
            told,
            logged,
            used_ids,
            version,
        })
    }
}

impl Table {
    /// The live call of a conversation, or its last one, for a day: 1 read.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn call(&self, conversation: &ConversationId) -> Result<Option<StoredCall>, Error> {
        let channel = Channel::Conversation(conversation.clone());
        let get = self.get(key::latest(&channel), key::CALL.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a call"))?.item;
        item.map(|item| from_item::<CallRow>(item)?.into_stored()).transpose()
    }

    /// Writes a call that goes on: 1 write. Returns whether it did: not if another process was faster.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn put_call(&self, call: &StoredCall) -> Result<bool, Error> {
        let put = call.put(self)?;
        let put = self
            .put(put.item)
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_values(put.expression_attribute_values);
        let put = put.send().await;
        Ok(!is_contended(&put) && if_met("PutItem of a call", put)?.is_some())
    }

    /// Notes that the members have been told of a call as it is here: 1 write. Returns whether nobody had noted that before.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn note_call_told(&self, call: &Call) -> Result<bool, Error> {
        let channel = Channel::Conversation(call.conversation_id.clone());
        let update = self
            .update(key::latest(&channel), key::CALL.to_owned())
            .update_expression("SET told = :revision, toldBy = :id")
            // The SDK repeats a request whose answer was lost: that is no other note.
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(told) OR told < :revision OR toldBy = :id)",
            )
            .expression_attribute_values(":revision", AttributeValue::N(call.revision.to_string()))
            .expression_attribute_values(":id", AttributeValue::S(new_id()));
        let update = update.send().await;
        // Whoever changes it now tells more.
        Ok(!is_contended(&update) && if_met("UpdateItem of a call", update)?.is_some())
    }
}
