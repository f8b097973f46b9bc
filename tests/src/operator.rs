//! The operator's commands, run as an operator would run them.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::Stack;

/// The binary with the commands.
pub(crate) const OPERATOR: &str = "funnelcast-operator";

/// The result of a command.
#[derive(Debug)]
pub struct Operated {
    /// Its exit code.
    pub code: i32,
    /// What it printed, if that is JSON.
    pub answer: Value,
    /// What it wrote to stderr.
    pub error: String,
}

impl Operated {
    /// What the command printed. Fails unless it succeeded.
    pub fn done(self) -> Result<Value> {
        ensure!(self.code == 0, "exit code {}: {}", self.code, self.error);
        Ok(self.answer)
    }
}

impl Stack {
    /// Runs a command on this stack with these arguments, none of which may contain a space, and `--json`.
    pub async fn operate(&self, line: &str) -> Result<Operated> {
        let output = self.operator(line)?.arg("--json").output().await?;
        let text = String::from_utf8(output.stdout)?;
        Ok(Operated {
            code: output.status.code().context("the command was ended by a signal")?,
            answer: serde_json::from_str(&text).unwrap_or_default(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a command that prints lines of JSON.
    pub async fn operate_lines(&self, line: &str) -> Result<Vec<Value>> {
        let output = self.operator(line)?.output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    fn operator(&self, line: &str) -> Result<tokio::process::Command> {
        let mut command = tokio::process::Command::from(crate::stack::command(OPERATOR)?);
        command.args(line.split_whitespace());
        if let Some(endpoint) = &self.addresses.aws {
            command.args(["--local", "--endpoint-url", endpoint]);
        }
        Ok(command)
    }
}
