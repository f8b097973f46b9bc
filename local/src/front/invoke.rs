//! Lambda's Invoke API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::services::Services;
use crate::{
    http1::{BodyError, Reply, empty_reply, json_reply, read_body},
    iam::Request,
    lambda::{InvokeError, PAYLOAD_BYTES_MAX},
    template::{ACCOUNT, Function, REGION},
};

/// The function named by a path `/2015-03-31/functions/{name}/invocations`, decoded.
pub(super) fn function_name(path: &str) -> Option<String> {
    let name = path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")?;
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

/// Invokes the function `name`, in the way that the request asks for.
pub(super) async fn answer(services: &Services, name: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    let Some(target) = Target::named(services, name) else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    if let Some(caller) = services.caller(headers) {
        let request = Request::new("lambda:InvokeFunction", target.arn());
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
    let function = match target {
        Target::OfStack(function) => function,
        Target::OfApp { url, .. } => return forward(services, url, payload).await,
    };
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

/// What is invoked.
enum Target<'a> {
    /// A function of the template.
    OfStack(&'a Function),
    /// A function of the app's own, which is reached by HTTP.
    OfApp { arn: String, url: &'a Uri },
}

impl<'a> Target<'a> {
    /// The function with this name, which may be an ARN with the name of an alias behind it.
    fn named(services: &'a Services, name: &str) -> Option<Self> {
        if let Some(function) = services.functions.named(name) {
            return Some(Self::OfStack(function));
        }
        let own = name.split_once(":function:").map_or(name, |(_, own)| own);
        let url = services.own_functions.get(own.split(':').next().unwrap_or(own))?;
        let is_arn = name.starts_with("arn:");
        let arn = if is_arn {
            name.to_owned()
        } else {
            format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{own}")
        };
        Some(Self::OfApp { arn, url })
    }

    fn arn(&self) -> &str {
        match self {
            Self::OfStack(function) => &function.arn,
            Self::OfApp { arn, .. } => arn,
        }
    }
}

/// Posts the payload to a function of the app's own. Whatever is no success is an invocation that failed.
async fn forward(services: &Services, url: &Uri, payload: Bytes) -> Reply {
    let request = http::Request::post(url.clone()).header(header::CONTENT_TYPE, "application/json");
    let failed = |message: String| {
        let mut reply =
            json_reply(StatusCode::OK, &json!({ "errorType": "OwnFunction", "errorMessage": message }));
        reply.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
        reply
    };
    let request = match request.body(Full::from(payload)) {
        Ok(request) => request,
        Err(error) => return failed(error.to_string()),
    };
    match services.client.request(request).await {
        Ok(answer) if answer.status().is_success() => {
            match read_body(answer.into_body(), PAYLOAD_BYTES_MAX).await {
                Ok(result) => Reply::new(result.into()),
                Err(_) => failed("its result was not read".to_owned()),
            }
        }
        Ok(answer) => failed(format!("it answered {}", answer.status())),
        Err(error) => failed(error.to_string()),
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
