//! Invokes functions by `sam local invoke`: each as it is built for AWS, in a container.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::Stack;

/// The functions' environment variables that name a queue, with the queue's name in the template.
const QUEUES: [(&str, &str); 5] = [
    ("DELIVERY_QUEUE_URL", "DeliveryQueue"),
    ("TIMER_QUEUE_URL", "TimerQueue"),
    ("WEBHOOK_QUEUE_URL", "WebhookQueue"),
    ("DEAD_LETTERS_URL", "DeadLetters"),
    ("FILES_QUEUE_URL", "FilesQueue"),
];

/// The name by which containers reach the stack. The stack answers only to names of this machine.
const HOST: &str = "stack.localhost";

/// Invokes functions by SAM, with the table, the queues and the bus of a local stack.
#[derive(Debug)]
pub struct Sam {
    folder: PathBuf,
    variables: PathBuf,
    add_host: String,
}

impl Sam {
    /// Prepares the invocations, with files in `folder`. `bridge` is the address at which containers reach this machine, with the
    /// port of the stack. Connections to it are forwarded to the stack, which listens only on 127.0.0.1. `dev_key` is the key of
    /// the stack's dev issuer.
    ///
    /// # Errors
    /// If the stack lacks a queue, the folder cannot be written to, or the address is not one of this machine's.
    pub async fn new(stack: &Stack, folder: &Path, bridge: SocketAddr, dev_key: &str) -> Result<Self> {
        let addresses = &stack.addresses;
        forward(bridge).await.with_context(|| format!("cannot listen on {bridge}"))?;
        let endpoint = format!("http://{HOST}:{}", bridge.port());
        let mut variables = json!({
            "STAGE": addresses.stage,
            "TABLE_NAME": addresses.table,
            "BUS_NAME": addresses.bus,
            "MANAGEMENT_ENDPOINT": format!("{endpoint}/{}", addresses.stage),
            "DEV_ISSUER_KEY": dev_key,
            "FILES_BUCKET": addresses.bucket,
        });
        for (variable, queue) in QUEUES {
            variables[variable] = stack.backend().await?.queue(queue).await?.into();
        }
        let file = folder.join("variables.json");
        std::fs::write(&file, json!({ "Parameters": variables }).to_string())?;
        Ok(Self { folder: folder.to_owned(), variables: file, add_host: format!("{HOST}:{}", bridge.ip()) })
    }

    /// Invokes a function, given its name in the template. `sam` succeeds even if the function fails; its answer is then an error
    /// with a type.
    pub(super) async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let file = self.folder.join("event.json");
        std::fs::write(&file, event.to_string())?;
        let mut command = Command::new("sam");
        command.args(["local", "invoke", function, "--skip-pull-image", "--add-host", &self.add_host]);
        command.arg("--event").arg(&file).arg("--env-vars").arg(&self.variables);
        // Each function has its own credentials, by which the stack enforces its policies.
        command.env("AWS_ACCESS_KEY_ID", function).env("AWS_SECRET_ACCESS_KEY", "local");
        let output = command.stdin(Stdio::null()).output().await.context("cannot run sam")?;
        let log = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "sam local invoke: {log}");
        let answer = String::from_utf8(output.stdout)?;
        let answer =
            serde_json::from_str::<Value>(answer.trim()).with_context(|| format!("{answer:?}: {log}"))?;
        let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
        ensure!(answer["errorType"].is_null() && failures == 0, "the function has failed: {answer}: {log}");
        Ok(answer)
    }
}

/// Forwards every connection to `from` to the same port of 127.0.0.1.
async fn forward(from: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(from).await?;
    tokio::spawn(async move {
        while let Ok((mut container, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut stack) = TcpStream::connect(("127.0.0.1", from.port())).await {
                    // Either side may close early, which is no error here.
                    let _ = tokio::io::copy_bidirectional(&mut container, &mut stack).await;
                }
            });
        }
    });
    Ok(())
}
