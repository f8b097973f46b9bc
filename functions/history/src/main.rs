//! `history`: a page of a channel's log, and a search through it. See [`funnelcast_realtime::history`].

use funnelcast_core::{
    Caller, Error, SocketCaller,
    action::{History, Page},
};
use funnelcast_realtime::{access::Access, history, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, request: History) -> Result<Page, Error> {
    Box::pin(history::read(access, Caller::Socket(caller), request)).await
}
