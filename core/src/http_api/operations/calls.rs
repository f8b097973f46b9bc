//! Calls between those who chat.

use super::super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Forbidden},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{
    call::{IceQuery, IceReply},
    wire_type::WireType,
};

pub(super) const ICE_SERVERS: Operation = Operation {
    id: "iceServers",
    method: Method::Post,
    path: "/api/calls/ice",
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
};
