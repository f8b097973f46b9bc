//! The stack under test: started from the built binaries, or found by `FUNNELCAST_STACK`.
//!
//! A started stack ends with the test process, whatever happens to that: its stdin is a pipe that this process
//! holds, and `--until-stdin-closes` makes it end when the pipe does. Its log goes to a file that failures name.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::Backend;

/// The binary that runs the whole stack on one machine.
const LOCAL: &str = "funnelcast-local";

/// How long a stack may take from its start to its ready line.
const START_SECONDS_MAX: u64 = 60;

/// How long a stack may take to end when its stdin closes, before it is killed.
const END_SECONDS_MAX: u64 = 10;

/// A running stack and the ways to it.
#[derive(Debug)]
pub struct Stack {
    /// Where it listens and what its parts are called.
    pub addresses: Addresses,
    backend: OnceCell<Backend>,
    /// Ends when this is dropped; the shared one when the test process ends.
    _process: Option<Process>,
}

/// The line of JSON that `funnelcast-local up` prints when all is ready.
#[derive(Debug, Clone, Deserialize)]
pub struct Addresses {
    /// What a client connects to, with the stage, without the token.
    pub websocket: String,
    /// The endpoint of every AWS SDK; absent where that is AWS itself.
    pub aws: Option<String>,
    /// The table, where the app's backend puts its outbox.
    pub table: String,
    /// The event bus of the app's backend.
    pub bus: String,
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

    /// A further stack of its own for a test that changes limits or counts usage; it ends when dropped.
    /// `None` where the suite runs against a stack that it did not start: the test is then skipped, and says so.
    pub fn private(options: &[&str]) -> Result<Option<Self>> {
        if variable("FUNNELCAST_STACK").is_some() {
            println!("skipped: needs a local stack of its own, and FUNNELCAST_STACK names another");
            return Ok(None);
        }
        Self::started(options).map(Some)
    }

    /// The app's backend, as this stack sees it.
    pub async fn backend(&self) -> Result<&Backend> {
        self.backend.get_or_try_init(|| Backend::of(&self.addresses)).await
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
            serde_json::from_str(addresses).with_context(|| format!("a ready line: {addresses:?}"))?;
        Ok(Self { addresses, backend: OnceCell::new(), _process: process })
    }
}

/// A `funnelcast-local up` of ours.
#[derive(Debug)]
struct Process {
    child: Child,
}

impl Process {
    /// Starts one and waits for its ready line.
    fn start(options: &[&str]) -> Result<(Self, String)> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("stack-{}-{}.log", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let logs = binaries()?.join("stack-logs");
        std::fs::create_dir_all(&logs)?;
        let log = logs.join(name);

        let mut child = local()?
            .args([
                "up",
                "--template",
                "template.yaml",
                "--port",
                "0",
                "--http-port",
                "0",
                "--until-stdin-closes",
            ])
            .args(["--async-retry-delay", "200ms", "--bin-dir"])
            .arg(binaries()?)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let process = Self { child };

        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            // Reads on to the end, so that the stack can always write; nobody listens after the first line.
            while stdout.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    line.clear();
                }
            }
        });
        match receiver.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) {
            Ok(ready) => Ok((process, ready)),
            Err(_) => bail!("{LOCAL} up was not ready; it said:\n{}", tail(&log)),
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

/// A command of the local binary, to be run at the root of the checkout.
pub(crate) fn local() -> Result<Command> {
    let binary = binaries()?.join(LOCAL);
    ensure!(binary.is_file(), "{} is missing: run `make build` first", binary.display());
    let mut command = Command::new(binary);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the root of the checkout")?);
    Ok(command)
}

/// An environment variable that says what the suite runs against.
#[expect(clippy::disallowed_methods, reason = "the suite's own settings; the product reads none of them")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where cargo puts the binaries: the folder above the one that this test runs from.
fn binaries() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("a test binary in target/{profile}/deps")?;
    Ok(folder.to_path_buf())
}

/// The last lines of a log, for an error.
fn tail(log: &Path) -> String {
    const LINES_MAX: usize = 20;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].join("\n")
}
