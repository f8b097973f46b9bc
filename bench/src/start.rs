//! Starts: how long a function takes from exec to its first poll of the runtime API, and on to its first answer, and how large
//! its binary is.
//!
//! Each binary is started as Lambda does, with a runtime API of ours that gives it its sample from `events/`. The table is that
//! of a local stack, over plain HTTP, so the figures do not have what TLS adds on AWS.

mod runtime_api;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ::tests::{
    Stack,
    gateway::{Gateway, Manner},
    memory_peak,
};
use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::timeout;

use self::runtime_api::RuntimeApi;
use crate::{
    broadcast::process_cpu_time,
    turns::{in_turns, median},
};

/// The name of the function that does nothing.
pub(crate) const EMPTY: &str = "empty";
const TIME_MAX: Duration = Duration::from_secs(20);

/// The figures of a function's start.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Start {
    pub(crate) function: String,
    pub(crate) binary_bytes: u64,
    /// From exec to the first poll.
    pub(crate) poll_cpu_ms: f64,
    pub(crate) poll_wall_ms: f64,
    /// From the first poll to the answer to the event that it returned.
    pub(crate) first_cpu_ms: f64,
    pub(crate) first_wall_ms: f64,
    pub(crate) memory_bytes: u64,
}

/// The figures of one start.
struct Turn {
    poll_cpu: Duration,
    poll_wall: Duration,
    first_cpu: Duration,
    first_wall: Duration,
    memory_bytes: u64,
}

/// A process that is killed when it is no longer needed.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts every function several times, in turns with one that does nothing.
pub(crate) async fn measure(turns: usize) -> Result<Vec<Start>> {
    let gateway = Gateway::start(Manner::default()).await?;
    let stack = crate::stack(&["--quiet-functions"])?;
    let functions = functions()?;
    let taken = in_turns(&functions, turns, async |(name, binary)| {
        let turn = take_turn(name, binary, &stack, gateway.url()).await;
        turn.with_context(|| format!("starting {name}"))
    });
    functions.iter().zip(taken.await?).map(|((name, binary), turns)| summary(name, binary, &turns)).collect()
}

/// The name and the binary of the empty function, and then of all in `functions/`.
fn functions() -> Result<Vec<(String, PathBuf)>> {
    let built = crate::built()?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(crate::root().join("functions"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut functions = vec![(EMPTY.to_owned(), built.join("examples").join(EMPTY))];
    functions.extend(names.into_iter().map(|name| (name.clone(), built.join(name))));
    Ok(functions)
}

/// The sample event for a function's first invocation.
fn sample(function: &str) -> Result<String> {
    let name = match function {
        EMPTY => return Ok("{}".to_owned()),
        "broadcast" => "resource-update",
        "access" => "conversation",
        "timers" => "timers-departed",
        function => function,
    };
    let path = crate::root().join("events").join(format!("{name}.json"));
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

async fn take_turn(name: &str, binary: &Path, stack: &Stack, gateway: &str) -> Result<Turn> {
    let mut api = RuntimeApi::start(sample(name)?).await?;
    let mut command = Command::new(binary);
    environment(&mut command, name, stack, gateway);
    command.env("AWS_LAMBDA_RUNTIME_API", &api.address);
    let begun = Instant::now();
    let process = Process(command.spawn().with_context(|| binary.display().to_string())?);
    let used = || process_cpu_time(process.0.id());
    let polled = timeout(TIME_MAX, api.polled()).await??;
    let poll_cpu = used()?;
    api.let_go();
    let answered = timeout(TIME_MAX, api.answered()).await??;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id()))?;
    Ok(Turn {
        poll_cpu,
        poll_wall: polled - begun,
        first_cpu: used()?.saturating_sub(poll_cpu),
        first_wall: answered - polled,
        memory_bytes: memory_peak(&status)?,
    })
}

/// Sets the environment that Lambda and the template give a function.
pub(crate) fn environment(command: &mut Command, name: &str, stack: &Stack, gateway: &str) {
    command.env_clear().envs(crate::AWS_ENVIRONMENT);
    command.env("AWS_ENDPOINT_URL", stack.addresses.aws.as_deref().unwrap_or_default());
    command.env("AWS_ACCESS_KEY_ID", name); // by which a local stack identifies the caller
    command.envs([
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("RUST_LOG", "info"),
        ("STAGE", &stack.addresses.stage),
        ("TABLE_NAME", &stack.addresses.table),
        ("MANAGEMENT_ENDPOINT", gateway),
        ("DELIVERY_QUEUE_URL", "http://127.0.0.1/fan-out"),
        ("TIMER_QUEUE_URL", "http://127.0.0.1/timers"),
        ("WEBHOOK_QUEUE_URL", "http://127.0.0.1/webhooks"),
        ("BUS_NAME", &stack.addresses.bus),
        ("EVENT_SOURCE", "funnelcast.app"),
        ("LEASE_SECONDS", "300"),
        ("CONVERSATION_RETENTION_DAYS", "0"),
        ("ALLOWED_ORIGINS", "http://localhost:3000"),
        ("ISSUERS", "[]"),
        ("DEV_ISSUER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

fn summary(function: &str, binary: &Path, turns: &[Turn]) -> Result<Start> {
    let ms = |part: fn(&Turn) -> Duration| median(turns.iter().map(|turn| part(turn).as_secs_f64() * 1e3));
    Ok(Start {
        function: function.to_owned(),
        binary_bytes: std::fs::metadata(binary)?.len(),
        poll_cpu_ms: ms(|turn| turn.poll_cpu),
        poll_wall_ms: ms(|turn| turn.poll_wall),
        first_cpu_ms: ms(|turn| turn.first_cpu),
        first_wall_ms: ms(|turn| turn.first_wall),
        memory_bytes: turns.iter().map(|turn| turn.memory_bytes).max().unwrap_or_default(),
    })
}
