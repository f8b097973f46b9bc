//! `funnelcast-local`: the whole stack on one machine, from template.yaml.
//!
//! It is an API Gateway WebSocket front, a Lambda runtime API, an event bus, queues and stream pollers over an
//! embedded DynamoDB engine, all behind one endpoint that unmodified AWS SDKs talk to. It knows no function of
//! this project and no crate of theirs: it reads the template and starts the binaries that the template names.
//!
//! # Layout
//! - `cli`, `up`, `token`, `emit`, `cost`: the commands; `up` puts everything below together.
//! - `template`: template.yaml to a `Stack`; `pattern`: event patterns, for rules and for stream filters;
//!   `transformer`: what a rule's target gets.
//! - `rights`: who may what, by the template's policies.
//! - `front`: the one port, and what of it goes where; `websocket`: connections, routes, limits.
//! - `lambda`: processes and their runtime API; `bus`, `queues`, `streams`: what triggers them.
//! - `engine`: DynamoDB; `journal`: what else is kept with `--data`; `usage`: what each function asked of it; `http_api`: the HTTP API, where there is one;
//!   `throttle`: what either API lets in; `page`: what its port has beside the HTTP API, for a browser.
//! - `faults`: what goes wrong on purpose, where it is asked for.
//! - `log`: what the terminal shows; `client`: HTTP to ourselves; `aws_error`: how a service refuses.
//!
//! Never here: anything that a deployed stack needs, and anything that listens beyond 127.0.0.1.

mod aws_error;
mod bus;
mod cli;
mod client;
mod cost;
mod emit;
mod engine;
mod faults;
mod front;
mod http_api;
mod journal;
mod lambda;
mod log;
mod page;
mod pattern;
mod queues;
mod rights;
mod secrets;
mod streams;
mod template;
mod throttle;
mod token;
mod transformer;
mod up;
mod usage;
mod websocket;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
