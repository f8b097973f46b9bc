//! The binary of the `http` function; see its library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    funnelcast_aws::serve_http(http::router).await
}
