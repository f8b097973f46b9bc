//! `funnelcast-local`: the whole stack on one machine, from template.yaml.
//!
//! It emulates the AWS services that the template uses, behind one endpoint that unmodified AWS SDKs talk to, and runs
//! the functions as processes. It contains no function of the project and depends on none of its crates: it reads the
//! template and starts the binaries that the template names.
//!
//! # Layout
//! The commands:
//! - [`cli`]: the command line, over the other commands; [`command`]: what they have in common.
//! - For people: [`dev`], [`check`], [`token`], [`keys`], [`emit`], [`cost`]. [`project`]: what they work on; [`samconfig`]: how
//!   it is deployed; [`package`]: what the npm package brings along; [`kept`]: what a project keeps.
//! - For programs: [`up`], which puts together everything below, and `rights` in [`iam`].
//!
//! The template:
//! - [`template`]: reads template.yaml into a `Stack`, which every service is started from.
//!
//! The services, each in one folder:
//! - [`api_gateway`]: the WebSocket API and the HTTP API.
//! - [`lambda`]: functions and their processes; [`event_source`]: what feeds them from a table's stream or a queue.
//! - [`dynamodb`], [`s3`], [`sqs`], [`eventbridge`], [`secrets_manager`]: the service of that name.
//! - [`iam`]: which function may do what.
//!
//! The ports:
//! - [`front`]: the port of the WebSocket API and of every AWS service; [`page`]: the port of the HTTP API, with the files
//!   of a page.
//! - [`http1`]: the HTTP server under both, and the client; [`loopback`]: refuses requests from foreign pages.
//!
//! What several of them share:
//! - [`faults`]: what goes wrong on purpose; [`usage`]: counts what each function uses.
//! - [`journal`]: what is kept with `--data`, besides tables and objects; [`trace`]: chains of calls, to find recursive loops.
//! - [`aws_error`]: how a service refuses a call; [`file_version`]: notices that a file was replaced; [`temporary`]: folders that
//!   do not outlast a run by much; [`log`]: what the terminal shows.
//!
//! Never here: anything that a deployed stack needs, and anything that listens on another address than 127.0.0.1.

mod api_gateway;
mod aws_error;
mod check;
mod cli;
mod command;
mod cost;
mod dev;
mod dynamodb;
mod emit;
mod event_source;
mod eventbridge;
mod faults;
mod file_version;
mod front;
mod http1;
mod iam;
mod journal;
mod kept;
mod keys;
mod lambda;
mod log;
mod loopback;
mod package;
mod page;
mod project;
mod s3;
mod samconfig;
mod secrets_manager;
mod sqs;
mod template;
mod temporary;
mod token;
mod trace;
mod up;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
