//! Where a stack on this machine is: the one that `funnelcast dev` has started in the folder of a project, or else the usual place.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use http::Request;
use http_body_util::{BodyExt as _, Collected, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Where `funnelcast dev` writes down what it has started, in the folder of a project.
const READY_FILE: &str = ".funnelcast/ready.json";
/// Where a local stack usually is.
const ENDPOINT: &str = "http://127.0.0.1:3001";
/// How long a stack may take to say which it is.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The endpoint of the stack of the project in `folder`, or else the usual one. If that stack was killed, its port may be another
/// project's by now.
pub(super) async fn endpoint(folder: &Path) -> Result<String> {
    let text = fs::read_to_string(folder.join(READY_FILE)).ok();
    let Some(ready) = text.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
        return Ok(ENDPOINT.to_owned());
    };
    let endpoint = ready["aws"].as_str().unwrap_or(ENDPOINT);
    let running = tokio::time::timeout(TIMEOUT, id_at(endpoint)).await.ok().and_then(Result::ok);
    if running.is_none() || running.as_deref() != ready["id"].as_str() {
        bail!(
            "the stack that `dev` has started in this folder is no longer running: start it again, or set --endpoint-url"
        );
    }
    Ok(endpoint.to_owned())
}

/// The id of the stack's start that is running there.
async fn id_at(endpoint: &str) -> Result<String> {
    let client: Client<HttpConnector, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("{endpoint}/_local"));
    let response = client.request(request.body(Empty::new())?).await?;
    let body = response.into_body().collect().await.map(Collected::to_bytes)?;
    let ready: Value = serde_json::from_slice(&body)?;
    Ok(ready["id"].as_str().context("the stack has no id")?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Server;

    #[tokio::test]
    async fn another_projects_stack_on_the_port_is_not_this_ones() {
        let folder = std::env::temp_dir().join(format!("funnelcast-operator-{}", std::process::id()));
        assert_eq!(endpoint(&folder).await.unwrap(), ENDPOINT);
        fs::create_dir_all(folder.join(".funnelcast")).unwrap();
        let server = Server::start(|_, call, _| (200, json!({ "id": "2", "call": call })));
        let noted = |id: &str| {
            let ready = json!({ "id": id, "aws": server.url() });
            fs::write(folder.join(READY_FILE), ready.to_string()).unwrap();
        };
        noted("2");
        assert_eq!(endpoint(&folder).await.unwrap(), server.url());
        assert_eq!(server.count("/_local"), 1);
        noted("1");
        let refusal = endpoint(&folder).await.unwrap_err().to_string();
        assert!(refusal.contains("no longer running"), "{refusal}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
