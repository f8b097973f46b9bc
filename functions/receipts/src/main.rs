//! `receipts`: up to where each user has received and read a conversation. See [`funnelcast_realtime::receipts`].

use funnelcast_core::{
    Error, SocketCaller,
    action::{ReceiptBook, ReceiptsQuery},
};
use funnelcast_realtime::{access::Access, receipts, serve_action};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_action(handle).await
}

async fn handle(access: &Access, caller: &SocketCaller, query: ReceiptsQuery) -> Result<ReceiptBook, Error> {
    receipts::receipts(access, caller, query).await
}
