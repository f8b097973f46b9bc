//! The HTTP API: what a browser does before it has a socket, and while it cannot have one. Each answer is held against
//! docs/openapi.yaml by the crate's library.

mod budget;
mod connections;
mod conversations;
mod messages;
mod publishing;
mod refusals;
mod tickets;
