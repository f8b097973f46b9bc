//! The command `dev` in a project of its own, as the developer of an app runs it, and the commands that find its stack.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{operator, stack, unique};

/// The folder of a project, with the template of this checkout and a folder for temporary files. It is removed when this is dropped.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    running: Option<Child>,
}

impl Project {
    /// Creates a project in the folder `parent`. `None` if the suite runs against a stack that it did not start.
    pub fn create(parent: &Path) -> Result<Option<Self>> {
        if stack::variable("FUNNELCAST_STACK").is_some() {
            println!("skipped: `dev` starts a local stack, and FUNNELCAST_STACK names another");
            return Ok(None);
        }
        let project = Self { folder: parent.join(unique("project")), running: None };
        fs::create_dir_all(project.temporary())?;
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        fs::copy(template, project.folder.join("template.yaml"))?;
        Ok(Some(project))
    }

    /// Starts `dev` with these options, and returns the line that it prints when the stack is ready.
    pub fn start(&mut self, options: &[&str]) -> Result<Value> {
        let mut command = self.dev(options)?;
        command.arg("--bin-dir").arg(stack::binaries()?);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout")?).read_line(&mut line)?;
        let mut stderr = child.stderr.take().context("stderr")?;
        self.running = Some(child);
        if line.is_empty() {
            let mut text = String::new();
            stderr.read_to_string(&mut text)?;
            anyhow::bail!("dev did not start:\n{text}");
        }
        // Nobody reads its log from here on: it runs on, as it does if a terminal is closed.
        Ok(serde_json::from_str(&line)?)
    }

    /// Runs another `dev` in the folder with nothing but these options. It must end by itself.
    pub fn again(&self, options: &[&str]) -> Result<Output> {
        Ok(self.dev(options)?.output()?)
    }

    /// Runs a command of `funnelcast-local` in the folder.
    pub fn local(&self, line: &str) -> Result<Output> {
        Ok(stack::local()?.current_dir(&self.folder).args(line.split_whitespace()).output()?)
    }

    /// Runs an operator's command in the folder.
    pub fn operate(&self, line: &str) -> Result<Output> {
        let mut command = stack::command(operator::OPERATOR)?;
        Ok(command.current_dir(&self.folder).args(line.split_whitespace()).output()?)
    }

    /// Sends a signal, such as `HUP`, to the `dev` that was started, and waits until it has ended.
    pub fn end(&mut self, signal: &str) -> Result<ExitStatus> {
        let mut running = self.running.take().context("no dev is running")?;
        let sent = Command::new("kill").args(["-s", signal, &running.id().to_string()]).status()?;
        ensure!(sent.success(), "{signal} cannot be sent");
        Ok(running.wait()?)
    }

    /// Whether there is a file that says where the stack is running.
    pub fn is_noted(&self) -> bool {
        self.folder.join(".funnelcast/ready.json").exists()
    }

    /// What is left in the folder for temporary files.
    pub fn left_over(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(self.temporary())?.map(|entry| Ok(entry?.path())).collect()
    }

    fn temporary(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    fn dev(&self, options: &[&str]) -> Result<Command> {
        let mut command = stack::local()?;
        command.current_dir(&self.folder).env("TMPDIR", self.temporary());
        command.args(["dev", "--json"]).args(options).stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill().ok();
            running.wait().ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}
