//! `presence`: which users are in a channel. See [`funnelcast_realtime::presence`].

use funnelcast_core::{
    Error, SocketCaller,
    action::{PresenceQuery, Roster},
};
use funnelcast_realtime::{access::Access, presence, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, query: PresenceQuery) -> Result<Roster, Error> {
    presence::roster(access, caller, query).await
}
