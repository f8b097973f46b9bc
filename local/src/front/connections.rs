//! `@connections`: how functions post to the clients of the WebSocket API.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{caller::Caller, services::Services};
use crate::{
    api_gateway::websocket::Posted,
    faults::FaultKind,
    http1::{BodyError, Reply, empty_reply, json_reply, read_body},
    iam,
};

/// The connection that a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ConnectionTarget<'a> {
    /// The stage that precedes it; `None` on a custom domain.
    stage: Option<&'a str>,
    /// The connection's id, decoded.
    id: String,
}

/// Reads a path `/@connections/{id}` or `/{stage}/@connections/{id}`.
pub(super) fn target(path: &str) -> Option<ConnectionTarget<'_>> {
    let (before, id) = path.split_once("/@connections/")?;
    // Only the stage may precede it.
    let stage = if before.is_empty() { None } else { Some(before.strip_prefix('/')?) };
    let id = percent_decode_str(id).decode_utf8().ok()?;
    let is_target = !id.is_empty() && stage.is_none_or(|stage| !stage.is_empty() && !stage.contains('/'));
    is_target.then(|| ConnectionTarget { stage, id: id.into_owned() })
}

/// Answers one call of the management API.
pub(super) async fn answer(
    services: &Services,
    method: &Method,
    ConnectionTarget { stage, id }: &ConnectionTarget<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Reply {
    let Some(caller) = services.caller(headers) else {
        let message = "Missing Authentication Token";
        return refuse(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message);
    };
    let request = iam::of_connection(services.websockets.api(), method, *stage, id);
    if let Err(error) = services.authorize(caller, &[request]) {
        return refuse(StatusCode::FORBIDDEN, "AccessDeniedException", &error.message);
    }
    match *method {
        Method::POST => {
            let reply = post(services, caller, id, body).await;
            services.usage.post(caller.name, reply.status().as_u16());
            reply
        }
        Method::GET => {
            services.websockets.describe(id).map_or_else(gone, |it| json_reply(StatusCode::OK, &it))
        }
        Method::DELETE => match services.websockets.delete(id) {
            Posted::Queued => empty_reply(StatusCode::NO_CONTENT),
            Posted::Gone => gone(),
        },
        _ => refuse(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
    }
}

async fn post(services: &Services, caller: Caller<'_>, id: &str, body: Incoming) -> Reply {
    let bytes_max = services.websockets.message_bytes_max();
    let body = match read_body(body, bytes_max).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            let message = format!("The payload is larger than {bytes_max} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", &message);
        }
        Err(BodyError::Lost) => return empty_reply(StatusCode::BAD_REQUEST),
    };
    // The API's clients get text frames, which are UTF-8.
    let Ok(message) = String::from_utf8(body.into()) else {
        return refuse(StatusCode::BAD_REQUEST, "BadRequestException", "The payload is not UTF-8");
    };
    if let Some(reply) = fault(services, caller, id) {
        return reply;
    }
    match services.websockets.post(id, message) {
        Posted::Queued => empty_reply(StatusCode::OK),
        Posted::Gone => gone(),
    }
}

/// The error that a function's post to the connection `id` is answered with instead of being sent, if the faults say so.
fn fault(services: &Services, caller: Caller<'_>, id: &str) -> Option<Reply> {
    caller.function?;
    if services.faults.strikes(FaultKind::Throttled) {
        let message = "Too many requests";
        return Some(refuse(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message));
    }
    // For a connection that does not exist, 410 would be no fault.
    let lives = services.websockets.describe(id).is_some();
    (lives && services.faults.strikes(FaultKind::Gone)).then(gone)
}

fn gone() -> Reply {
    refuse(StatusCode::GONE, "GoneException", "The connection is no longer available")
}

fn refuse(status: StatusCode, code: &'static str, message: &str) -> Reply {
    let mut reply = json_reply(status, &json!({ "message": message }));
    reply.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_taken_with_and_without_a_stage_and_decoded() {
        for path in [
            "/dev/@connections/L0SM9cOFvHcCIhw=",
            "/@connections/L0SM9cOFvHcCIhw%3D",
            "/dev/%40connections/x",
        ] {
            let stage = path.starts_with("/dev").then_some("dev");
            let expected = (!path.contains("%40"))
                .then(|| ConnectionTarget { stage, id: "L0SM9cOFvHcCIhw=".to_owned() });
            assert_eq!(target(path), expected, "{path}");
        }
        for wrong in
            ["/dev", "/a/b/@connections/x", "//@connections/x", "/dev/@connections/", "/@connections"]
        {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }
}
