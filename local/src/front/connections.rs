//! `@connections`: how functions post to the clients of the WebSocket API.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{
    Front,
    caller::Caller,
    requests,
    server::{BodyError, Reply, empty_reply, json_reply, read_body},
};
use crate::{faults::Kind, websocket::Posted};

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The stage before it; none on a custom domain.
    stage: Option<&'a str>,
    /// The connection's id, decoded.
    id: String,
}

/// Reads a path `/@connections/{id}` or `/{stage}/@connections/{id}`.
pub(super) fn place(path: &str) -> Option<Place<'_>> {
    let (before, id) = path.split_once("/@connections/")?;
    // At most the stage may stand before it.
    let stage = if before.is_empty() { None } else { Some(before.strip_prefix('/')?) };
    let id = percent_decode_str(id).decode_utf8().ok()?;
    let is_place = !id.is_empty() && stage.is_none_or(|stage| !stage.is_empty() && !stage.contains('/'));
    is_place.then(|| Place { stage, id: id.into_owned() })
}

/// Answers one call of the management API.
pub(super) async fn answer(
    front: &Front,
    method: &Method,
    Place { stage, id }: &Place<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Reply {
    let Some(caller) = front.caller(headers) else {
        let message = "Missing Authentication Token";
        return refuse(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message);
    };
    let request = requests::of_connection(front.websockets.api(), method, *stage, id);
    if let Err(error) = front.authorize(caller, &[request]) {
        return refuse(StatusCode::FORBIDDEN, "AccessDeniedException", &error.message);
    }
    match *method {
        Method::POST => {
            let reply = post(front, caller, id, body).await;
            front.usage.post(caller.name, reply.status().as_u16());
            reply
        }
        Method::GET => front.websockets.describe(id).map_or_else(gone, |it| json_reply(StatusCode::OK, &it)),
        Method::DELETE => match front.websockets.delete(id) {
            Posted::Queued => empty_reply(StatusCode::NO_CONTENT),
            Posted::Gone => gone(),
        },
        _ => refuse(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
    }
}

async fn post(front: &Front, caller: Caller<'_>, id: &str, body: Incoming) -> Reply {
    let bytes_max = front.websockets.message_bytes_max();
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
    if let Some(reply) = fault(front, caller, id) {
        return reply;
    }
    match front.websockets.post(id, message) {
        Posted::Queued => empty_reply(StatusCode::OK),
        Posted::Gone => gone(),
    }
}

/// What a function's post to the connection `id` is answered instead of being sent, where the faults say so.
fn fault(front: &Front, caller: Caller<'_>, id: &str) -> Option<Reply> {
    caller.function?;
    if front.faults.strikes(Kind::Throttled) {
        let message = "Too many requests";
        return Some(refuse(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message));
    }
    // Of a connection that is no more, it would be the truth.
    let lives = front.websockets.describe(id).is_some();
    (lives && front.faults.strikes(Kind::Gone)).then(gone)
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
            let expected =
                (!path.contains("%40")).then(|| Place { stage, id: "L0SM9cOFvHcCIhw=".to_owned() });
            assert_eq!(place(path), expected, "{path}");
        }
        for wrong in
            ["/dev", "/a/b/@connections/x", "//@connections/x", "/dev/@connections/", "/@connections"]
        {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
