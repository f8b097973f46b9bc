//! The samples in docs/samples, which are the examples of the documents, and which the client is tested with.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Map, Value};

use crate::{Failure, root};

const HEAD: &str = r"/**
 * One sample of every frame, HTTP reply and detail of the bus, from docs/samples and events, checked against the types. Made by
 * `make types`.
 *
 * @module
 */

import type { ActionName, Actions, Batch, BusDetails, ChatEvent, ChatEvents } from '../src/wire.js';
import type { ClientDrafts, ErrorCode, EventName } from '../src/wire.js';
import type { HttpReplies, Reply, SendFields, WireEvent } from '../src/wire.js';

/** A request that is not a `send`. */
type Plain = { [A in Exclude<ActionName, 'send'>]: { action: A; id?: string } & Actions[A]['fields'] };
/** A `send` with the draft of its event. */
type Send = { [E in keyof ClientDrafts]: { action: 'send'; id?: string } & SendFields<E> };
type Done = Extract<Reply, { ok: true }>;
type Refused = Extract<Reply, { ok: false }>;
";

/// The samples, by their folders.
pub(crate) struct Samples {
    pub(crate) requests: Map<String, Value>,
    pub(crate) replies: Map<String, Value>,
    pub(crate) events: Map<String, Value>,
    pub(crate) refusals: Map<String, Value>,
    pub(crate) batch: Value,
    /// The fields of requests by HTTP: by the name of the operation and, after a dot, what it shows.
    pub(crate) http_requests: Map<String, Value>,
    /// The bodies of replies by HTTP, by the name of the operation and, after a dot, what it shows.
    pub(crate) http_replies: Map<String, Value>,
    /// The bodies of refusals by HTTP, by the name of the response.
    pub(crate) http_refusals: Map<String, Value>,
    /// What the backend hears, by the detail-types.
    pub(crate) chat_events: Map<String, Value>,
    /// The details of the bus in events/, by their detail-types.
    pub(crate) details: Map<String, Value>,
}

impl Samples {
    /// Reads them.
    pub(crate) fn read() -> Result<Self, Failure> {
        let folder = root().join("docs/samples");
        Ok(Self {
            requests: read_folder(&folder.join("requests"))?,
            replies: read_folder(&folder.join("replies"))?,
            events: read_folder(&folder.join("events"))?,
            refusals: read_folder(&folder.join("refusals"))?,
            batch: read_file(&folder.join("batch.json"))?,
            http_requests: read_folder(&folder.join("http/requests"))?,
            http_replies: read_folder(&folder.join("http/replies"))?,
            http_refusals: read_folder(&folder.join("http/refusals"))?,
            chat_events: read_folder(&folder.join("chat-events"))?,
            details: details()?,
        })
    }

    /// The samples as TypeScript, so that the compiler checks the types against them.
    pub(crate) fn typescript(&self) -> Result<String, Failure> {
        let mut text = HEAD.to_owned();
        let folders = [
            ("requests", &self.requests, "Record<string, Plain[keyof Plain] | Send[keyof Send]>"),
            ("replies", &self.replies, "{ [A in ActionName]: Done & { data: Actions[A]['reply'] } }"),
            ("events", &self.events, "{ [E in EventName]: WireEvent<E> }"),
            ("refusals", &self.refusals, "{ [C in ErrorCode]: Refused & { error: { code: C } } }"),
            (
                "httpReplies",
                &self.http_replies,
                "HttpReplies & Record<string, HttpReplies[keyof HttpReplies]>",
            ),
            ("details", &self.details, "BusDetails"),
            ("chatEvents", &self.chat_events, "{ [T in keyof ChatEvents]: ChatEvent<T> }"),
        ];
        for (name, samples, type_) in folders {
            let samples = serde_json::to_string_pretty(samples)?;
            write!(text, "\nexport const {name} = {samples} satisfies {type_};\n")?;
        }
        let batch = serde_json::to_string_pretty(&self.batch)?;
        write!(text, "\nexport const batch = {batch} satisfies Batch;\n")?;
        Ok(text)
    }
}

/// The samples of an operation's requests, each with the name of what it shows.
pub(crate) fn of_operation<'a>(
    samples: &'a Map<String, Value>,
    id: &'a str,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    samples.iter().filter_map(move |(name, sample)| {
        let (of, shown) = name.split_once('.').unwrap_or((name, "sample"));
        (of == id).then_some((shown, sample))
    })
}

/// The details of the events in events/ that are for the bus.
fn details() -> Result<Map<String, Value>, Failure> {
    let events = read_folder(&root().join("events"))?;
    let details = events
        .values()
        .filter_map(|event| Some((event["detail-type"].as_str()?.to_owned(), event["detail"].clone())));
    Ok(details.collect())
}

/// The samples of a folder by their names, in the order of these.
fn read_folder(folder: &Path) -> Result<Map<String, Value>, Failure> {
    let mut samples = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a file without a name")?;
        samples.push((name.to_owned(), read_file(&path)?));
    }
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(samples.into_iter().collect())
}

fn read_file(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}
