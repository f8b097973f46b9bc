//! The HTTP API: what a browser does before it has a socket, and while it cannot have one. The crate's library compares each
//! answer with docs/openapi.yaml.

mod budget;
mod connections;
mod conversations;
mod messages;
mod publishing;
mod refusals;
mod tickets;
