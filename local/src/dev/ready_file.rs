//! The file that says where the project's stack is running: its ready line, and with which options `dev` has started it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    kept,
    up::{OtherStack, write_ready_file},
};

/// Its name, in the project's `.funnelcast`.
const NAME: &str = "ready.json";
/// The member that it has besides those of the ready line.
const OPTIONS: &str = "options";

/// The file of a running stack. It is removed when this is dropped.
pub(super) struct ReadyFile {
    path: PathBuf,
    /// A digest of the options; `None` if there are none.
    options: Option<String>,
}

impl ReadyFile {
    /// Writes down a stack of the project in the folder `project` that is ready.
    pub(super) fn create(project: &Path, ready: &Value, options: Option<String>) -> Result<Self> {
        let file = Self { path: kept::path(project, NAME), options };
        file.replace(ready)?;
        Ok(file)
    }

    /// Writes down that the stack has started again.
    pub(super) fn replace(&self, ready: &Value) -> Result<()> {
        let mut ready = ready.clone();
        ready[OPTIONS] = json!(self.options);
        write_ready_file(&self.path, &ready)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "cannot remove the ready file");
        }
    }
}

/// What is known of a project's stack.
#[derive(Debug, PartialEq)]
pub(crate) enum Noted {
    /// Nothing is written down.
    Nothing,
    /// It is running.
    Running {
        /// Its ready line.
        ready: Value,
        /// The digest of the options that it was started with.
        options: Option<String>,
    },
    /// It is not running any more, although it could not say so: it was killed. Another project's may be on its port.
    Ended,
}

/// What `dev` has written down of its stack in the folder `project`, compared with what answers there now.
pub(crate) async fn noted(project: &Path) -> Noted {
    let text = fs::read_to_string(kept::path(project, NAME)).ok();
    let Some(noted) = text.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
        return Noted::Nothing;
    };
    match running(&noted).await {
        Some(ready) => Noted::Running { ready, options: noted[OPTIONS].as_str().map(str::to_owned) },
        None => Noted::Ended,
    }
}

async fn running(noted: &Value) -> Option<Value> {
    let (_, port) = noted["aws"].as_str()?.rsplit_once(':')?;
    OtherStack::on(port.parse().ok()?).await?.started_as(noted)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers each request with `ready`, as a stack on the port does.
    async fn stack(listener: TcpListener, ready: Value) {
        while let Ok((mut socket, _)) = listener.accept().await {
            _ = socket.read(&mut [0; 1024]).await;
            let body = ready.to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            _ = socket.write_all((head + &body).as_bytes()).await;
        }
    }

    #[tokio::test]
    async fn a_stack_is_the_projects_own_if_it_is_the_start_that_was_written_down() {
        let project = tempfile::tempdir().unwrap();
        let folder = project.path();
        kept::create_folder(folder).unwrap();
        assert_eq!(noted(folder).await, Noted::Nothing);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let aws = format!("http://{}", listener.local_addr().unwrap());
        let ready =
            |id: &str| json!({ "id": id, "websocket": "ws://127.0.0.1/dev", "aws": aws, "table": "t" });
        tokio::spawn(stack(listener, ready("2")));
        let file = ReadyFile::create(folder, &ready("1"), None).unwrap();
        assert_eq!(noted(folder).await, Noted::Ended, "another project's stack is on the port");
        drop(file);
        let file = ReadyFile::create(folder, &ready("2"), Some("digest".to_owned())).unwrap();
        let running = Noted::Running { ready: ready("2"), options: Some("digest".to_owned()) };
        assert_eq!(noted(folder).await, running);
        drop(file);
        assert_eq!(noted(folder).await, Noted::Nothing);
    }
}
