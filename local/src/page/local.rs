//! `/_local` on the HTTP port: what a page can't do by itself, because it takes a key or a backend.
//!
//! | request | does |
//! |---|---|
//! | `GET /_local` | where everything is: the line that says that the stack is ready |
//! | `POST /_local/token` | a token of the dev issuer, good for an hour: `{"user":"user_1","name":"Ann","companies":[{"id":"biz_1","role":"admin"}]}` to `{"token":"..."}` |
//! | `POST /_local/events` | puts an event on the stack's bus, as a backend does: `{"detailType":"FunnelUpdate","detail":{...}}` to `{"id":"..."}` |
//! | `DELETE /_local/connections/{id}` | closes a connection from the server's side |
//!
//! A refusal is `{"message"}`: 400 for what is wrong with the request, 404 for what there is none of.

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

/// Where all of this is.
pub(super) const PREFIX: &str = "/_local";
/// As much as the bus takes, and some more.
const BODY_BYTES_MAX: usize = 512 * 1024;
/// How long a token is good for. A page asks for a fresh one whenever it connects.
const TOKEN_TTL: Duration = Duration::from_hours(1);

/// What is asked for a page.
pub(crate) struct Local {
    pub(crate) websockets: Arc<WebSockets>,
    pub(crate) bus: Bus,
    /// The key that the stack takes the dev issuer's tokens by; none where its template has no dev issuer.
    pub(crate) key: Option<DevKey>,
    /// The `source` of the events that the stack listens to.
    pub(crate) event_source: String,
    /// The line that says that the stack is ready.
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

/// What is wrong with a request.
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
        let bearer = Bearer { user: request.user, name: request.name, companies: request.companies };
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
        let id = percent_decode_str(id).decode_utf8().map_err(|_| bad_request("the id is not UTF-8"))?;
        match self.websockets.delete(&id) {
            Posted::Queued => Ok(empty_reply(StatusCode::NO_CONTENT)),
            Posted::Gone => Err(not_found("there is no such connection")),
        }
    }
}

/// Reads the JSON of a request.
async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Refusal> {
    let body = read_body(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|_| Refusal(StatusCode::PAYLOAD_TOO_LARGE, "too large".to_owned()))?;
    serde_json::from_slice(&body).map_err(|error| bad_request(error.to_string()))
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

fn not_found(message: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, message.to_owned())
}
