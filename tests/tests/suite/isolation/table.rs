//! The table of verdicts: it is read, and compared with all that must be in it, which is every action and detail type of
//! template.yaml, and every operation and kind of channel of docs/openapi.yaml.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use yaml_serde::Value;

/// The columns: the roles in the company whose thing is tried, those in the other company, and the stranger.
pub(super) const COLUMNS: [&str; 11] = [
    "admin",
    "member",
    "part",
    "bystander",
    "backend", // of that company
    "admin",
    "member",
    "part",
    "bystander",
    "backend", // of the other
    "stranger",
];
/// The number of roles in a company.
pub(super) const ROLES: usize = 5;

/// Actions that name no channel. `$default` takes every frame whose action does not exist.
const WITHOUT_CHANNEL: [&str; 4] = ["ping", "status", "inbox", "$default"];
/// Operations that name no channel.
const REQUESTS_WITHOUT_CHANNEL: [&str; 6] =
    ["POST connect", "GET status", "GET channels", "DELETE disconnect", "POST webhooks/whop", "POST publish"];
/// Operations on the conversation that they name, or on a file of it.
const REQUESTS_FOR_A_CONVERSATION: [&str; 10] = [
    "GET conversations",
    "PUT conversations",
    "DELETE conversations",
    "GET moderation",
    "POST moderation",
    "POST files/{id}",
    "POST files/{id}/parts",
    "DELETE files/{id}",
    "GET files/{id}",
    "GET files/{id}/link",
];
/// Operations that name a connection, which could be another user's.
const REQUESTS_FOR_A_CONNECTION: [&str; 3] = ["POST channels", "DELETE channels", "DELETE disconnect"];

/// A row of the table, for one of the things that it lists.
#[derive(Debug)]
pub(super) struct Row {
    /// The name of its section.
    pub(super) section: &'static str,
    pub(super) what: &'static str,
    pub(super) whose: &'static str,
    /// One verdict for each column.
    pub(super) verdicts: Vec<&'static str>,
}

impl Row {
    /// Whether the row is an event of the backend's, and not a user's request.
    pub(super) fn is_event(&self) -> bool {
        self.what == "outbox" || (!self.what.contains(' ') && self.what.starts_with(char::is_uppercase))
    }

    /// Whether the row closes connections.
    pub(super) fn is_for_the_last_connection(&self) -> bool {
        (self.what, self.whose) == ("DELETE disconnect", "connection")
    }

    /// The row's name in a failure.
    pub(super) fn name(&self) -> String {
        format!("[{}] {} of {}", self.section, self.what, self.whose)
    }
}

/// All rows, in their order.
pub(super) fn rows() -> Result<Vec<Row>> {
    let (mut rows, mut section, mut columns) = (Vec::new(), None, Vec::new());
    for line in include_str!("verdicts.txt").lines() {
        if let Some(heading) = line.strip_prefix('[') {
            section = heading.split_once(']').map(|(name, _)| name);
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            let cells: Vec<Vec<&str>> =
                line.split('|').map(|cell| cell.split_whitespace().collect()).collect();
            let verdicts = cells.get(2..).map(<[_]>::concat).unwrap_or_default();
            let Some(section) = section else {
                columns = verdicts; // the last line before the first section
                continue;
            };
            ensure!(verdicts.len() == COLUMNS.len(), "{} verdicts: {line}", verdicts.len());
            let what = line.split('|').next().unwrap_or_default().trim();
            rows.extend(cells[1].iter().map(|whose| {
                let verdicts = verdicts.clone();
                Row { section, what, whose, verdicts }
            }));
        }
    }
    ensure!(columns == COLUMNS, "other columns than the test knows: {columns:?}");
    Ok(rows)
}

