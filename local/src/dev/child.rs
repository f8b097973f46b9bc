//! A stack in a process of its own: an `up` of this program, which can be started again with other parameters.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
};

use super::options::StackOptions;
use crate::{command::Failure, project::Project};

/// The arguments of an `up` of these parameters.
pub(crate) fn arguments<'a>(
    project: &Project,
    options: &StackOptions,
    parameters: impl IntoIterator<Item = (&'a String, &'a String)>,
    secrets: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["up".into(), "--until-stdin-closes".into()];
    let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    add("--template", project.template.clone().into());
    add("--project", project.folder.clone().into());
    add("--bin-dir", options.bin_dir.clone().unwrap_or_else(|| project.functions()).into());
    for (name, value) in parameters {
        add("--parameter", format!("{name}={value}").into());
    }
    for (name, value) in secrets {
        add("--secret", format!("{name}={value}").into());
    }
    arguments
}

/// Where a stack's log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// To this program's stderr.
    Shown,
    /// Nowhere, except for the reason why the stack cannot start.
    Hidden,
}

/// A running stack. It ends when this is dropped, and with this program.
pub(crate) struct StackProcess {
    child: Child,
    /// The stack ends when it closes.
    stdin: Option<ChildStdin>,
    /// The line of JSON that says where everything is.
    pub(crate) ready: Value,
}

impl StackProcess {
    /// Starts `program` with these arguments, and waits until the stack is ready. If it cannot start, the error is the
    /// stack's own reason.
    pub(crate) async fn start(program: &Path, arguments: &[OsString], log: Log) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(if log == Log::Shown { Stdio::inherit() } else { Stdio::piped() });
        // A terminal's Ctrl-C must not reach it before this program has seen it.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().context("stdout")?);
        // Read to its end all the time, so that the stack can always write.
        let errors = child.stderr.take().map(|mut stderr| {
            tokio::spawn(async move {
                let mut text = Vec::new();
                stderr.read_to_end(&mut text).await.map(|_| String::from_utf8_lossy(&text).into_owned())
            })
        });
        let mut line = String::new();
        stdout.read_line(&mut line).await.context("cannot read what the stack says")?;
        if let Ok(ready) = serde_json::from_str(&line) {
            return Ok(Self { child, stdin, ready });
        }
        let status = child.wait().await.context("cannot wait for the stack")?;
        let Some(errors) = errors else { return Err(Failure::Reported(exit_code(status))) };
        let text = errors.await.context("cannot read what the stack says")?.unwrap_or_default();
        let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
        let reason = anyhow!("{}", reason.unwrap_or(text.trim()));
        Err(if exit_code(status) == 2 { Failure::Input(reason) } else { Failure::Other(reason) })
    }

    /// Waits until the stack has ended by itself.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for the stack")
    }

    /// Ends the stack, waits until it has, and returns how.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        drop(self.stdin.take());
        self.ended().await
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// This program's own file.
pub(crate) fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own path")
}
