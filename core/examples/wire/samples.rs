//! The samples of docs/samples, which the documents show and the client is tested with.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Map, Value};

use crate::{Failure, root};

const HEAD: &str = r"/**
 * One of every frame: docs/samples, held against the types. Made by `make types`.
 *
 * @module
 */

import type { ActionName, Actions, Batch, ClientDrafts, ErrorCode, EventName } from '../src/wire.js';
import type { Reply, SendFields, WireEvent } from '../src/wire.js';

/** A request that is no `send`, as it is sent. */
type Plain = { [A in Exclude<ActionName, 'send'>]: { action: A; id?: string } & Actions[A]['fields'] };
/** A `send` whose draft is the event's. */
type Send = { [E in keyof ClientDrafts]: { action: 'send'; id?: string } & SendFields<E> };
type Done = Extract<Reply, { ok: true }>;
type Refused = Extract<Reply, { ok: false }>;
";

/// One of every frame, by the folders of docs/samples.
pub(crate) struct Samples {
    pub(crate) requests: Map<String, Value>,
    pub(crate) replies: Map<String, Value>,
    pub(crate) events: Map<String, Value>,
    pub(crate) refusals: Map<String, Value>,
    pub(crate) batch: Value,
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
        })
    }

    /// As TypeScript, of which the compiler says whether the types are those of the samples.
    pub(crate) fn typescript(&self) -> Result<String, Failure> {
        let mut text = HEAD.to_owned();
        let folders = [
            ("requests", &self.requests, "Record<string, Plain[keyof Plain] | Send[keyof Send]>"),
            ("replies", &self.replies, "{ [A in ActionName]: Done & { data: Actions[A]['reply'] } }"),
            ("events", &self.events, "{ [E in EventName]: WireEvent<E> }"),
            ("refusals", &self.refusals, "{ [C in ErrorCode]: Refused & { error: { code: C } } }"),
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
