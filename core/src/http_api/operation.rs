//! What an operation of the HTTP API is.

#[cfg(feature = "schema")]
use crate::wire_type::WireType;

/// One operation: a method of a path.
#[derive(Debug)]
pub struct Operation {
    /// Its name: `operationId` in docs/openapi.yaml, and the name of its samples.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{id}` where the id of a conversation or of a file is part of it.
    pub path: &'static str,
    /// The group of operations that it belongs to.
    pub tag: Tag,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its rules, and what it costs in reads and writes of the table.
    pub description: &'static str,
    /// How the caller proves who they are.
    pub auth: Auth,
    /// Where the fields of the request are.
    pub fields: Fields,
    /// Whether the request names one of the caller's connections, in the field `connectionId`.
    pub connection: Connection,
    /// Whether the request may bring a grant, in the header `funnelcast-grant`.
    pub takes_grant: bool,
    /// What a reply means. Its status is 200; 302, with `location`, where there is no type of the reply.
    pub done: &'static str,
    /// The refusals beside those that every operation has, or every one with a body; see [`refusals`](Self::refusals).
    pub own_refusals: &'static [Failure],
    /// The type of the fields, beside `connectionId`. `None` where there are no others.
    #[cfg(feature = "schema")]
    pub request: Option<WireType>,
    /// The type of the reply; `None` where it redirects.
    #[cfg(feature = "schema")]
    pub reply: Option<WireType>,
}

impl Operation {
    /// Every refusal, in the order of their statuses.
    pub fn refusals(&self) -> Vec<Failure> {
        let unauthorized = match self.auth {
            Auth::Token | Auth::PublishToken | Auth::AnyToken => Failure::Unauthorized,
            Auth::WhopSignature => Failure::NotSigned,
        };
        let of_all = [unauthorized, Failure::RateLimited, Failure::Internal];
        let of_bodies: &[Failure] = if self.fields.are_a_body() { &[Failure::TooLarge] } else { &[] };
        let mut all = [self.own_refusals, of_bodies, &of_all].concat();
        all.sort_by_key(|refusal| refusal.status());
        all
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The method's name, in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A group of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The caller's connections.
    Connections,
    /// The channels that they have joined.
    Channels,
    /// Reading and publishing without a WebSocket.
    Messages,
    /// Restricting users.
    Moderation,
    /// Webhooks from other services.
    Webhooks,
    /// Conversations, for the app's backend.
    Conversations,
    /// Publishing, for the app's backend.
    Publishing,
    /// Files of conversations.
    Files,
    /// Calls of conversations.
    Calls,
}

impl Tag {
    /// The name of the group.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Channels => "channels",
            Self::Messages => "messages",
            Self::Moderation => "moderation",
            Self::Webhooks => "webhooks",
            Self::Conversations => "conversations",
            Self::Publishing => "publishing",
            Self::Files => "files",
            Self::Calls => "calls",
        }
    }
}

/// How the caller of an operation proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// By a token, in `Authorization: Bearer` or `x-whop-user-token`.
    Token,
    /// By a token of the app's own issuer with the scope `publish`, in `Authorization: Bearer`.
    PublishToken,
    /// A user's token, or one to publish.
    AnyToken,
    /// By Whop's signature of the body, as Standard Webhooks specifies it.
    WhopSignature,
}

/// Where the fields of a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// There are none.
    None,
    /// In the query of the URL.
    Query,
    /// In a JSON body.
    Body,
    /// In a JSON body, which may be absent.
    OptionalBody,
    /// In a JSON body whose form is Whop's.
    Webhook,
}

impl Fields {
    /// Whether they are sent in a body, which may be too large.
    const fn are_a_body(self) -> bool {
        match self {
            Self::None | Self::Query => false,
            Self::Body | Self::OptionalBody | Self::Webhook => true,
        }
    }
}

/// Whether a request names one of the caller's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It names none.
    Absent,
    /// It may name one.
    Optional,
    /// It must name one.
    Required,
}

/// A refusal, as docs/openapi.yaml describes it: in `components/responses`, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A field is missing or malformed.
    BadRequest,
    /// There is no valid token.
    Unauthorized,
    /// The signature of a webhook is not valid.
    NotSigned,
    /// The caller may not do this: on this channel, to this conversation, or with this token.
    Forbidden,
    /// The user has no such connection, or the conversation no such message.
    NotFound,
    /// There is no such conversation in a company of the caller's.
    NoConversation,
    /// There is no such file in a conversation that the caller may join.
    NoFile,
    /// The sender or the connection must do something else first.
    Conflict,
    /// The state of the conversation does not allow the change.
    NewerChange,
    /// The body, or a part of it, is too large.
    TooLarge,
    /// The user or the stage has too many requests.
    RateLimited,
    /// The server failed.
    Internal,
}

impl Failure {
    /// Its name in `components/responses`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::NotSigned => "NotSigned",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::NoConversation => "NoConversation",
            Self::NoFile => "NoFile",
            Self::Conflict => "Conflict",
            Self::NewerChange => "NewerChange",
            Self::TooLarge => "TooLarge",
            Self::RateLimited => "RateLimited",
            Self::Internal => "Internal",
        }
    }

    /// The status of the response, as [`Error::status`](crate::Error::status) has it.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized | Self::NotSigned => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::NoConversation | Self::NoFile => 404,
            Self::Conflict | Self::NewerChange => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Internal => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_api::OPERATIONS;

    #[test]
    fn a_body_and_nothing_else_may_be_too_large() {
        for operation in OPERATIONS {
            let has_body = !matches!(operation.fields, Fields::None | Fields::Query);
            let refusals = operation.refusals().into_iter();
            let too_large = refusals.filter(|refusal| *refusal == Failure::TooLarge).count();
            assert_eq!(too_large, usize::from(has_body), "{}", operation.id);
        }
    }
}
