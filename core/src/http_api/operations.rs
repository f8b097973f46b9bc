//! The table of operations.

#[cfg(feature = "schema")]
use super::bodies::{
    ChannelList, ConnectionList, ConversationDraft, ConversationEnd, ConversationEnded, ConversationReply,
    Disconnected, ModerationQuery, ModerationReply, Publish, PublishReply, Ticket, WebhookReceived,
};
use super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Conflict, Forbidden, NewerChange, NoConversation, NoFile, NotFound, TooLarge},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{
    action::{
        Ack, Acked, Found, History, Inbox, InboxPage, Join, Joined, Leave, Left, Page, Search, Send, Sent,
    },
    call::{IceQuery, IceReply},
    file::{Attachment, FileDraft, FileLink, FileQuery, FileReply},
    moderation::Moderation,
    wire_type::WireType,
};

const MODERATION: &str = "/api/websocket/moderation";
const CONVERSATION: &str = "/api/conversations/{id}";
const ICE: &str = "/api/calls/ice";
const FILE: &str = "/api/files/{id}";

/// Every operation of the HTTP API.
pub const OPERATIONS: [Operation; 23] = [
    Operation {
        id: "connect",
        method: Method::Post,
        path: "/api/websocket/connect",
        tag: Tag::Connections,
        summary: "Issues a ticket for one WebSocket connection",
        description: "Connect to `url` within 30 seconds, with `?ticket=` or with the subprotocols `funnelcast.v1` and \
            `ticket.<ticket>`. The connection lives as long as the token of this request. Costs 1 write, and 1 more when the \
            ticket is used.",
        auth: Auth::Token,
        fields: Fields::None,
        connection: Connection::Absent,
        takes_grant: false,
        done: "A ticket",
        own_refusals: &[],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Ticket>()),
    },
    Operation {
        id: "disconnect",
        method: Method::Delete,
        path: "/api/websocket/disconnect",
        tag: Tag::Connections,
        summary: "Closes the user's connections, or one of them",
        description: "Without `connectionId`, all of the user's connections are closed. Costs 1 read, and 1 write a connection.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Optional,
        takes_grant: false,
        done: "The connections that have been closed",
        own_refusals: &[BadRequest, NotFound],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Disconnected>()),
    },
    Operation {
        id: "status",
        method: Method::Get,
        path: "/api/websocket/status",
        tag: Tag::Connections,
        summary: "Lists the user's connections, with their ages and channels",
        description: "Costs 1 read.",
        auth: Auth::Token,
        fields: Fields::None,
        connection: Connection::Absent,
        takes_grant: false,
        done: "The connections, the oldest first",
        own_refusals: &[],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<ConnectionList>()),
    },
    Operation {
        id: "listChannels",
        method: Method::Get,
        path: "/api/websocket/channels",
        tag: Tag::Channels,
        summary: "Lists the channels that the user's connections have joined",
        description: "Costs 1 read.",
        auth: Auth::Token,
        fields: Fields::None,
        connection: Connection::Absent,
        takes_grant: false,
        done: "The channels, each with the connections that have joined it",
        own_refusals: &[],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<ChannelList>()),
    },
    Operation {
        id: "join",
        method: Method::Post,
        path: "/api/websocket/channels",
        tag: Tag::Channels,
        summary: "Joins a channel for one of the user's connections",
        description: "The same as `join` on that connection: its own token decides what it may do, not the token of this request. \
            Costs 1 read, and what `join` costs: 2 writes, and 1 to 4 reads.",
        auth: Auth::Token,
        fields: Fields::Body,
        connection: Connection::Required,
        takes_grant: false,
        done: "The connection has joined; the reply is that of `join`",
        own_refusals: &[BadRequest, Forbidden, NotFound, Conflict, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Join>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Joined>()),
    },
    Operation {
        id: "leave",
        method: Method::Delete,
        path: "/api/websocket/channels",
        tag: Tag::Channels,
        summary: "Leaves a channel for one of the user's connections",
        description: "Leaving a channel that the connection has not joined is no error. Costs 1 read, and what `leave` costs: 2 \
            writes.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Required,
        takes_grant: false,
        done: "The connection has left",
        own_refusals: &[BadRequest, NotFound],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Leave>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Left>()),
    },
    Operation {
        id: "history",
        method: Method::Get,
        path: "/api/websocket/messages",
        tag: Tag::Messages,
        summary: "Reads a page of a channel's log",
        description: "For users who may join the channel, by themselves or by a grant. A client that polls asks for the events after \
            the last `seq` that it has seen. `before`, `after` and `latest` exclude each other. Costs 1 read or more by size; in a conversation, 2 more for the access check and 1 \
            for the receipts.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Absent,
        takes_grant: true,
        done: "A page, in the order of `seq`",
        own_refusals: &[BadRequest, Forbidden],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<History>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Page>()),
    },
    Operation {
        id: "search",
        method: Method::Get,
        path: "/api/websocket/search",
        tag: Tag::Messages,
        summary: "Searches the messages of a conversation, of a company or of the user's conversations",
        description: "With `channel`, for users who may join it, by themselves or by a grant: 1 read or more by size, 1 for the \
            receipts, and 2 for the access check. With `companyId`, for the company's team, where the parameter `Search` is `on`: \
            by an index, of which up to 30 pages are read, and 2 for each message that it leads to. With neither, the conversations that \
            the user takes part in: as one conversation, and what the inbox costs. The newest matches, of them the best one first, \
            with the matching parts of each text.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The messages that were found, and where to search on",
        own_refusals: &[BadRequest, Forbidden],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Search>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Found>()),
    },
    Operation {
        id: "send",
        method: Method::Post,
        path: "/api/websocket/messages",
        tag: Tag::Messages,
        summary: "Publishes an event",
        description: "For users who may join the channel and publish this event there, or whom a grant allows to `send`. The same \
            `key` is the same message, whether it came by HTTP or by a WebSocket, first or again. All of the user's own \
            connections receive the event too. `presence.update` is `forbidden`: a status belongs to a connection. Costs what \
            `send` costs: 1 write unit and 1 read for the message, 2 reads for the access check, and 1 for the members.",
        auth: Auth::Token,
        fields: Fields::Body,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The event is kept, and has been or will be delivered",
        own_refusals: &[BadRequest, Forbidden, Conflict, TooLarge, NotFound],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Send>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Sent>()),
    },
    Operation {
        id: "ack",
        method: Method::Post,
        path: "/api/websocket/receipts",
        tag: Tag::Messages,
        summary: "Confirms that the user has received or read everything up to a message",
        description: "For users who may join the channel, by themselves or by a grant. The same as `ack` on a WebSocket: the watermark \
            never goes back, the others in the conversation receive `chat.receipt`, and of what is read all of the user's own \
            connections learn that it is no longer unread. Costs what `ack` costs: 1 write and 1 read, 2 more for the access check, \
            and if the watermark rises 1 for the members, and 1 for the user's connections.",
        auth: Auth::Token,
        fields: Fields::Body,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The user's watermark now",
        own_refusals: &[BadRequest, Forbidden, NotFound, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Ack>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Acked>()),
    },
    Operation {
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
    },
    Operation {
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
        own_refusals: &[BadRequest, Forbidden, NewerChange, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Moderation>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<ModerationReply>()),
    },
    Operation {
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
        own_refusals: &[BadRequest, TooLarge],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<WebhookReceived>()),
    },
    Operation {
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
        own_refusals: &[BadRequest, Forbidden, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Publish>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<PublishReply>()),
    },
    Operation {
        id: "inbox",
        method: Method::Get,
        path: "/api/conversations",
        tag: Tag::Conversations,
        summary: "Lists the conversations of the user or of a company, the last active first",
        description: "Without `companyId`, the conversations that the user takes part in; with it, those of a company whose team they \
            belong to. Each with its last message and how many messages the user has not read. What is new shows within some \
            seconds. A page of a company costs 1 read, and 2 reads for each conversation on it; one of a user's own costs 1 read more \
            for each of their conversations, of which there are at most 1,000: those that they were added to last.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Absent,
        takes_grant: false,
        done: "A page of the inbox",
        own_refusals: &[BadRequest, Forbidden],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<Inbox>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<InboxPage>()),
    },
    Operation {
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
    },
    Operation {
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
        own_refusals: &[BadRequest, Forbidden, NewerChange, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<ConversationDraft>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<ConversationReply>()),
    },
    Operation {
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
    },
    Operation {
        id: "iceServers",
        method: Method::Post,
        path: ICE,
        tag: Tag::Calls,
        summary: "Returns the STUN and TURN servers for a call",
        description: "For users who may join the conversation. The credentials are for this user, and valid for an hour. Costs the access \
            check: 2 reads.",
        auth: Auth::Token,
        fields: Fields::Body,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The servers",
        own_refusals: &[BadRequest, Forbidden],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<IceQuery>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<IceReply>()),
    },
    Operation {
        id: "createFile",
        method: Method::Post,
        path: "/api/files",
        tag: Tag::Files,
        summary: "Allows the upload of a file for a conversation",
        description: "For users who may send in the conversation. The reply has a URL that takes a `PUT` of exactly these bytes, with this \
            length and type, for 15 minutes. A file that no message names is gone after a day. Costs 1 write, and the access check: \
            2 reads.",
        auth: Auth::Token,
        fields: Fields::Body,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The file may be uploaded",
        own_refusals: &[BadRequest, Forbidden, TooLarge],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<FileDraft>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<FileReply>()),
    },
    Operation {
        id: "completeFile",
        method: Method::Post,
        path: FILE,
        tag: Tag::Files,
        summary: "Says that a file has been uploaded",
        description: "For the user who has uploaded it. From then on, a message may name the file. It can be read once it has been \
            examined, which takes a moment: the event `file.ready` or `file.refused` says so. Saying it again is no error. Costs 1 \
            read, 1 write, 1 request of S3 and 1 message of a queue.",
        auth: Auth::Token,
        fields: Fields::None,
        connection: Connection::Absent,
        takes_grant: false,
        done: "The file, as it is now",
        own_refusals: &[BadRequest, NoFile, Conflict],
        #[cfg(feature = "schema")]
        request: None,
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<Attachment>()),
    },
    Operation {
        id: "readFile",
        method: Method::Get,
        path: FILE,
        tag: Tag::Files,
        summary: "Reads a file, or its thumbnail",
        description: "For users who may join the conversation, and before a message names the file for who uploaded it alone. Redirects to \
            a URL that is valid for 5 minutes. S3 serves a thumbnail to be shown, and the file itself to be saved. Costs 1 read, and the \
            access check: 2 reads.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Absent,
        takes_grant: true,
        done: "Where the file is",
        own_refusals: &[BadRequest, NoFile, Conflict],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<FileQuery>()),
        #[cfg(feature = "schema")]
        reply: None,
    },
    Operation {
        id: "linkFile",
        method: Method::Get,
        path: "/api/files/{id}/link",
        tag: Tag::Files,
        summary: "Returns a file's state, and a URL to read it by",
        description: "As `readFile`, for pages, which cannot see where a redirect leads: an `img` has no `Authorization` header, so its \
            `src` is this URL.",
        auth: Auth::Token,
        fields: Fields::Query,
        connection: Connection::Absent,
        takes_grant: true,
        done: "The file, with the URL if it can be read",
        own_refusals: &[BadRequest, NoFile],
        #[cfg(feature = "schema")]
        request: Some(WireType::of::<FileQuery>()),
        #[cfg(feature = "schema")]
        reply: Some(WireType::of::<FileLink>()),
    },
];
