//! Generates, from the types of core, everything that states again what travels: the client's types and limits
//! (`client/src/wire.ts`), docs/openapi.yaml, docs/asyncapi.yaml, docs/schemas, and the samples that the client is tested with
//! (`client/tests/samples.ts`).
//!
//! `make types` runs `wire write`. `make types-check` runs `wire check`, which fails if a file is not current. The samples of the
//! client are not kept in the repository, so both commands write them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

mod asyncapi;
mod json_schema;
mod layout;
mod openapi;
mod protocol;
mod samples;
mod tidy;
mod typescript;

use protocol::{Protocol, Scope};
use samples::Samples;

/// An error for the person at the terminal.
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

/// A document as YAML for readers of any version: up to 1.1, a plain `on` or `n` is a boolean
/// (<https://yaml.org/type/bool.html>), also where it is the name of a field.
fn yaml(document: &impl serde::Serialize) -> Result<String, Failure> {
    const BOOLEANS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];
    let text = yaml_serde::to_string(document)?;
    let lines = text.lines().map(|line| {
        let start = line.len() - line.trim_start_matches([' ', '-']).len();
        let (indent, rest) = line.split_at(start);
        let (name, more) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
        if BOOLEANS.contains(&name) { format!("{indent}\"{name}\"{more}\n") } else { format!("{line}\n") }
    });
    Ok(lines.collect())
}

fn run(command: Option<&str>) -> Result<(), Failure> {
    let samples = Samples::read()?;
    let mut files = vec![
        ("client/src/wire.ts".to_owned(), typescript::write(&Protocol::new(Scope::Everything)?)?),
        ("docs/openapi.yaml".to_owned(), openapi::write(&samples)?),
        ("docs/asyncapi.yaml".to_owned(), asyncapi::write(&Protocol::new(Scope::Frames)?, &samples)?),
    ];
    files.extend(json_schema::write()?);
    let surplus = surplus(&files)?;
    match command {
        Some("write") => {
            files.iter().try_for_each(|(name, text)| write(name, text))?;
            for file in surplus {
                fs::remove_file(file)?;
            }
        }
        Some("check") => {
            for (name, text) in &files {
                if !fs::read_to_string(root().join(name)).is_ok_and(|old| old == *text) {
                    return Err(format!("{name} is not current: run `make types`").into());
                }
            }
            if let Some(file) = surplus.first() {
                return Err(format!("{} is made by nothing: run `make types`", file.display()).into());
            }
        }
        _ => return Err("the argument must be `write` or `check`".into()),
    }
    write("client/tests/samples.ts", &samples.typescript()?)
}

fn write(name: &str, text: &str) -> Result<(), Failure> {
    let path = root().join(name);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text).map_err(|error| format!("{name}: {error}").into())
}

/// The files in docs/schemas that are not among those that are made.
fn surplus(files: &[(String, String)]) -> Result<Vec<PathBuf>, Failure> {
    let made: Vec<PathBuf> = files.iter().map(|(name, _)| root().join(name)).collect();
    let mut surplus = Vec::new();
    for folder in ["events", "bus", "chat"] {
        let folder = root().join(json_schema::FOLDER).join(folder);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !made.iter().any(|one| Path::new(one) == path) {
                surplus.push(path);
            }
        }
    }
    Ok(surplus)
}

/// The folder of the repository.
fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), ".."].iter().collect()
}
