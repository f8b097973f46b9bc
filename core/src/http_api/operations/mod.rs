//! The table of operations.
//!
//! # Layout
//! - `connections`: connections of the caller, and the channels that they have joined
//! - `messages`: what the actions of the WebSocket do, without one
//! - `backend`: for the app's backend and a company's team, and for Whop
//! - `files`: files of conversations
//! - `calls`: calls between those who chat

mod backend;
mod calls;
mod connections;
mod files;
mod messages;

use super::operation::Operation;

/// Every operation of the HTTP API.
pub const OPERATIONS: [Operation; 25] = [
    connections::CONNECT,
    connections::DISCONNECT,
    connections::STATUS,
    connections::LIST_CHANNELS,
    connections::JOIN,
    connections::LEAVE,
    messages::HISTORY,
    messages::SEARCH,
    messages::SEND,
    messages::ACK,
    backend::GET_MODERATION,
    backend::MODERATE,
    backend::WHOP,
    backend::PUBLISH,
    messages::INBOX,
    backend::GET_CONVERSATION,
    backend::PUT_CONVERSATION,
    backend::END_CONVERSATION,
    calls::ICE_SERVERS,
    files::CREATE_FILE,
    files::SIGN_FILE_PARTS,
    files::COMPLETE_FILE,
    files::REMOVE_FILE,
    files::READ_FILE,
    files::LINK_FILE,
];
