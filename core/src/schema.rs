//! Schemas of everything that travels, for the generator of the client's types and of the documents (`examples/wire`), and for
//! the test that holds docs/samples against the types. Compiled only with the feature `schema`.
//!
//! The schema of a type is derived where the type is. This module adds what no single type says, such as the payload of each
//! event, as a `match` over an enum, so that a new event or error cannot be forgotten.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::Value;

pub use crate::wire_type::{ActionType, ErrorCode, Limit, WireType};
use crate::{
    Channel, Key, UserId,
    bus::{
        AccessChanged, AppDetail, Conversation, DeleteDetail, DetailType, EditDetail, Kick, MessageDetail,
        ReactionDetail, TypingDetail,
    },
    call::{Call, CallRecord},
    event::{
        AccessMuted, AccessRevoked, AnalyticsUpdate, AppEvent, AppEventDraft, ChatDelete, ChatDraft,
        ChatEdit, ChatMessage, ChatReaction, DeleteDraft, EditDraft, EventName, FunnelUpdate, Notification,
        Presence, PresenceCount, PresenceDraft, ReactionDraft, Receipt, ResourceUpdate, Signal, SignalDraft,
        TypingDraft, TypingIndicator, UserNotification,
    },
    file::FileUpdate,
    inbox::InboxUpdate,
    moderation::Moderation,
    wire_type::variants,
};
pub use crate::{action::actions, publication::defaulted};

/// The event that may come on every channel, beside those that [`POLICY`](crate::policy::POLICY) lists for its kind. It is
/// not published there but sent to the user whom it concerns.
pub const ON_EVERY_CHANNEL: EventName = EventName::AccessRevoked;

/// A grammar that clients check too: the pattern of a type's schema.
#[derive(Debug)]
pub struct Pattern {
    /// The name of the constant in TypeScript.
    pub name: &'static str,
    /// The documentation of the constant.
    pub about: &'static str,
    /// The type.
    pub of: WireType,
}

/// Settings for what clients send: a field that they may leave out is not required.
pub fn sent() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_deserialize()
}

/// Settings for what clients receive: a field that is always there is required.
pub fn received() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_serialize()
}

/// Every limit that a client or a backend should know before it sends something.
pub fn limits() -> impl Iterator<Item = &'static Limit> {
    use crate::{
        action::{inbox as inboxes, messages, search},
        bus,
        call::snapshot as call,
        event, file, grant, http_api, id, identity, inbox, json, moderation, size,
    };
    [
        id::LIMITS,
        size::LIMITS,
        json::LIMITS,
        messages::LIMITS,
        search::LIMITS,
        inboxes::LIMITS,
        event::limits::LIMITS,
        event::message::LIMITS,
        event::chat::LIMITS,
        event::app::LIMITS,
        call::LIMITS,
        file::limits::LIMITS,
        identity::LIMITS,
        inbox::LIMITS,
        grant::LIMITS,
        bus::LIMITS,
        moderation::LIMITS,
        http_api::limits::LIMITS,
    ]
    .into_iter()
    .flatten()
}

/// Every grammar that a client or a backend should know before it sends something.
pub fn patterns() -> [Pattern; 3] {
    [
        Pattern {
            name: "ID_PATTERN",
            about: "The id of a user, company, conversation, experience, room, funnel or resource.",
            of: WireType::of::<UserId>(),
        },
        Pattern {
            name: "KEY_PATTERN",
            about: "A client message id: the `key` of a `send` or of an outbox item.",
            of: WireType::of::<Key>(),
        },
        Pattern { name: "CHANNEL_PATTERN", about: "The name of a channel.", of: WireType::of::<Channel>() },
    ]
}

/// Every event.
pub fn events() -> Vec<EventName> {
    let names = EventName::json_schema(&mut received().into_generator());
    consts(&names).filter_map(|name| serde_json::from_value(name.clone()).ok()).collect()
}

