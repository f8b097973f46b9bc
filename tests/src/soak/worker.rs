//! The Node processes in which the devices' clients run: the shipped TypeScript package, several clients in each process.
//! Commands go in and reports come out, one line of JSON each. The other side is `client/soak/worker.js`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::record::Roster;

/// Clients in one process.
const CLIENTS_MAX: usize = 16;

/// What happened to a device, and when, by this machine's clock.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    #[serde(rename = "at")]
    pub(super) at_ms: u64,
    device: String,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What a report says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum What {
    /// The state of the client's connection has changed.
    State { state: String, error: Option<Failure> },
    /// The client emitted `error`.
    Error { error: Failure, channel: Option<String> },
    /// The handler of a channel received an event. `latest` if it is a latest value from before the join.
    Event { channel: String, event: Value, latest: bool },
    /// `onJoined`. `first` if the app begins with this join.
    Joined { channel: String, head: u64, recovered: bool, first: bool },
    /// `onLost`.
    Lost { channel: String, after: u64, next: u64 },
    /// `onError`.
    Refused { channel: String, error: Failure },
    /// The listener of `watchPresence` was called.
    Present { channel: String, roster: Roster, count: usize },
    /// The state of a call has changed.
    Call { channel: String, state: String, direction: Option<String> },
    /// A callback was called after its subscription had ended.
    Late { channel: String },
    /// A promise was settled.
    Settled { id: u64, value: Option<Value>, error: Option<Failure> },
    /// The client asks for a token, or for a grant for the channel.
    Asked { number: u64, channel: Option<String> },
    /// A socket is being opened.
    Opening { socket: u64, token: Option<String> },
    /// A socket is open.
    Opened { socket: u64 },
    /// The server refused to open a socket.
    TurnedAway { socket: u64, status: u16 },
    /// A frame passed on a socket.
    Frame { socket: u64, direction: Direction, text: String },
    /// A socket was closed or given up.
    Over { socket: u64 },
    /// The client made a request by HTTP.
    Request { path: String, body: String },
    /// An exception that nothing caught.
    Thrown { message: String },
}

/// The direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    In,
    Out,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
}

/// The connection to one client in a worker.
#[derive(Debug)]
pub(super) struct Line {
    device: String,
    commands: UnboundedSender<String>,
    reports: UnboundedReceiver<Report>,
}

impl Line {
    /// Sends a command to the client.
    pub(super) fn command(&self, what: &str, mut fields: Value) {
        fields["do"] = what.into();
        fields["device"] = self.device.as_str().into();
        self.commands.send(fields.to_string()).ok(); // if the worker has ended, its reports end too
    }

    /// The next report; `None` once the worker has ended.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

type Receivers = Arc<Mutex<BTreeMap<String, UnboundedSender<Report>>>>;

/// All workers of a run. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Workers {
    script: PathBuf,
    last: Option<Worker>,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Worker {
    clients: usize,
    commands: UnboundedSender<String>,
    receivers: Receivers,
}

impl Workers {
    /// Begins without workers.
    ///
    /// # Errors
    /// If the client has not been built.
    pub(super) fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder above the crate")?;
        let client = root.join("client");
        let package = client.join("dist/index.js");
        ensure!(package.exists(), "{} is missing: run `make client/dist/index.js` first", package.display());
        Ok(Self { script: client.join("soak/worker.js"), last: None, children: Vec::new() })
    }

    /// Adds a client, in a new worker if the last one is full.
    pub(super) fn client(&mut self, device: &str) -> Result<Line> {
        let worker = match self.last.take().filter(|last| last.clients < CLIENTS_MAX) {
            Some(worker) => worker,
            None => self.start()?,
        };
        let (sender, reports) = unbounded_channel();
        lock(&worker.receivers).insert(device.to_owned(), sender);
        let commands = worker.commands.clone();
        self.last = Some(Worker { clients: worker.clients + 1, ..worker });
        Ok(Line { device: device.to_owned(), commands, reports })
    }

    fn start(&mut self) -> Result<Worker> {
        let mut child = Command::new("node")
            .arg(&self.script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting node")?;
        let stdin = child.stdin.take().context("node has no stdin")?;
        let stdout = child.stdout.take().context("node has no stdout")?;
        self.children.push(child);
        let (commands, waiting) = unbounded_channel();
        let receivers = Receivers::default();
        tokio::spawn(write(stdin, waiting));
        tokio::spawn(read(stdout, Arc::clone(&receivers)));
        Ok(Worker { clients: 0, commands, receivers })
    }
}

async fn write(mut stdin: ChildStdin, mut commands: UnboundedReceiver<String>) {
    while let Some(command) = commands.recv().await {
        if stdin.write_all(format!("{command}\n").as_bytes()).await.is_err() {
            break;
        }
    }
}

/// Passes each report on to its device, until the worker ends.
async fn read(stdout: ChildStdout, receivers: Receivers) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str::<Report>(&line) {
            Ok(report) => {
                if let Some(receiver) = lock(&receivers).get(&report.device) {
                    receiver.send(report).ok();
                }
            }
            Err(error) => {
                let shown: String = line.chars().take(200).collect();
                eprintln!("a report of a worker cannot be read: {error}: {shown}");
                break;
            }
        }
    }
    lock(&receivers).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(line: &Value) -> What {
        serde_json::from_value::<Report>(line.clone()).unwrap().what
    }

    #[test]
    fn a_report_is_read_by_what_it_says() {
        let frame =
            json!({"at": 7, "device": "d0", "what": "frame", "socket": 1, "direction": "out", "text": "{}"});
        let direction = Direction::Out;
        assert_eq!(read(&frame), What::Frame { socket: 1, direction, text: "{}".to_owned() });
        let settled = json!({"at": 7, "device": "d0", "what": "settled", "id": 3});
        assert_eq!(read(&settled), What::Settled { id: 3, value: None, error: None });
        let error = json!({"code": "forbidden", "message": "no"});
        let refused =
            json!({"at": 7, "device": "d0", "what": "refused", "channel": "system", "error": error});
        let error = Failure { code: "forbidden".to_owned(), message: "no".to_owned() };
        assert_eq!(read(&refused), What::Refused { channel: "system".to_owned(), error });
    }
}
