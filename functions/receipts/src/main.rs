//! The binary of the `receipts` function; see its library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve_action(receipts::handle).await
}
