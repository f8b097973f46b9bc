//! Connections of the caller, and the channels that they have joined.

#[cfg(feature = "schema")]
use super::super::bodies::{ChannelList, ConnectionList, Disconnected, Ticket};
use super::super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Conflict, Forbidden, NotFound},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{
    action::{Join, Joined, Leave, Left},
    wire_type::WireType,
};

pub(super) const CONNECT: Operation = Operation {
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
};

pub(super) const DISCONNECT: Operation = Operation {
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
};

pub(super) const STATUS: Operation = Operation {
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
};

pub(super) const LIST_CHANNELS: Operation = Operation {
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
};

pub(super) const JOIN: Operation = Operation {
    id: "join",
    method: Method::Post,
    path: "/api/websocket/channels",
    tag: Tag::Channels,
    summary: "Joins a channel for one of the user's connections",
    description: "The same as `join` on that connection: its own token decides what it may do, not the token of this request, and a \
        grant is sent in the field `grant`, not in the header `funnelcast-grant`. Costs 1 read, and what `join` costs: 2 writes, \
        and 1 to 4 reads.",
    auth: Auth::Token,
    fields: Fields::Body,
    connection: Connection::Required,
    takes_grant: false,
    done: "The connection has joined; the reply is that of `join`",
    own_refusals: &[BadRequest, Forbidden, NotFound, Conflict],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<Join>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Joined>()),
};

pub(super) const LEAVE: Operation = Operation {
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
};
