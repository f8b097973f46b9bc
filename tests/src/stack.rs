//! The stack under test: started from the built binaries, or found by `FUNNELCAST_STACK`.
//!
//! A started stack ends with the test process, even if that is killed: the stack's stdin is a pipe that this process holds, and
//! with `--until-stdin-closes` the stack ends when the pipe is closed. Its log goes to a file that failures name.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::Backend;

/// The binary that runs a whole stack on one machine.
const LOCAL: &str = "funnelcast-local";

/// The file of the rights from the template that the stacks' functions have used. `make suite` names the unused ones.
const RIGHTS_LOG: &str = "rights.jsonl";

/// How long a stack may take from its start to its ready line.
const START_SECONDS_MAX: u64 = 60;

/// How long a stack may take to end when its stdin closes, before it is killed.
const END_SECONDS_MAX: u64 = 10;

/// A running stack and its addresses.
#[derive(Debug)]
pub struct Stack {
    /// Where it listens, and the names of its resources.
    pub addresses: Addresses,
    backend: OnceCell<Backend>,
    /// Ends when this is dropped. The shared stack's process ends with the test process.
    process: Option<Mutex<Process>>,
    log: Option<PathBuf>,
}

/// The line of JSON that `funnelcast-local up` prints when it is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    /// The URL to which clients connect, with the stage, without the token.
    pub websocket: String,
    /// The base URL of the HTTP API.
    pub http: String,
    /// The endpoint of every AWS SDK; `None` for AWS itself.
    pub aws: Option<String>,
    /// The table, with the outbox in which the app's backend puts items.
    pub table: String,
    /// The event bus of the app's backend.
    pub bus: String,
    /// The bucket of files, if its name is given.
    #[serde(default)]
    pub bucket: Option<String>,
    /// The API's stage.
    pub stage: String,
}

impl Stack {
    /// The stack that all tests of this process share.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Stack, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| {
                match variable("FUNNELCAST_STACK") {
                    Some(file) => Self::found(Path::new(&file)),
                    None => Self::started(&[]),
                }
                .map_err(|error| format!("{error:#}"))
            })
            .as_ref()
            .map_err(|error| anyhow!(error.clone()))
    }

    /// Starts another stack for a test that changes limits or counts usage; it ends when it is dropped. `None` if the suite runs
    /// against a stack that it did not start: the test is then skipped, and says so.
    pub fn private(options: &[&str]) -> Result<Option<Self>> {
        if variable("FUNNELCAST_STACK").is_some() {
            println!("skipped: needs a local stack of its own, and FUNNELCAST_STACK names another");
            return Ok(None);
        }
        Self::started(options).map(Some)
    }

    /// The largest peak memory of the function's current processes, in bytes. Started stacks only, on Linux.
    pub fn memory_peak(&self, function: &str) -> Result<u64> {
        let mut peak = None;
        for process in self.processes(function)? {
            let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { continue };
            peak = peak.max(Some(memory_peak(&status)?));
        }
        peak.with_context(|| format!("{function} has no process"))
    }

    /// The ids of the current processes of a function. Started stacks only, on Linux.
    pub fn processes(&self, function: &str) -> Result<Vec<u32>> {
        let stack = self.process()?.child.id().to_string();
        let mut processes = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
            if field(&status, "Name:") == Some(function) && field(&status, "PPid:") == Some(&stack) {
                processes.push(process);
            }
        }
        Ok(processes)
    }

    /// Kills a started stack (SIGKILL). The processes of its functions end by themselves.
    pub fn kill(&self) -> Result<()> {
        // It is waited for only when it is dropped, so no other process can have its id.
        let process = self.process()?.child.id().to_string();
        let killed = Command::new("kill").args(["-KILL", &process]).status()?;
        ensure!(killed.success(), "process {process} could not be killed");
        Ok(())
    }

    /// The app's backend of this stack.
    pub async fn backend(&self) -> Result<&Backend> {
        self.backend.get_or_try_init(|| Backend::of(&self.addresses)).await
    }

    /// The file that a started stack logs to. It stays when the stack ends.
    pub fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// Kills a stack that was started with `--data`, as a power failure would, and starts it again on the same ports. Blocks
    /// until it is ready.
    pub(crate) fn kill_and_restart(&self) -> Result<()> {
        let mut process = self.process()?;
        process.child.kill()?;
        process.child.wait()?;
        process.restart(&self.addresses)
    }

    fn process(&self) -> Result<MutexGuard<'_, Process>> {
        let process = self.process.as_ref().context("this needs a stack that the tests have started")?;
        Ok(process.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn found(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("FUNNELCAST_STACK {}", file.display()))?;
        Self::at(&text, None)
    }

    fn started(options: &[&str]) -> Result<Self> {
        let (process, ready) = Process::start(options)?;
        Self::at(&ready, Some(process))
    }

    fn at(addresses: &str, process: Option<Process>) -> Result<Self> {
        let addresses =
            serde_json::from_str(addresses).with_context(|| format!("not a ready line: {addresses:?}"))?;
        let log = process.as_ref().map(|process| process.log.clone());
        Ok(Self { addresses, backend: OnceCell::new(), process: process.map(Mutex::new), log })
    }
}

