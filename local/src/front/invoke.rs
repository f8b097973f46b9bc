//! Lambda's Invoke API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{
    Front,
    server::{BodyError, Reply, empty_reply, json_reply, read_body},
};
use crate::{
    lambda::InvokeError,
    rights::Request,
    template::{Function, Stack},
};

/// The most that a function may be sent.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The functions, by every name that a caller may use.
pub(crate) struct Names {
    /// By their logical ids.
    functions: BTreeMap<String, Function>,
    /// Logical ids.
    by_name: BTreeMap<String, String>,
}

impl Names {
    /// Of the stack's functions: logical id, physical name, ARN, and the name of the binary.
    pub(crate) fn new(stack: &Stack) -> Self {
        let names = |function: &Function| {
            let all = [&function.name, &function.physical_name, &function.arn, &function.id];
            all.map(|name| (name.clone(), function.id.clone()))
        };
        let by_name = stack.functions.values().flat_map(names).collect();
        Self { functions: stack.functions.clone(), by_name }
    }

    /// The function that is called so.
    fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(self.by_name.get(name)?)
    }

    /// The function that signs with this access key, which is its logical id.
    pub(super) fn signing(&self, access_key: &str) -> Option<&Function> {
        self.functions.get(access_key)
    }
}

/// The function named by a path `/2015-03-31/functions/{name}/invocations`, decoded.
pub(super) fn function_name(path: &str) -> Option<String> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

/// Invokes the function `name` and answers as its caller asked.
pub(super) async fn answer(front: &Front, name: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    let Some(function) = front.names.function(name) else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    if let Some(caller) = front.caller(headers) {
        let request = Request::new("lambda:InvokeFunction", function.arn.as_str());
        if let Err(error) = front.authorize(caller, &[request]) {
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
    // Lambda takes no payload for an empty object.
    let payload = if payload.is_empty() { "{}".into() } else { payload };
    match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        Some(b"DryRun") => empty_reply(StatusCode::NO_CONTENT),
        Some(b"Event") => match front.lambda.accept(vec![(function.id.clone(), payload)]) {
            Ok(()) => empty_reply(StatusCode::ACCEPTED),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &error.message),
        },
        _ => match front.lambda.invoke(&function.id, payload).await {
            Ok(result) => Reply::new(result.into()),
            Err(error) => failed(&error),
        },
    }
}

/// A function's error is a success of the Invoke API.
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
