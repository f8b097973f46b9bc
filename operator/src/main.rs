//! Commands for whoever operates a stack: who is connected, who must go, what is to be erased or exported, what could not be
//! delivered, and what is wrong with the stack.
//!
//! It does what the product does by the product's own operations: a ban is the `Moderation` event of a backend, and users are
//! disconnected as by `DELETE /api/websocket/disconnect`. So it needs AWS credentials that may read and write what functions
//! may, and no server of its own.
//!
//! # Layout
//! - [`cli`]: the command line, and what the exit codes mean
//! - [`stack`]: a stack is found by the names of its functions, and configured by their variables; [`credentials`]: as whom AWS
//!   is asked
//! - [`output`]: text for people, JSON for programs, and progress on stderr
//! - [`commands`]: one file, or one folder, for each command

#![deny(clippy::print_stdout, clippy::print_stderr)] // `output` is the one place that writes

mod cli;
mod commands;
mod credentials;
mod output;
mod stack;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
