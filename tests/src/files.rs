//! Files, as a client brings and reads them.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{Answer, Fetched, PATIENCE, Stack, User, fetch};

/// An upload of a file, or of a part of one, that has been allowed.
#[derive(Debug)]
pub struct Upload {
    /// The file.
    pub id: String,
    /// Where it is put.
    pub url: String,
    /// The headers of the `PUT`.
    pub headers: BTreeMap<String, String>,
}

/// The fields by which a file is asked for.
pub fn file_draft(channel: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({"channel": channel, "name": "Été & co.png", "type": media_type, "bytes": bytes.len(), "sha256": sha256(bytes)})
}

/// The SHA-256 of bytes, as files have it.
pub fn sha256(bytes: &[u8]) -> String {
    STANDARD.encode(digest(&SHA256, bytes))
}

impl Stack {
    /// Asks for a file of these bytes.
    pub async fn create_file(&self, user: &User, draft: &Value) -> Result<Answer> {
        self.ask_api(Method::POST, "files").token(&user.token()?).body(&draft.to_string()).send().await
    }

    /// Asks for a file of these bytes, which must be allowed.
    pub async fn upload(&self, user: &User, draft: &Value) -> Result<Upload> {
        let reply = self.create_file(user, draft).await?.done()?;
        Upload::of(&reply["fileId"], &reply["upload"])
    }

    /// Asks for the upload of these parts of a file, of which the first has this number.
    pub async fn sign_parts(&self, user: &User, id: &str, first: usize, parts: &[&[u8]]) -> Result<Answer> {
        let hashes: Vec<_> = parts.iter().map(|part| sha256(part)).collect();
        let body = json!({"first": first, "sha256": hashes}).to_string();
        self.ask_api(Method::POST, &format!("files/{id}/parts"))
            .token(&user.token()?)
            .body(&body)
            .send()
            .await
    }

    /// Says that a file has been uploaded in these parts.
    pub async fn complete_parts(&self, user: &User, id: &str, parts: &[Value]) -> Result<Answer> {
        let body = json!({ "parts": parts }).to_string();
        self.ask_api(Method::POST, &format!("files/{id}")).token(&user.token()?).body(&body).send().await
    }

    /// Says that a file has been uploaded.
    pub async fn complete_file(&self, user: &User, id: &str) -> Result<Answer> {
        self.ask_api(Method::POST, &format!("files/{id}")).token(&user.token()?).send().await
    }

    /// Removes a file that no message names.
    pub async fn remove_unused_file(&self, user: &User, id: &str) -> Result<Answer> {
        self.ask_api(Method::DELETE, &format!("files/{id}")).token(&user.token()?).send().await
    }

    /// Uploads a file and says so. Returns its id.
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

    /// Where a user can read a file.
    pub async fn file_link(&self, user: &User, id: &str, form: &str) -> Result<Answer> {
        let path = format!("files/{id}/link?form={form}");
        self.ask_api(Method::GET, &path).token(&user.token()?).send().await
    }

    /// A file once it has been examined.
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
        tokio::time::timeout(PATIENCE, examined).await.context("a file that has been examined")?
    }
}

/// How often a file is looked at.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

impl Upload {
    /// The upload of a file that a reply allows.
    pub fn of(id: &Value, upload: &Value) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let headers = serde_json::from_value(upload["headers"].clone())?;
        Ok(Self { id: text(id)?, url: text(&upload["url"])?, headers })
    }

    /// Begins to put these bytes there, over a connection that is torn in their middle.
    pub async fn tear(&self, bytes: &[u8]) -> Result<()> {
        let uri: http::Uri = self.url.parse()?;
        let authority = uri.authority().context("an authority")?.as_str();
        let path = uri.path_and_query().context("a path")?;
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

    /// Puts these bytes there.
    pub async fn put(&self, bytes: &[u8]) -> Result<Fetched> {
        fetch(Method::PUT, &self.url, &self.headers, bytes.to_vec()).await
    }
}