/// What the table must have a row for, as (section, what, whose).
fn needed() -> Result<BTreeSet<(&'static str, String, String)>> {
    let template = yaml("template.yaml")?;
    let document = yaml("docs/openapi.yaml")?;
    let kinds = kinds(&document)?;
    let mut needed = BTreeSet::new();
    for action in actions(&template)? {
        if WITHOUT_CHANNEL.contains(&action.as_str()) {
            needed.insert(("outside", action, "-".to_owned()));
            continue;
        }
        let action = if action == "send" { "send chat.message".to_owned() } else { action };
        for kind in &kinds {
            let sections: &[_] = match action.as_str() {
                "join" => &["join"],
                "leave" => &["outside", "end"],
                _ => &["outside", "inside"],
            };
            needed.extend(sections.iter().map(|section| (*section, action.clone(), kind.clone())));
        }
    }
    for operation in operations(&document)? {
        let section = if operation.starts_with("DELETE ") { "end" } else { "http" };
        if REQUESTS_FOR_A_CONVERSATION.contains(&operation.as_str()) {
            needed.insert((section, operation.clone(), "conversation".to_owned()));
            // To set a conversation that does not exist is to create it.
            if operation != "PUT conversations" {
                needed.insert((section, operation, "nobodys".to_owned()));
            }
            continue;
        }
        if REQUESTS_WITHOUT_CHANNEL.contains(&operation.as_str()) {
            needed.insert((section, operation.clone(), "-".to_owned()));
        } else {
            needed.extend(kinds.iter().map(|kind| (section, operation.clone(), kind.clone())));
        }
        if REQUESTS_FOR_A_CONNECTION.contains(&operation.as_str()) {
            let section = if operation == "DELETE channels" { "http" } else { section };
            needed.insert((section, operation, "connection".to_owned()));
        }
    }
    needed.extend(kinds.iter().map(|kind| ("events", "outbox".to_owned(), kind.clone())));
    // A user's own inbox has no channel; a company's has one.
    for (section, what, whose) in [
        ("outside", "inbox", "inbox"),
        ("inside", "inbox", "inbox"),
        ("http", "GET conversations", "-"),
        ("http", "GET conversations", "inbox"),
    ] {
        needed.insert((section, what.to_owned(), whose.to_owned()));
    }
    Ok(needed)
}

/// The rows that the table lacks.
pub(super) fn missing(rows: &[Row]) -> Result<Vec<String>> {
    let there: BTreeSet<_> =
        rows.iter().map(|row| (row.section, row.what.to_owned(), row.whose.to_owned())).collect();
    ensure!(there.len() == rows.len(), "a row is there twice");
    let needed = needed()?;
    ensure!(!needed.is_empty());
    let mut missing: Vec<String> = needed
        .difference(&there)
        .map(|(section, what, whose)| format!("[{section}] {what} of {whose}"))
        .collect();
    for detail_type in detail_types(&yaml("template.yaml")?) {
        if !rows.iter().any(|row| row.what == detail_type) {
            missing.push(detail_type);
        }
    }
    Ok(missing)
}

fn yaml(path: &str) -> Result<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    yaml_serde::from_str(&std::fs::read_to_string(file)?).with_context(|| path.to_owned())
}

/// The kinds of channels, from the grammar of their names, and `nobodys`, a conversation that does not exist.
fn kinds(document: &Value) -> Result<Vec<String>> {
    let pattern = document["components"]["schemas"]["Channel"]["pattern"].as_str().context("a pattern")?;
    let names = pattern.split(['(', '|', ')', ':']).filter(|name| !name.is_empty());
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let kinds: Vec<String> = names.filter(is_name).chain(["nobodys"]).map(str::to_owned).collect();
    ensure!(kinds.len() > 2, "no kinds in {pattern}");
    Ok(kinds)
}

/// The actions of a client that has connected.
fn actions(template: &Value) -> Result<Vec<String>> {
    let routes = template["Resources"]["WebSocketApi"]["Properties"]["Routes"].as_mapping();
    let keys = routes.context("the routes")?.keys().filter_map(Value::as_str);
    Ok(keys.filter(|key| !["$connect", "$disconnect"].contains(key)).map(str::to_owned).collect())
}

/// The operations of the HTTP API, as `GET status`.
fn operations(document: &Value) -> Result<Vec<String>> {
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_mapping().context("the paths")? {
        let Some(path) = path.as_str().and_then(|path| path.strip_prefix("/api/")) else { bail!("{path:?}") };
        let path = path.trim_start_matches("websocket/");
        let path = if path.starts_with("files") { path } else { path.trim_end_matches("/{id}") };
        let keys = methods.as_mapping().into_iter().flat_map(|methods| methods.keys());
        for method in keys.filter(|key| *key != "parameters") {
            operations.push(format!("{} {path}", method.as_str().unwrap_or_default().to_uppercase()));
        }
    }
    Ok(operations)
}

/// The detail types that a function listens to.
fn detail_types(template: &Value) -> BTreeSet<String> {
    let resources = template["Resources"].as_mapping().into_iter().flatten().map(|(_, resource)| resource);
    let events = resources.filter_map(|function| function["Properties"]["Events"].as_mapping()).flatten();
    let patterns =
        events.filter_map(|(_, event)| event["Properties"]["Pattern"]["detail-type"].as_sequence());
    patterns.flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