/// A process of `funnelcast-local up` that this process started.
#[derive(Debug)]
struct Process {
    child: Child,
    log: PathBuf,
    options: Vec<String>,
}

impl Process {
    /// Starts a stack on free ports and waits for its ready line.
    fn start(options: &[&str]) -> Result<(Self, String)> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("stack-{}-{}.log", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let logs = binaries()?.join("stack-logs");
        std::fs::create_dir_all(&logs)?;
        let log = logs.join(name);
        File::create(&log)?;
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self::spawn(log, options, ["0".to_owned(), "0".to_owned()])
    }

    /// Starts it again on the same ports.
    fn restart(&mut self, addresses: &Addresses) -> Result<()> {
        let ports = [&addresses.websocket, &addresses.http].map(|url| port(url));
        let [Some(websocket), Some(http)] = ports else { bail!("no ports in {addresses:?}") };
        let (started, _) = Self::spawn(self.log.clone(), self.options.clone(), [websocket, http])?;
        *self = started;
        Ok(())
    }

    fn spawn(log: PathBuf, options: Vec<String>, [port, http_port]: [String; 2]) -> Result<(Self, String)> {
        let rights = log.with_file_name(RIGHTS_LOG);
        let mut child = local()?
            .args(["up", "--template", "template.yaml", "--until-stdin-closes"])
            .args(["--port", &port, "--http-port", &http_port])
            .args(["--async-retry-delay", "200ms", "--bin-dir"])
            .arg(binaries()?)
            .arg("--rights-log")
            .arg(rights)
            .args(&options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::options().append(true).open(&log)?)
            .spawn()?;
        let stdout = child.stdout.take().context("the stack has no stdout")?;
        let process = Self { child, log, options };

        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            // Reads to the end, so that the stack is never blocked when it writes. Nothing receives the lines after the first.
            while stdout.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    line.clear();
                }
            }
        });
        match receiver.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) {
            Ok(ready) => Ok((process, ready)),
            Err(_) => bail!("{LOCAL} up did not become ready; the end of its log:\n{}", tail(&process.log)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(END_SECONDS_MAX);
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > deadline {
                eprintln!("{LOCAL} did not end when its stdin closed: killed");
                self.child.kill().ok();
                self.child.wait().ok();
                return;
            }
            std::thread::sleep(crate::POLL_INTERVAL);
        }
    }
}

/// The port of a URL like `http://127.0.0.1:3000/dev`.
fn port(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, port) = rest.split('/').next()?.rsplit_once(':')?;
    Some(port.to_owned())
}

/// A command of the local binary, to be run at the root of the checkout.
pub(crate) fn local() -> Result<Command> {
    command(LOCAL)
}

/// A command of a binary of the checkout, to be run at its root.
pub(crate) fn command(name: &str) -> Result<Command> {
    let binary = binaries()?.join(name);
    ensure!(binary.is_file(), "{} is missing: run `make build` first", binary.display());
    let mut command = Command::new(binary);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder above the crate")?);
    Ok(command)
}

/// An environment variable that configures the suite; `None` if it is empty.
#[expect(clippy::disallowed_methods, reason = "the suite's own settings; the product reads none of them")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder of cargo's binaries: that of this binary or, for a test, the one above it.
pub(crate) fn binaries() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().context("this binary is in no folder")?;
    let folder = folder.parent().filter(|_| folder.ends_with("deps")).unwrap_or(folder);
    Ok(folder.to_path_buf())
}

/// The peak memory of a process in bytes, from its `/proc/{id}/status`.
///
/// # Errors
/// If the text does not contain it.
pub fn memory_peak(status: &str) -> Result<u64> {
    let kib: u64 = field(status, "VmHWM:").context("the status has no VmHWM")?.parse()?;
    Ok(kib * 1024)
}

/// The value on a line of `/proc/{id}/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
}

/// The last lines of a log, for an error message.
fn tail(log: &Path) -> String {
    const LINES_MAX: usize = 20;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].join("\n")
}
