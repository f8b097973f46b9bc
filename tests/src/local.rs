//! What only a local stack has: `/_local`, for its counters and its faults, and the invocation of functions.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Stack;

impl Stack {
    /// Replaces the faults: a rate by the name of its kind, and beside them `seed` and `delay_ms_max`. A kind that is left out is
    /// off, so an empty object turns all faults off. Local stacks only.
    pub async fn set_faults(&self, settings: &Value) -> Result<()> {
        self.ask_local(Method::PUT, "faults", settings.to_string().into()).await.map(drop)
    }

    /// The seed, the rates, and under `injected` the number of faults of each kind. Local stacks only.
    pub async fn faults(&self) -> Result<Value> {
        let body = self.ask_local(Method::GET, "faults", Bytes::new()).await?;
        serde_json::from_slice(&body).with_context(|| format!("faults: {body:?}"))
    }

    /// Runs `funnelcast-local` with these arguments, as a user would on the stack's machine, and returns what it prints.
    pub fn run_local(&self, line: &str) -> Result<String> {
        let mut command = crate::stack::local()?;
        command.args(line.split_whitespace());
        if line.starts_with("emit ") {
            command.args(["--endpoint", self.addresses.aws.as_deref().context("this needs a local stack")?]);
        }
        let output = command.output()?;
        ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// How often a function, named by its logical id, has used the right to an action, on any resource. Local stacks only.
    pub async fn used_right(&self, function: &str, action: &str) -> Result<u64> {
        let body = self.ask_local(Method::GET, "rights", Bytes::new()).await?;
        let answer: Value = serde_json::from_slice(&body).with_context(|| format!("rights: {body:?}"))?;
        let rights = answer["rights"].as_array().into_iter().flatten();
        let of_it = rights.filter(|right| right["function"] == function && right["action"] == action);
        Ok(of_it.filter_map(|right| right["used"].as_u64()).sum())
    }

    /// Invokes a function with any event, and returns its answer. Local stacks only.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let path = format!("2015-03-31/functions/{function}/invocations");
        let answer = self.ask_aws(Method::POST, &path, event.to_string().into()).await?;
        serde_json::from_slice(&answer).with_context(|| format!("{function}: {answer:?}"))
    }

    pub(crate) async fn ask_local(&self, method: Method, what: &str, body: Bytes) -> Result<Bytes> {
        self.ask_aws(method, &format!("_local/{what}"), body).await
    }

    async fn ask_aws(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let endpoint = self.addresses.aws.as_deref().context("this needs a local stack")?;
        let request = Request::builder().method(method).uri(format!("{endpoint}/{path}"));
        let request = request.body(Full::new(body))?;
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{path}: {status}: {body:?}");
        Ok(body)
    }
}
