//! Files of conversations.

use super::super::operation::{
    Auth, Connection,
    Failure::{BadRequest, Conflict, Forbidden, NoFile},
    Fields, Method, Operation, Tag,
};
#[cfg(feature = "schema")]
use crate::{
    file::{
        Attachment, FileDraft, FileLink, FileQuery, FileReply, PartsDraft, PartsReply, RemovedFile,
        UploadedParts,
    },
    wire_type::WireType,
};

const FILE: &str = "/api/files/{id}";

pub(super) const CREATE_FILE: Operation = Operation {
    id: "createFile",
    method: Method::Post,
    path: "/api/files",
    tag: Tag::Files,
    summary: "Allows the upload of a file for a conversation",
    description: "For users who may send in the conversation, and the app's backend. The reply has a URL that takes a `PUT` of exactly these bytes, with this \
        length and type, for 15 minutes; if the file is larger than 100 MB, it has the number of its parts. A file that no message names is gone after a day. Costs 1 write, and the access check: \
        2 reads.",
    auth: Auth::AnyToken,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: true,
    done: "The file may be uploaded",
    own_refusals: &[BadRequest, Forbidden],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<FileDraft>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<FileReply>()),
};

pub(super) const SIGN_FILE_PARTS: Operation = Operation {
    id: "signFileParts",
    method: Method::Post,
    path: "/api/files/{id}/parts",
    tag: Tag::Files,
    summary: "Allows the upload of parts of a large file",
    description: "For who has created the file, as long as it is not complete. Each URL takes a `PUT` of exactly these bytes \
        for 15 minutes, and the header `etag` of its response is needed to complete the file. A part may be uploaded again, so an \
        upload that was cut off goes on with the parts that are missing. Costs 1 read.",
    auth: Auth::AnyToken,
    fields: Fields::Body,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The parts may be uploaded",
    own_refusals: &[BadRequest, NoFile, Conflict],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<PartsDraft>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<PartsReply>()),
};

pub(super) const COMPLETE_FILE: Operation = Operation {
    id: "completeFile",
    method: Method::Post,
    path: FILE,
    tag: Tag::Files,
    summary: "Says that a file has been uploaded",
    description: "For who has uploaded it. From then on, a message may name the file. It can be read once it has been \
        examined, which takes a moment: the event `file.ready` or `file.refused` says so. A file that was \
        uploaded in parts is put together, so its parts are named. Saying it again is no error. Costs 1 read, 1 write, 1 request of S3 and 1 message of a queue.",
    auth: Auth::AnyToken,
    fields: Fields::OptionalBody,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The file, as it is now",
    own_refusals: &[BadRequest, NoFile, Conflict],
    #[cfg(feature = "schema")]
    request: Some(WireType::of::<UploadedParts>()),
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<Attachment>()),
};

pub(super) const REMOVE_FILE: Operation = Operation {
    id: "removeFile",
    method: Method::Delete,
    path: FILE,
    tag: Tag::Files,
    summary: "Removes a file that no message names",
    description: "For who has created it, such as when its upload is cancelled. What has been uploaded of it is gone a few seconds \
        later, and a message cannot name it any more. A file of a message goes with its message, so that is a `conflict`. Costs 1 \
        read and 1 write, and 1 of the index.",
    auth: Auth::AnyToken,
    fields: Fields::None,
    connection: Connection::Absent,
    takes_grant: false,
    done: "The file is removed",
    own_refusals: &[BadRequest, NoFile, Conflict],
    #[cfg(feature = "schema")]
    request: None,
    #[cfg(feature = "schema")]
    reply: Some(WireType::of::<RemovedFile>()),
};

pub(super) const READ_FILE: Operation = Operation {
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
};

pub(super) const LINK_FILE: Operation = Operation {
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
};
