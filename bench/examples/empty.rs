//! A function that does nothing. Its start costs what any start costs before it runs code of ours.

use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let handler = service_fn(async |_: LambdaEvent<serde_json::Value>| Ok::<_, lambda_runtime::Error>(()));
    lambda_runtime::run(handler).await
}
