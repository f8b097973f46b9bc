//! Files, as a client brings and reads them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::{Answer, Fetched, PATIENCE, Stack, User, fetch};

/// An upload that has been allowed.
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
    let sha256 = STANDARD.encode(digest(&SHA256, bytes));
    json!({"channel": channel, "name": "Été & co.png", "type": media_type, "bytes": bytes.len(), "sha256": sha256})
}

impl Stack {
    /// Asks for a file of these bytes.
    pub async fn create_file(&self, user: &User, draft: &Value) -> Result<Answer> {
        self.ask_api(Method::POST, "files").token(&user.token()?).body(&draft.to_string()).send().await
    }

    /// Asks for a file of these bytes, which must be allowed.
    pub async fn upload(&self, user: &User, draft: &Value) -> Result<Upload> {
        let reply = self.create_file(user, draft).await?.done()?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        Ok(Upload {
            id: text(&reply["fileId"])?,
            url: text(&reply["upload"]["url"])?,
            headers: serde_json::from_value(reply["upload"]["headers"].clone())?,
        })
    }

    /// Says that a file has been uploaded.
    pub async fn complete_file(&self, user: &User, id: &str) -> Result<Answer> {
        self.ask_api(Method::POST, &format!("files/{id}")).token(&user.token()?).send().await
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
    /// Puts these bytes there.
    pub async fn put(&self, bytes: &[u8]) -> Result<Fetched> {
        fetch(Method::PUT, &self.url, &self.headers, bytes.to_vec()).await
    }
}
