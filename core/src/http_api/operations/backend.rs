//! For the app's backend and a company's team, and for Whop.

#[cfg(feature = "schema")]
use super::super::bodies::{
    ConversationDraft, ConversationEnd, ConversationEnded, ConversationReply, ModerationQuery,
    ModerationReply, Publish, PublishReply, WebhookReceived,
};
use super::super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Forbidden, NewerChange, NoConversation},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{moderation::Moderation, wire_type::WireType};

const MODERATION: &str = "/api/websocket/moderation";
const CONVERSATION: &str = "/api/conversations/{id}";

pub(super) const GET_MODERATION: Operation = Operation {
    id: "getModeration",
    method: Method::Get,
    path: MODERATION,
    tag: Tag::Moderation,
    summary: "Returns how a user is restricted in a conversation or a company",
    description: "For the team of the company, and for its backend. Costs 1 read, and 1 for the company of a conversation.",
    auth: Auth::Token,
    fields: Fields::Query,
    connection: Connection::Absent,
    takes_grant: false,
    done: "What stands",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<ModerationQuery>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<ModerationReply>()),
};

pub(super) const MODERATE: Operation = Operation {
    id: "moderate",
    method: Method::Post,
    path: MODERATION,
    tag: Tag::Moderation,
    summary: "Mutes or bans a user in a conversation or a company, or lifts that",
    description: "For the team of the company, and for its backend. It does what the `Moderation` event does on the bus, and \
        answers when it is done: by then, the user's connections in these conversations can send no more, or have been \
        removed, and have been told by `access.muted` or `access.revoked`. Who is of the company's team is not \
        restricted. Of two changes the newer one stands, as with conversations. Costs 3 reads, and 1 for the company of a \
        conversation, 1 write and 1 message; for each conversation that the user is in 1 read and the check of a `join`; and \
        for each connection there 1 write, the same check and 1 post, or what leaving costs.",
    auth: Auth::Token,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: false,
    done: "What stands now",
    own_refusals: &[BadRequest, Forbidden, NewerChange],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Moderation>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<ModerationReply>()),
};

pub(super) const WHOP: Operation = Operation {
    id: "whop",
    method: Method::Post,
    path: "/api/websocket/webhooks/whop",
    tag: Tag::Webhooks,
    summary: "Receives a webhook from Whop",
    description: "Signed by Whop as Standard Webhooks specifies, with one of the secrets that `WhopWebhookSecret` names, at most 5 \
        minutes ago. The webhook is in a queue before this is answered, and is processed once, however often it comes. Costs \
        1 queue message; processing costs 2 writes, 1 a notification, and 1 call of the bus.",
    auth: Auth::WhopSignature,
    fields: Fields::Webhook,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The webhook is queued",
    own_refusals: &[BadRequest],
    #[cfg(feature = "schema")]
    request: None,
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<WebhookReceived>()),
};

pub(super) const PUBLISH: Operation = Operation {
    id: "publish",
    method: Method::Post,
    path: "/api/publish",
    tag: Tag::Publishing,
    summary: "Publishes events of the app's backend",
    description: "For a token of an `app` issuer with `scope: \"publish\"`, which speaks for every company, as a producer on the \
        event bus does. Takes the same types and details as the bus. The events of one channel are logged in the order of the \
        request, and in the order of requests of which each is sent when the one before has been answered. Each event has a \
        result of its own: one that is refused does not keep back the others. After an event that failed (`internal`, \
        `rate_limited`), the later ones of its channel are not tried and have the error `internal`, so that the backend can \
        repeat them in their order. Costs what the events cost on the bus: for a durable event 1 write unit and 1 read unit, \
        and for each channel 1 read for the members.",
    auth: Auth::PublishToken,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The result of each event, in their order",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Publish>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<PublishReply>()),
};

pub(super) const GET_CONVERSATION: Operation = Operation {
    id: "getConversation",
    method: Method::Get,
    path: CONVERSATION,
    tag: Tag::Conversations,
    summary: "Returns the company and the participants of a conversation",
    description: "For a token with the role `backend` in the conversation's company; for everyone else there is no such \
        conversation. Costs 1 read.",
    auth: Auth::Token,
    fields: Fields::None,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The conversation",
    own_refusals: &[BadRequest, NoConversation],
    #[cfg(feature = "schema")]
    request: None,
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<ConversationReply>()),
};

pub(super) const PUT_CONVERSATION: Operation = Operation {
    id: "putConversation",
    method: Method::Put,
    path: CONVERSATION,
    tag: Tag::Conversations,
    summary: "Sets the company and the participants of a conversation",
    description: "For a token with the role `backend` in that company, and in the company that the conversation belongs to \
        already. It does what the `Conversation` event does on the bus, and answers when it is done: users who may no longer \
        be in the channel have left it by then, on live connections too, and have received `access.revoked`. Of two changes \
        the newer one stands, whichever arrives last: the one with the higher `revision` where both have one, else the one with \
        the later `timestamp`. A change with neither is newer than all before it. A conversation that has ended, or belongs \
        to another company, is set only with `keepLog`. Costs 1 read, 2 writes and 2 for each participant who is added or \
        removed, 2 reads for the members, and what leaving costs for each member who must go.",
    auth: Auth::Token,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The change has been applied",
    own_refusals: &[BadRequest, Forbidden, NewerChange],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<ConversationDraft>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<ConversationReply>()),
};

pub(super) const END_CONVERSATION: Operation = Operation {
    id: "endConversation",
    method: Method::Delete,
    path: CONVERSATION,
    tag: Tag::Conversations,
    summary: "Ends a conversation",
    description: "For a token with the role `backend` in the conversation's company. Everyone leaves the channel, also the team and \
        the users with a grant, and nobody may join until the conversation is set again, which takes `keepLog` because the log is \
        kept. Ending a conversation that has ended is no error. `revision` and `timestamp` mean the same as in setting it, and \
        the costs are the same.",
    auth: Auth::Token,
    fields: Fields::Query,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The conversation has ended",
    own_refusals: &[BadRequest, NoConversation, NewerChange],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<ConversationEnd>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<ConversationEnded>()),
};
