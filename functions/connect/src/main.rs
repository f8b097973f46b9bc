//! The binary of the `connect` function; see its library.

use funnelcast_aws::EventType;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve_route(EventType::Connect, connect::handle).await
}
