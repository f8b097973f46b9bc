//! `/_local`: what is ours and not AWS's, for tests and for the curious. Never faulted, never counted.
//!
//! | request | does |
//! |---|---|
//! | `GET /_local` | where everything is: the line that says that the stack is ready |
//! | `GET`, `DELETE /_local/usage` | what each function used; back to zero |
//! | `GET /_local/rights` | what each function may do, how often it did, and what it was denied |
//! | `POST /_local/sweep` | removes at once what has expired |
//! | `GET /_local/faults` | seed, rates, and how many faults of each kind there were since the start |
//! | `PUT /_local/faults` | other faults from now on, e.g. `{"gone":0.1,"delayed":0.5,"delay_ms_max":200,"seed":7}`; what is left out is off, but for the seed, which then stays |
//! | `DELETE /_local/faults` | no faults any more |

use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::{
    Front,
    server::{Reply, empty_reply, json_reply, read_body},
};
use crate::faults::Settings;

/// The largest body that makes sense here.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Answers a request whose path begins with `/_local`.
pub(super) async fn answer(front: &Front, method: &Method, path: &str, body: Incoming) -> Reply {
    match (method, path) {
        (&Method::GET, "/_local") => json_reply(StatusCode::OK, &front.ready),
        (&Method::GET, "/_local/usage") => json_reply(StatusCode::OK, &front.usage.snapshot()),
        (&Method::DELETE, "/_local/usage") => {
            front.usage.reset();
            empty_reply(StatusCode::NO_CONTENT)
        }
        (&Method::GET, "/_local/rights") => json_reply(StatusCode::OK, &front.rights.snapshot()),
        (&Method::POST, "/_local/sweep") => match front.engine.sweep().await {
            Ok(removed) => json_reply(StatusCode::OK, &json!({ "removed": removed })),
            Err(error) => json_reply(StatusCode::INTERNAL_SERVER_ERROR, &error.body()),
        },
        (&Method::GET, "/_local/faults") => json_reply(StatusCode::OK, &front.faults.snapshot()),
        (&Method::PUT, "/_local/faults") => set_faults(front, body).await,
        (&Method::DELETE, "/_local/faults") => {
            front.faults.set(Settings::default());
            empty_reply(StatusCode::NO_CONTENT)
        }
        _ => json_reply(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" })),
    }
}

async fn set_faults(front: &Front, body: Incoming) -> Reply {
    let Ok(body) = read_body(body, BODY_BYTES_MAX).await else {
        return empty_reply(StatusCode::PAYLOAD_TOO_LARGE);
    };
    match serde_json::from_slice(&body) {
        Ok(settings) => {
            front.faults.set(settings);
            json_reply(StatusCode::OK, &front.faults.snapshot())
        }
        Err(error) => json_reply(StatusCode::BAD_REQUEST, &json!({ "message": error.to_string() })),
    }
}
