//! The documents name what exists, all of it and nothing else: the environment variables of an app, and the template's
//! parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use yaml_serde::Value;

/// Where an app's variables are read or mentioned. Some of these may be missing from a checkout.
const PLACES: [&str; 5] = ["client/src", "client/README.md", "README.md", "docs", "examples"];
/// Folders of build output and of installed packages.
const NOT_OURS: [&str; 3] = ["node_modules", ".next", "dist"];
/// Variables that AWS's own SDK reads.
const AWS: [&str; 4] = ["AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// What Node.js and its frameworks set themselves, and what only tests read.
const NOT_OF_AN_APP: [&str; 3] = ["NODE_ENV", "PORT", "CHROMIUM"];
/// What stands before the name of a variable where code reads it.
const READS: [&str; 4] = ["process.env.", "process.env['", "process.env[\"", "variable('"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Collects the text of this file, or of each file in this folder, by its path.
fn texts(path: &Path, found: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                texts(&entry.path(), found)?;
            }
        }
    } else if let Ok(text) = std::fs::read_to_string(path) {
        found.insert(path.to_owned(), text);
    }
    Ok(())
}

/// The name at the beginning of a text, in capital letters.
fn name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    Some(&text[..end.unwrap_or(text.len())]).filter(|name| !name.is_empty())
}

/// The names that follow a `prefix` in a text.
fn behind<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(prefix).skip(1).filter_map(name)
}

#[test]
fn the_example_has_every_variable_that_a_step_needs_and_no_other() -> Result<()> {
    let example = std::fs::read_to_string(root().join(".env.example"))?;
    let assigned = example.lines().filter_map(|line| line.split_once('=').and_then(|(left, _)| name(left)));
    let listed: BTreeSet<&str> = assigned.collect();
    assert!(listed.contains("FUNNELCAST_HTTP") && listed.contains("TOKEN_KEY"), "{listed:?}");

    let mut found = BTreeMap::new();
    for place in PLACES {
        texts(&root().join(place), &mut found)?;
    }
    for (path, text) in &found {
        for read in READS.iter().flat_map(|prefix| behind(text, prefix)) {
            assert!(listed.contains(read) || NOT_OF_AN_APP.contains(&read), "{}: {read}", path.display());
        }
    }
    for variable in listed {
        let is_whole = |text: &str| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == variable)
        };
        let is_used = AWS.contains(&variable) || found.values().any(|text| is_whole(text));
        assert!(is_used, "{variable} is used nowhere");
    }
    Ok(())
}

#[test]
fn every_parameter_is_described() -> Result<()> {
    let template: Value = yaml_serde::from_str(&std::fs::read_to_string(root().join("template.yaml"))?)?;
    let document = std::fs::read_to_string(root().join("docs/configuration.md"))?;
    for (parameter, _) in template["Parameters"].as_mapping().context("parameters")? {
        let parameter = parameter.as_str().context("a name")?;
        assert!(document.contains(&format!("`{parameter}`")), "docs/configuration.md lacks {parameter}");
    }
    Ok(())
}
