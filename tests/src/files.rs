//! Files, as a client uploads and reads them.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{Answer, Fetched, PATIENCE, Stack, User, fetch};

/// An upload that has been allowed, of a file or of one of its parts.
#[derive(Debug)]
pub struct Upload {
    /// The id of the file.
    pub id: String,
    /// The URL of the `PUT`.
    pub url: String,
    /// The headers of the `PUT`.
    pub headers: BTreeMap<String, String>,
}

/// The fields of a request to upload a file.
pub fn file_draft(channel: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({"channel": channel, "name": "Été & co.png", "type": media_type, "bytes": bytes.len(), "sha256": sha256(bytes)})
}

/// The SHA-256 of some bytes, encoded as the API has it.
pub fn sha256(bytes: &[u8]) -> String {
    STANDARD.encode(digest(&SHA256, bytes))
}

impl Stack {
    /// Asks to upload a file.
    pub async fn create_file(&self, user: &User, draft: &Value) -> Result<Answer> {
        self.ask_api(Method::POST, "files").token(&user.token()?).body(&draft.to_string()).send().await
    }

    /// Asks to upload a file, which must be allowed.
    pub async fn upload(&self, user: &User, draft: &Value) -> Result<Upload> {
        let reply = self.create_file(user, draft).await?.done()?;
        Upload::of(&reply["fileId"], &reply["upload"])
    }

    /// Asks for the URLs of some parts of a file, of which the first has the number `first`.
    pub async fn sign_parts(&self, user: &User, id: &str, first: usize, parts: &[&[u8]]) -> Result<Answer> {
        let hashes: Vec<_> = parts.iter().map(|part| sha256(part)).collect();
        let body = json!({"first": first, "sha256": hashes}).to_string();
        self.ask_api(Method::POST, &format!("files/{id}/parts"))
            .token(&user.token()?)
            .body(&body)
            .send()
            .await
    }

    /// Reports that a file has been uploaded in these parts.
    pub async fn complete_parts(&self, user: &User, id: &str, parts: &[Value]) -> Result<Answer> {
        let body = json!({ "parts": parts }).to_string();
        self.ask_api(Method::POST, &format!("files/{id}")).token(&user.token()?).body(&body).send().await
    }

    /// Reports that a file has been uploaded.
    pub async fn complete_file(&self, user: &User, id: &str) -> Result<Answer> {
        self.ask_api(Method::POST, &format!("files/{id}")).token(&user.token()?).send().await
    }

    /// Removes a file that no message refers to.
    pub async fn remove_unused_file(&self, user: &User, id: &str) -> Result<Answer> {
        self.ask_api(Method::DELETE, &format!("files/{id}")).token(&user.token()?).send().await
    }

    /// Uploads a file and reports it. Returns its id.
    pub async fn put_file(
        &self,
        user: &User,
        channel: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<String> {
        let upload = self.upload(user, &file_draft(channel, media_type, bytes)).await?;
        let put = upload.put(bytes).await?;
        ensure!(put.status.is_success(), "{}: {}", put.status, String::from_utf8_lossy(&put.body));
        self.complete_file(user, &upload.id).await?.done()?;
        Ok(upload.id)
    }

    /// Asks for a link by which the user can read a file.
    pub async fn file_link(&self, user: &User, id: &str, form: &str) -> Result<Answer> {
        let path = format!("files/{id}/link?form={form}");
        self.ask_api(Method::GET, &path).token(&user.token()?).send().await
    }

    /// Waits until a file has been examined, and returns it.
    pub async fn examined_file(&self, user: &User, id: &str) -> Result<Value> {
        let examined = async {
            loop {
                let link = self.file_link(user, id, "original").await?.done()?;
                match link["file"]["state"].as_str() {
                    Some("uploading" | "checking") => tokio::time::sleep(POLL).await,
                    _ => return anyhow::Ok(link["file"].clone()),
                }
            }
        };
        tokio::time::timeout(PATIENCE, examined).await.context("the file was not examined in time")?
    }
}

/// The pause between two checks of a file's state.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

impl Upload {
    /// Reads an upload from a reply.
    pub fn of(id: &Value, upload: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not a string");
        let headers = serde_json::from_value(upload["headers"].clone())?;
        Ok(Self { id: text(id)?, url: text(&upload["url"])?, headers })
    }

    /// Starts to upload these bytes, and resets the connection after half of them.
    pub async fn tear(&self, bytes: &[u8]) -> Result<()> {
        let uri: http::Uri = self.url.parse()?;
        let authority = uri.authority().context("the URL has no authority")?.as_str();
        let path = uri.path_and_query().context("the URL has no path")?;
        let mut head =
            format!("PUT {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n", bytes.len());
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        let mut connection = tokio::net::TcpStream::connect(authority).await?;
        connection.write_all(format!("{head}\r\n").as_bytes()).await?;
        connection.write_all(&bytes[..bytes.len() / 2]).await?;
        connection.set_zero_linger()?;
        Ok(())
    }

    /// Uploads these bytes.
    pub async fn put(&self, bytes: &[u8]) -> Result<Fetched> {
        fetch(Method::PUT, &self.url, &self.headers, bytes.to_vec()).await
    }
}
