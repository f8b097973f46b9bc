//! The binary of the `webhook` function; see its library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve(webhook::handle).await
}
