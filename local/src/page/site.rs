//! The files of a page, by `tower-http`, which never leaves the folder, knows content types, and answers 304 to a browser
//! that has a file already.

use std::path::Path;

use anyhow::ensure;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::Service as _};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tower_http::services::ServeDir;

use crate::http1::{Reply, empty_reply, json_reply};

/// What `/` shows.
const INDEX: &str = "index.html";

/// A folder whose files are served.
pub(crate) struct Site(TowerToHyperService<ServeDir>);

impl Site {
    /// Fails where there is no page in the folder: a wrong path should not be found out in the browser.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        ensure!(folder.join(INDEX).is_file(), "{} has no {INDEX}: is the page built?", folder.display());
        Ok(Self(TowerToHyperService::new(ServeDir::new(folder))))
    }

    /// Answers a GET or HEAD.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        let Ok(answer) = self.0.call(request).await;
        let (mut head, body) = answer.into_parts();
        match (head.status, body.collect().await) {
            (StatusCode::NOT_FOUND, _) => {
                json_reply(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" }))
            }
            (_, Ok(body)) => {
                // A browser asks each time whether the file is still the same, so what is built anew is seen at once.
                head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                Reply::from_parts(head, Full::new(body.to_bytes()))
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "a file of the page cannot be read");
                empty_reply(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
