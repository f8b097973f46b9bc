//! Writes down what travels, from the types themselves: the client's types (`client/src/wire.ts`), the samples that it is
//! tested with (`client/tests/samples.ts`), and the protocol's document (`docs/asyncapi.yaml`).
//!
//! `make types` runs `wire write`. `make types-check` runs `wire check`, which fails where the client's types are not what
//! they would be; they are in the repository, so that a front-end developer needs no Rust. The other two are not, and
//! both commands write them.

use std::{fs, path::PathBuf, process::ExitCode};

mod asyncapi;
mod layout;
mod protocol;
mod samples;
mod typescript;

use protocol::Protocol;
use samples::Samples;

/// The file that is kept in the repository.
const TYPES: &str = "client/src/wire.ts";

/// Why nothing is written. Whoever reads it is at a terminal.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("wire: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<&str>) -> Result<(), Failure> {
    let (protocol, samples) = (Protocol::new()?, Samples::read()?);
    let types = typescript::write(&protocol)?;
    match command {
        Some("write") => write(TYPES, &types)?,
        Some("check") if fs::read_to_string(root().join(TYPES)).is_ok_and(|old| old == types) => {}
        Some("check") => return Err(format!("{TYPES} is not current: run `make types`").into()),
        _ => return Err("say `write` or `check`".into()),
    }
    write("client/tests/samples.ts", &samples.typescript()?)?;
    write("docs/asyncapi.yaml", &asyncapi::write(&protocol, &samples)?)
}

fn write(name: &str, text: &str) -> Result<(), Failure> {
    fs::write(root().join(name), text).map_err(|error| format!("{name}: {error}").into())
}

/// The repository's folder.
fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}
