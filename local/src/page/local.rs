//! `/_local` on the HTTP port: what a page cannot do itself, because it needs a key or a backend.
//!
//! | request | does |
//! |---|---|
//! | `GET /_local` | the ready line, which says where everything is |
//! | `POST /_local/token` | a token of the dev issuer, valid for an hour: `{"user":"user_1","name":"Ann","companies":[{"id":"biz_1","role":"admin"}]}` to `{"token":"..."}` |
//! | `POST /_local/events` | puts an event on the stack's bus, as a backend would: `{"detailType":"FunnelUpdate","detail":{...}}` to `{"id":"..."}` |
//! | `DELETE /_local/connections/{id}` | closes a connection from the server's side |
//!
//! A refusal is `{"message"}`: 400 if the request is invalid, 404 if there is no such thing.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    api_gateway::websocket::{Posted, WebSockets},
    eventbridge::Bus,
    http1::{Reply, empty_reply, json_reply, read_body},
    token::{Bearer, Company, DevKey},
};

/// The prefix of all paths.
pub(super) const PREFIX: &str = "/_local";
/// The largest body: more than the bus accepts.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// How long a token is valid. A page gets a new one whenever it connects.
const TOKEN_TTL: Duration = Duration::from_hours(1);

/// What answers the requests of a page.
pub(crate) struct Local {
    pub(crate) websockets: Arc<WebSockets>,
    pub(crate) bus: Bus,
    /// The key of the dev issuer's tokens; `None` if the template has no dev issuer.
    pub(crate) key: Option<DevKey>,
    /// The `source` of the backend's events.
    pub(crate) event_source: String,
    /// The ready line.
    pub(crate) ready: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    user: String,
    name: Option<String>,
    #[serde(default)]
    companies: Vec<Company>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventRequest {
    detail_type: String,
    detail: Map<String, Value>,
}

/// The refusal of a request: its status and message.
struct Refusal(StatusCode, String);

impl Local {
    /// Answers a request whose path begins with `/_local`.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let path = head.uri.path().trim_start_matches(PREFIX);
        let answer = match (&head.method, path) {
            (&Method::GET, "") => Ok(json_reply(StatusCode::OK, &self.ready)),
            (&Method::POST, "/token") => read(body).await.and_then(|request| self.token(request)),
            (&Method::POST, "/events") => read(body).await.and_then(|request| self.put_event(&request)),
            (&Method::DELETE, path) => match path.strip_prefix("/connections/") {
                Some(id) => self.close(id),
                None => Err(not_found("Not Found")),
            },
            _ => Err(not_found("Not Found")),
        };
        answer.unwrap_or_else(|Refusal(status, message)| json_reply(status, &json!({ "message": message })))
    }

    fn token(&self, request: TokenRequest) -> Result<Reply, Refusal> {
        let key = self.key.as_ref().ok_or_else(|| not_found("the template has no dev issuer"))?;
        let bearer = Bearer {
            user: request.user,
            name: request.name,
            companies: request.companies,
            experiences: Vec::new(),
            rooms: Vec::new(),
            scope: None,
        };
        let token = key.sign(&bearer, TOKEN_TTL);
        let token =
            token.map_err(|error| Refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")))?;
        Ok(json_reply(StatusCode::OK, &json!({ "token": token })))
    }

    fn put_event(&self, event: &EventRequest) -> Result<Reply, Refusal> {
        let entry = json!({
            "EventBusName": self.ready["bus"],
            "Source": self.event_source,
            "DetailType": event.detail_type,
            "Detail": Value::from(event.detail.clone()).to_string(),
        });
        let answer = self.bus.call("PutEvents", json!({ "Entries": [entry] }));
        let answer = answer.map_err(|error| bad_request(error.message))?;
        let put = &answer["Entries"][0];
        match (put["EventId"].as_str(), put["ErrorMessage"].as_str()) {
            (Some(id), _) => Ok(json_reply(StatusCode::OK, &json!({ "id": id }))),
            (None, reason) => Err(bad_request(reason.unwrap_or_default())),
        }
    }

    fn close(&self, id: &str) -> Result<Reply, Refusal> {
        let id = percent_decode_str(id).decode_utf8().map_err(|_| bad_request("the id must be UTF-8"))?;
        match self.websockets.delete(&id) {
            Posted::Queued => Ok(empty_reply(StatusCode::NO_CONTENT)),
            Posted::Gone => Err(not_found("there is no such connection")),
        }
    }
}

/// Parses the JSON of a request.
async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Refusal> {
    let body = read_body(body, BODY_BYTES_MAX).await;
    let body =
        body.map_err(|_| Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".to_owned()))?;
    serde_json::from_slice(&body).map_err(|error| bad_request(error.to_string()))
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

fn not_found(message: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, message.to_owned())
}
