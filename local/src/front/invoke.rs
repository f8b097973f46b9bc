//! Lambda's Invoke API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::services::Services;
use crate::{
    http1::{BodyError, Reply, empty_reply, json_reply, read_body},
    iam::Request,
    lambda::{InvokeError, PAYLOAD_BYTES_MAX},
};

/// The function named by a path `/2015-03-31/functions/{name}/invocations`, decoded.
pub(super) fn function_name(path: &str) -> Option<String> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

/// Invokes the function `name`, in the way that the request asks for.
pub(super) async fn answer(services: &Services, name: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    let Some(function) = services.functions.named(name) else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    if let Some(caller) = services.caller(headers) {
        let request = Request::new("lambda:InvokeFunction", function.arn.as_str());
        if let Err(error) = services.authorize(caller, &[request]) {
            return refuse(StatusCode::FORBIDDEN, "AccessDeniedException", &error.message);
        }
    }
    let payload = match read_body(body, PAYLOAD_BYTES_MAX).await {
        Ok(payload) => payload,
        Err(BodyError::TooLarge) => {
            let message = format!("Request must be smaller than {PAYLOAD_BYTES_MAX} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message);
        }
        Err(BodyError::Lost) => return empty_reply(StatusCode::BAD_REQUEST),
    };
    // Lambda treats an empty payload as an empty object.
    let payload = if payload.is_empty() { "{}".into() } else { payload };
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        Some(b"DryRun") => empty_reply(StatusCode::NO_CONTENT),
        Some(b"Event") => match services.lambda.accept(vec![(function.id.clone(), payload)]) {
            Ok(()) => empty_reply(StatusCode::ACCEPTED),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &error.message),
        },
        _ => match services.lambda.invoke(&function.id, payload).await {
            Ok(result) => Reply::new(result.into()),
            Err(error) => failed(&error),
        },
    }
}

/// The response for an invocation that failed, which the Invoke API answers with 200.
fn failed(error: &InvokeError) -> Reply {
    let mut reply = Reply::new(error.payload().into());
    reply.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    reply
}

fn refuse(status: StatusCode, code: &'static str, message: &str) -> Reply {
    let mut reply = json_reply(status, &json!({ "Type": "User", "Message": message }));
    reply.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_taken_from_the_path() {
        let arn = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Asend/invocations";
        assert_eq!(
            function_name(arn).as_deref(),
            Some("arn:aws:lambda:us-east-1:000000000000:function:send")
        );
        assert_eq!(function_name("/2015-03-31/functions/send/invocations").as_deref(), Some("send"));
        assert_eq!(function_name("/2015-03-31/functions/send"), None);
    }
}
