//! The ready line: one line of JSON that says where everything is; and a stack that is already running on a port.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http1::client,
    template::{Endpoints, Stack},
};

/// How long another stack may take to answer.
const OTHER_STACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The line of JSON that says where everything is. Its `id` is another at each start: everything else is the same for two
/// projects on the same ports, whose stage is the same.
pub(super) fn line(stack: &Stack, endpoints: &Endpoints) -> Value {
    let websocket = endpoints.aws.replacen("http", "ws", 1);
    let own_bus = stack.buses.iter().find(|bus| *bus != "default");
    json!({
        "id": Uuid::new_v4().simple().to_string(),
        "websocket": format!("{websocket}/{}", stack.websocket.stage),
        "http": endpoints.http,
        "aws": endpoints.aws,
        "table": stack.tables.first().map(|table| table.name.as_str()),
        "bus": own_bus.map_or("default", String::as_str),
        "bucket": stack.buckets.first().map(|bucket| bucket.name.as_str()),
        "stage": stack.stage,
    })
}

/// Prints the line, after writing it into the file: a program that sees either can connect.
pub(super) fn announce(ready: &Value, file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(file) = file {
        write(file, ready)?;
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{ready}")?;
    stdout.flush()?;
    Ok(())
}

/// Writes the line into a file that appears with its whole content or not at all.
pub(crate) fn write(file: &Path, ready: &Value) -> anyhow::Result<()> {
    write_whole(file, &format!("{ready}\n")).with_context(|| format!("cannot write {}", file.display()))
}

fn write_whole(file: &Path, content: &str) -> anyhow::Result<()> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(content.as_bytes())?;
    temporary.persist(file)?;
    Ok(())
}

/// A local stack that is already running on a port of this machine.
pub(crate) struct OtherStack {
    ready: Value,
}

impl OtherStack {
    /// The stack on `port`; `None` if none answers there.
    pub(crate) async fn on(port: u16) -> Option<Self> {
        let url = format!("http://127.0.0.1:{port}/_local");
        let request = http::Request::get(url).body(Full::<Bytes>::default()).ok()?;
        let asked = async {
            let response = client().request(request).await.ok()?;
            response.into_body().collect().await.ok().map(http_body_util::Collected::to_bytes)
        };
        let body = tokio::time::timeout(OTHER_STACK_TIMEOUT, asked).await.ok()??;
        let ready: Value = serde_json::from_slice(&body).ok()?;
        ready["websocket"].is_string().then_some(Self { ready })
    }

    /// The stack's ready line, if it is the start that has written `ready`, and not another stack on its port.
    pub(crate) fn started_as(self, ready: &Value) -> Option<Value> {
        let is_the_same = ready["id"].is_string() && ready["id"] == self.ready["id"];
        is_the_same.then_some(self.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stack_on_the_port_is_not_the_one_that_was_written_down() {
        let ready = |id: &str| json!({ "id": id, "websocket": "ws://127.0.0.1:3001/dev", "table": "t" });
        let running = || OtherStack { ready: ready("1") };
        assert_eq!(running().started_as(&ready("1")), Some(ready("1")));
        assert_eq!(running().started_as(&ready("2")), None);
        let without = json!({ "websocket": "ws://127.0.0.1:3001/dev", "table": "t" });
        assert_eq!(OtherStack { ready: without.clone() }.started_as(&without), None);
    }
}
