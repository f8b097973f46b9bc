//! The files of a page, served by `tower-http`, which stays within the folder, sets content types, and answers with 304
//! if the browser has the file already.

use std::path::Path;

use anyhow::ensure;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::Service as _};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tower_http::services::ServeDir;

use crate::http1::{Reply, empty_reply, json_reply};

/// The file for `/`.
const INDEX: &str = "index.html";

/// A folder whose files are served.
pub(crate) struct Site(TowerToHyperService<ServeDir>);

impl Site {
    /// Opens a folder. Fails if it has no page, so that a wrong path is found at the start and not in the browser.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        ensure!(folder.join(INDEX).is_file(), "{} has no {INDEX}; build the page first", folder.display());
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
                // The browser revalidates the file each time, so that a new build is shown at once.
                head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                Reply::from_parts(head, Full::new(body.to_bytes()))
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "cannot read a file of the page");
                empty_reply(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
