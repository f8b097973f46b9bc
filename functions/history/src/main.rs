//! The binary of the `history` function; see its library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve_action(history::handle).await
}
