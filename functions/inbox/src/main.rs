//! `inbox`: the conversations of a user or of a company, the last active first. See [`funnelcast_realtime::inbox`].

use funnelcast_core::{
    Caller, Error, SocketCaller,
    action::{Inbox, InboxPage},
};
use funnelcast_realtime::{access::Access, inbox, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, request: Inbox) -> Result<InboxPage, Error> {
    Box::pin(inbox::inbox(access, Caller::Socket(caller), request)).await
}
