//! The binary of the `sweep` function; see its library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve(sweep::handle).await
}
