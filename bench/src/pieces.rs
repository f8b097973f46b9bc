//! The pieces of a `send`, one by one, measured by Criterion (`benches/pieces.rs`) with the table of a local stack. Criterion says
//! what has changed since its last run, and keeps what it needs for that beside the report.

use std::{fs::File, io::BufReader, path::Path, process::Stdio};

use ::tests::gateway::{Gateway, Manner};
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::{posts::session_token, start::environment};

/// The pieces, in their order.
const PIECES: [&str; 6] = ["parse", "policy", "draft", "append", "frame", "sign"];

/// What one piece takes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Piece {
    pub(crate) name: &'static str,
    pub(crate) cpu_us: f64,
}

/// The part of Criterion's estimates that we need, in nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// Measures all pieces. Criterion's output goes to the terminal, and the files that it keeps to this folder.
pub(crate) async fn measure(folder: &Path) -> Result<Vec<Piece>> {
    let gateway = Gateway::start(Manner::default()).await?;
    let stack = crate::stack(&["--quiet-functions"])?;
    let binary = crate::built()?.join("examples/pieces");
    let mut command = Command::new(&binary);
    environment(command.as_std_mut(), "send", &stack, gateway.url());
    command.env("AWS_SESSION_TOKEN", session_token());
    command.env("CRITERION_HOME", folder).arg("--bench").kill_on_drop(true);
    command.stdout(std::io::stderr()).stderr(Stdio::inherit()); // our own output is the report
    let status = command.status().await.with_context(|| binary.display().to_string())?;
    ensure!(status.success(), "{}: {status}", binary.display());
    PIECES.into_iter().map(|name| piece(folder, name)).collect()
}

fn piece(folder: &Path, name: &'static str) -> Result<Piece> {
    let file = folder.join(name).join("new/estimates.json");
    let estimates = File::open(&file).with_context(|| file.display().to_string())?;
    let Estimates { median } = serde_json::from_reader(BufReader::new(estimates))?;
    Ok(Piece { name, cpu_us: median.point_estimate / 1e3 })
}
