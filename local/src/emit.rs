//! The command `emit`: puts sample events on the bus of a running stack, as `aws events put-events` would.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    dev::{Noted, noted},
    http1::client,
    project::{Project, folder_of},
};

/// Where a stack usually is.
const ENDPOINT: &str = "http://127.0.0.1:3001";
/// The most entries of one `PutEvents` call.
const ENTRIES_MAX: usize = 10;
/// `PutEvents` needs a signature, which a local stack does not check.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=emit/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=local";

const EXAMPLES: &str = "\
Examples:
  funnelcast emit conversation     the sample: who takes part in conv-123
  funnelcast emit funnel-update    the sample: the progress of a funnel of biz_1
  funnelcast emit my-event.json";

/// Puts an event, or a list of them, on the bus of a running stack.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EmitOptions {
    /// A JSON file with an EventBridge event, or a list of events: source, detail-type, detail, and optionally time and
    /// resources. Or the name of a sample, such as funnel-update.
    file: PathBuf,
    /// URL of the running stack [default: the one that `dev` has started in the current folder, else that of port 3001].
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Name of the bus [default: the running stack's own].
    #[arg(long, value_name = "NAME")]
    bus: Option<String>,
}

/// An event as EventBridge delivers it; the bus sets `id`, `account` and `region`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    source: String,
    detail_type: String,
    detail: Value,
    #[serde(default)]
    time: Option<Timestamp>,
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Events {
    One(Box<Event>),
    Many(Vec<Event>),
}

/// Emits the events in the file. If the bus refuses one, the error has the bus's reason.
pub(crate) async fn run(options: &EmitOptions) -> anyhow::Result<()> {
    let events = read(&found(&options.file)?)?;
    let endpoint = match &options.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => running_endpoint(&folder_of(None)).await?,
    };
    let endpoint = endpoint.trim_end_matches('/');
    let bus = match &options.bus {
        Some(bus) => bus.clone(),
        None => running_bus(endpoint).await?,
    };
    let entries: Vec<Value> = events.iter().map(|event| entry(event, &bus)).collect();
    for entries in entries.chunks(ENTRIES_MAX) {
        let answer = put(endpoint, entries).await?;
        for (number, entry) in answer["Entries"].as_array().into_iter().flatten().enumerate() {
            if let Some(code) = entry["ErrorCode"].as_str() {
                bail!(
                    "event {number} was refused: {code}: {}",
                    entry["ErrorMessage"].as_str().unwrap_or_default()
                );
            }
            println!("{}", entry["EventId"].as_str().unwrap_or_default());
        }
    }
    Ok(())
}

/// The file at `path`, or the sample of that name.
fn found(path: &Path) -> anyhow::Result<PathBuf> {
    let is_name = path.extension().is_none() && path.components().count() == 1;
    if path.is_file() || !is_name {
        return Ok(path.to_owned());
    }
    let folder = Project::find(None)?.events();
    let sample = folder.join(path).with_extension("json");
    if sample.is_file() {
        return Ok(sample);
    }
    let entries = fs::read_dir(&folder).with_context(|| format!("there is no file {}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.path()).filter(|path| read(path).is_ok());
    let mut names: Vec<_> =
        names.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    bail!("there is neither a file nor a sample {}; the samples are {}", path.display(), names.join(", "))
}

/// The endpoint of the stack that `dev` has started in the folder `project`, or else the usual one. If that stack was killed, its
/// port may be another project's by now.
async fn running_endpoint(project: &Path) -> anyhow::Result<String> {
    match noted(project).await {
        Noted::Running { ready, .. } => Ok(ready["aws"].as_str().unwrap_or(ENDPOINT).to_owned()),
        Noted::Nothing => Ok(ENDPOINT.to_owned()),
        Noted::Ended => bail!(
            "the stack that `dev` has started in this folder is no longer running: start it again, or set --endpoint"
        ),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<Event>> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let events = serde_json::from_str(&text).with_context(|| {
        format!("{} is not an EventBridge event with source, detail-type and detail", file.display())
    })?;
    Ok(match events {
        Events::One(event) => vec![*event],
        Events::Many(events) => events,
    })
}

/// The event as an entry of `PutEvents`, with the detail as a string of JSON and the time in seconds.
fn entry(event: &Event, bus: &str) -> Value {
    let mut entry = json!({
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": event.detail.to_string(),
        "Resources": event.resources,
        "EventBusName": bus,
    });
    if let Some(time) = event.time {
        entry["Time"] = time.as_second().into();
    }
    entry
}

async fn running_bus(endpoint: &str) -> anyhow::Result<String> {
    let ready = send(Request::get(format!("{endpoint}/_local")).body(Full::default())?).await?;
    Ok(ready["bus"].as_str().context("the stack does not name its bus; set --bus")?.to_owned())
}

async fn put(endpoint: &str, entries: &[Value]) -> anyhow::Result<Value> {
    let request = Request::post(format!("{endpoint}/"))
        .header("x-amz-target", "AWSEvents.PutEvents")
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header(header::AUTHORIZATION, AUTHORIZATION)
        .body(Full::from(json!({ "Entries": entries }).to_string()))?;
    send(request).await
}

async fn send(request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
    let url = request.uri().clone();
    let answer = client()
        .request(request)
        .await
        .with_context(|| format!("no stack is running at {url}: start one with `dev`, or set --endpoint"))?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{url} answered {status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).with_context(|| format!("{url} did not answer with JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_an_entry() {
        let text = r#"{"id":"1","source":"funnelcast.app","detail-type":"FunnelUpdate","time":"2026-11-23T10:00:00Z",
            "account":"0","region":"us-east-1","resources":["r"],"detail":{"progress":5}}"#;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("event.json");
        fs::write(&file, text).unwrap();
        let events = read(&file).unwrap();
        assert_eq!(
            entry(&events[0], "bus"),
            json!({
                "Source": "funnelcast.app", "DetailType": "FunnelUpdate", "Detail": r#"{"progress":5}"#,
                "Resources": ["r"], "EventBusName": "bus", "Time": 1_795_428_000,
            })
        );
        fs::write(&file, format!("[{text},{text}]")).unwrap();
        assert_eq!(read(&file).unwrap().len(), 2);
        fs::write(&file, "{}").unwrap();
        assert!(read(&file).is_err());
    }
}
