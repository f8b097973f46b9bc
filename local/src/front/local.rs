//! `/_local`: what a local stack has and AWS does not, for tests and for whoever looks into it. Faults do not affect it,
//! and its requests are not counted.
//!
//! | request | does |
//! |---|---|
//! | `GET /_local` | the ready line, by whose `id` one start is told from another |
//! | `GET`, `DELETE /_local/usage` | what each function used; sets the counts back to zero |
//! | `GET /_local/rights` | what each function may do, how often it did so, and what it was denied |
//! | `POST /_local/sweep` | removes expired items at once |
//! | `GET /_local/faults` | the seed, the rates, and how many faults of each kind there were since the start |
//! | `PUT /_local/faults` | sets the faults, e.g. `{"gone":0.1,"delayed":0.5,"delay_ms_max":200,"seed":7}`; a kind that is absent is off, and without a seed the present one is kept |
//! | `DELETE /_local/faults` | turns all faults off |

use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::services::Services;
use crate::{
    faults::FaultSettings,
    http1::{Reply, empty_reply, json_reply, read_body},
};

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Answers a request whose path begins with `/_local`.
pub(super) async fn answer(services: &Services, method: &Method, path: &str, body: Incoming) -> Reply {
    match (method, path) {
        (&Method::GET, "/_local") => json_reply(StatusCode::OK, &services.ready),
        (&Method::GET, "/_local/usage") => json_reply(StatusCode::OK, &services.usage.snapshot()),
        (&Method::DELETE, "/_local/usage") => {
            services.usage.reset();
            empty_reply(StatusCode::NO_CONTENT)
        }
        (&Method::GET, "/_local/rights") => json_reply(StatusCode::OK, &services.rights.snapshot()),
        (&Method::POST, "/_local/sweep") => match services.engine.sweep().await {
            Ok(removed) => json_reply(StatusCode::OK, &json!({ "removed": removed })),
            Err(error) => json_reply(StatusCode::INTERNAL_SERVER_ERROR, &error.body()),
        },
        (&Method::GET, "/_local/faults") => json_reply(StatusCode::OK, &services.faults.snapshot()),
        (&Method::PUT, "/_local/faults") => set_faults(services, body).await,
        (&Method::DELETE, "/_local/faults") => {
            services.faults.set(FaultSettings::default());
            empty_reply(StatusCode::NO_CONTENT)
        }
        _ => json_reply(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" })),
    }
}

async fn set_faults(services: &Services, body: Incoming) -> Reply {
    let Ok(body) = read_body(body, BODY_BYTES_MAX).await else {
        return empty_reply(StatusCode::PAYLOAD_TOO_LARGE);
    };
    match serde_json::from_slice(&body) {
        Ok(settings) => {
            services.faults.set(settings);
            json_reply(StatusCode::OK, &services.faults.snapshot())
        }
        Err(error) => json_reply(StatusCode::BAD_REQUEST, &json!({ "message": error.to_string() })),
    }
}
