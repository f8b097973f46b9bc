//! One process of a function: its environment, its output, and its end.

use std::{io, path::Path, process::Stdio, sync::Arc};

use jiff::Timestamp;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    sync::{mpsc, watch},
};
use uuid::Uuid;

use super::{
    binary::Binary,
    error::InvokeError,
    runtime_api::{Init, Job, Registration, RuntimeApi},
};
use crate::{
    faults::Faults,
    file_version::FileVersion,
    log::{FunctionLog, LogFormat},
    template::{Function, LogLevel, REGION},
};

/// A longer line of a function's output is shown in pieces.
const LINE_BYTES_MAX: u64 = 256 * 1024;

/// What the processes of all functions share.
pub(super) struct Host {
    pub(super) runtime_api: RuntimeApi,
    pub(super) endpoint: String,
    pub(super) log_format: LogFormat,
    pub(super) log: FunctionLog,
    pub(super) faults: Faults,
    /// True once the stack is stopping and all processes have to end.
    pub(super) stopping: watch::Sender<bool>,
    /// How many processes there are.
    pub(super) running: watch::Sender<usize>,
}

/// A running process. Dropping it kills it.
pub(super) struct Process {
    /// The build of the binary that it runs.
    pub(super) build: FileVersion,
    registration: Registration,
    /// How it ended, once it has.
    exit: watch::Receiver<Option<String>>,
    /// Closed when this is dropped.
    kill: mpsc::Sender<()>,
}

impl Process {
    /// Starts the binary, of which `build` is in place. Returns without waiting until the process is ready.
    pub(super) fn start(
        function: &Function,
        binary: &Binary,
        build: FileVersion,
        host: &Arc<Host>,
    ) -> io::Result<Self> {
        let registration = host.runtime_api.register();
        let binary = binary.path();
        let mut command = Command::new(binary);
        environment(&mut command, function, binary, host);
        command
            .env("AWS_LAMBDA_RUNTIME_API", &registration.url)
            .current_dir(binary.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: a terminal's Ctrl-C must not reach it before the stack stops it, and its children
            // are killed with it.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(show(output, function.name.clone(), function.log_level, host.log.clone()));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(show(output, function.name.clone(), function.log_level, host.log.clone()));
        }
        let (kill, killed) = mpsc::channel(1);
        let (exited, exit) = watch::channel(None);
        host.running.send_modify(|running| *running += 1);
        tokio::spawn(watch_over(child, killed, exited, Arc::clone(host)));
        Ok(Self { build, registration, exit, kill })
    }

    /// Gives the process its next invocation.
    pub(super) fn give(&self, job: Job) -> Result<(), InvokeError> {
        // The channel has room: a process gets one invocation at a time.
        self.registration
            .jobs
            .try_send(job)
            .map_err(|_| InvokeError::Start("the process has ended".to_owned()))
    }

    /// Waits until the process has ended, and returns how.
    pub(super) async fn exited(&self) -> String {
        ended(self.exit.clone()).await
    }

    /// Kills the process, waits until it has ended, and returns how.
    pub(super) async fn kill(self) -> String {
        drop(self.kill);
        ended(self.exit).await
    }

    /// Whether the process can still be given work.
    pub(super) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits until the process has asked for work, or has reported that it cannot start.
    pub(super) async fn started(&self) -> Init {
        let mut init = self.registration.init.clone();
        match init.wait_for(|init| *init != Init::Starting).await {
            Ok(init) => init.clone(),
            // Cannot happen: the sender lives as long as the registration, which this process owns.
            Err(_) => std::future::pending().await,
        }
    }

    /// How far the process has come.
    pub(super) fn init(&self) -> Init {
        self.registration.init.borrow().clone()
    }
}

async fn ended(mut exit: watch::Receiver<Option<String>>) -> String {
    match exit.wait_for(Option::is_some).await {
        Ok(status) => status.clone().unwrap_or_default(),
        Err(_) => "how it ended is unknown".to_owned(),
    }
}

/// Sets the variables that AWS sets and those of the template, and of the shell's environment only `PATH`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn environment(command: &mut Command, function: &Function, binary: &Path, host: &Host) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the commands that a function may run are found by it; it configures nothing"
    )]
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let log_format = match host.log_format {
        LogFormat::Text => "Text",
        LogFormat::Json => "JSON",
    };
    let log_stream =
        format!("{}/[$LATEST]{}", Timestamp::now().strftime("%Y/%m/%d"), Uuid::new_v4().simple());
    command
        .env_clear()
        .env("PATH", path)
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.physical_name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.physical_name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream)
        .env("AWS_LAMBDA_LOG_FORMAT", log_format)
        .env("LAMBDA_TASK_ROOT", binary.parent().unwrap_or(Path::new("/")))
        .env("_HANDLER", &function.handler)
        .envs(&function.environment)
        // After the template's variables, which must not point a function to AWS.
        .env("AWS_ENDPOINT_URL", &host.endpoint)
        // The credential in a request's signature tells the endpoint which function is calling.
        .env("AWS_ACCESS_KEY_ID", &function.id)
        .env("AWS_SECRET_ACCESS_KEY", "local");
}

/// Owns the process until it is gone. The process is killed only here, so that its number still belongs to it.
async fn watch_over(
    mut child: Child,
    mut killed: mpsc::Receiver<()>,
    exited: watch::Sender<Option<String>>,
    host: Arc<Host>,
) {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let mut stopping = host.stopping.subscribe();
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        // Nothing is ever sent: this resolves when the sender is dropped.
        _ = killed.recv() => None,
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => kill(&mut child, group).await,
    };
    let status = match ended {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    exited.send_replace(Some(status));
    host.running.send_modify(|running| *running -= 1);
}

async fn kill(child: &mut Child, group: Option<Pid>) -> std::io::Result<std::process::ExitStatus> {
    if let Some(group) = group
        && let Err(error) = killpg(group, Signal::SIGKILL)
    {
        tracing::debug!(%error, "the process group could not be killed");
    }
    child.start_kill()?;
    child.wait().await
}

/// Shows a function's output line by line until it closes; lines below the level `least` are dropped.
async fn show(output: impl AsyncRead + Unpin, name: String, least: LogLevel, log: FunctionLog) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => log.line(&name, String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']), least),
        }
    }
}