/// The type of an event's `data`.
pub fn payload(event: EventName) -> WireType {
    match event {
        EventName::ChatMessage => WireType::of::<ChatMessage>(),
        EventName::ChatEdit => WireType::of::<ChatEdit>(),
        EventName::ChatDelete => WireType::of::<ChatDelete>(),
        EventName::ChatReaction => WireType::of::<ChatReaction>(),
        EventName::FileReady | EventName::FileRefused => WireType::of::<FileUpdate>(),
        EventName::ChatCall => WireType::of::<CallRecord>(),
        EventName::CallUpdate => WireType::of::<Call>(),
        EventName::ChatTyping => WireType::of::<TypingIndicator>(),
        EventName::ChatReceipt => WireType::of::<Receipt>(),
        EventName::Signal => WireType::of::<Signal>(),
        EventName::PresenceJoin | EventName::PresenceLeave | EventName::PresenceUpdate => {
            WireType::of::<Presence>()
        }
        EventName::PresenceCount => WireType::of::<PresenceCount>(),
        EventName::AccessRevoked => WireType::of::<AccessRevoked>(),
        EventName::AccessMuted => WireType::of::<AccessMuted>(),
        EventName::FunnelUpdate => WireType::of::<FunnelUpdate>(),
        EventName::ResourceUpdate => WireType::of::<ResourceUpdate>(),
        EventName::AnalyticsUpdate => WireType::of::<AnalyticsUpdate>(),
        EventName::SystemNotification => WireType::of::<Notification>(),
        EventName::UserNotification => WireType::of::<UserNotification>(),
        EventName::InboxUpdate => WireType::of::<InboxUpdate>(),
        EventName::AppEvent | EventName::AppSignal => WireType::of::<AppEvent>(),
    }
}

/// The type of what a client sends as the `data` of an event. `None` for events that no client may publish anywhere.
pub fn draft(event: EventName) -> Option<WireType> {
    match event {
        EventName::ChatMessage => Some(WireType::of::<ChatDraft>()),
        EventName::ChatEdit => Some(WireType::of::<EditDraft>()),
        EventName::ChatDelete => Some(WireType::of::<DeleteDraft>()),
        EventName::ChatReaction => Some(WireType::of::<ReactionDraft>()),
        EventName::ChatTyping => Some(WireType::of::<TypingDraft>()),
        EventName::Signal => Some(WireType::of::<SignalDraft>()),
        EventName::PresenceUpdate => Some(WireType::of::<PresenceDraft>()),
        EventName::AppEvent | EventName::AppSignal => Some(WireType::of::<AppEventDraft>()),
        _ => None,
    }
}

/// The type of the detail of an event on the bus. Where the detail publishes an event, it is the event's `data`, of which the
/// fields that [`defaulted`] names may be left out.
pub fn detail(of: DetailType) -> WireType {
    match of {
        DetailType::FunnelUpdate => payload(EventName::FunnelUpdate),
        DetailType::ResourceUpdate => payload(EventName::ResourceUpdate),
        DetailType::AnalyticsUpdate => payload(EventName::AnalyticsUpdate),
        DetailType::SystemNotification => payload(EventName::SystemNotification),
        DetailType::UserNotification => payload(EventName::UserNotification),
        DetailType::ChatMessage => WireType::of::<MessageDetail>(),
        DetailType::ChatEdit => WireType::of::<EditDetail>(),
        DetailType::ChatDelete => WireType::of::<DeleteDetail>(),
        DetailType::ChatReaction => WireType::of::<ReactionDetail>(),
        DetailType::ChatTyping => WireType::of::<TypingDetail>(),
        DetailType::AppEvent | DetailType::AppSignal => WireType::of::<AppDetail>(),
        DetailType::Conversation => WireType::of::<Conversation>(),
        DetailType::Kick => WireType::of::<Kick>(),
        DetailType::AccessChanged => WireType::of::<AccessChanged>(),
        DetailType::Moderation => WireType::of::<Moderation>(),
    }
}

/// Every code of an error.
pub fn codes() -> Vec<String> {
    let codes = ErrorCode::json_schema(&mut received().into_generator());
    consts(&codes).filter_map(|code| Some(code.as_str()?.to_owned())).collect()
}

fn consts(schema: &Schema) -> impl Iterator<Item = &Value> {
    variants(schema).filter_map(|variant| variant.get("const"))
}
