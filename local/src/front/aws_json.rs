//! The AWS JSON protocols: one endpoint, the service and operation in the header `X-Amz-Target`.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use serde_json::Value;

use super::{
    Front,
    caller::Caller,
    dynamodb, requests,
    server::{BodyError, Reply, empty_reply, json_reply, read_body},
};
use crate::{aws_error::AwsError, engine, faults::Kind};

/// The largest request that DynamoDB takes; the other services take less and say so themselves.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What calls without a signature are counted under.
const UNSIGNED: Caller<'_> = Caller { name: "-", function: None };

/// Answers a call to the service and operation `target`, e.g. `AWSEvents.PutEvents`.
pub(super) async fn answer(front: &Front, target: &str, headers: &HeaderMap, body: Incoming) -> Reply {
    let body = match read_body(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            let message = "Request size exceeded 16 MiB";
            return reply(headers, Err(AwsError::new(413, "RequestEntityTooLargeException", message)));
        }
        Err(BodyError::Lost) => return empty_reply(StatusCode::BAD_REQUEST),
    };
    // The protocol allows an empty body for an operation without input.
    let parsed = if body.is_empty() {
        Ok(Value::Object(serde_json::Map::new()))
    } else {
        serde_json::from_slice(&body)
    };
    let answer = match parsed {
        Ok(body) => {
            let trace = headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok());
            call(front, target, front.caller(headers).unwrap_or(UNSIGNED), body, trace).await
        }
        Err(error) => Err(AwsError::client("SerializationException", error.to_string())),
    };
    reply(headers, answer)
}

async fn call(
    front: &Front,
    target: &str,
    caller: Caller<'_>,
    body: Value,
    trace: Option<&str>,
) -> Result<Value, AwsError> {
    let (service, operation) = target.split_once('.').unwrap_or((target, ""));
    front.authorize(
        caller,
        &requests::of_call(&front.partitions, &front.secrets, service, operation, &body),
    )?;
    match service {
        "DynamoDB_20120810" => {
            let work = dynamodb::call(&front.engine, &front.usage, caller.name, target, body);
            with_faults(front, caller, operation, work).await
        }
        "DynamoDBStreams_20120810" => dynamodb::call_streams(&front.engine, target, body).await,
        "AWSEvents" => front.bus.call(operation, body),
        "AmazonSQS" => front.queues.call(operation, body, trace).await,
        "secretsmanager" => front.secrets.call(operation, &body),
        _ => Err(AwsError::unknown_operation(target)),
    }
}

/// Answers a function's `call` with an error before or after it was carried out, where the faults say so.
///
/// SDKs try such a call again: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
async fn with_faults(
    front: &Front,
    caller: Caller<'_>,
    operation: &str,
    call: impl Future<Output = Result<Value, AwsError>>,
) -> Result<Value, AwsError> {
    let strikes = |kind| caller.function.is_some() && front.faults.strikes(kind);
    if strikes(Kind::DynamodbBefore) {
        return Err(AwsError::internal("Internal server error"));
    }
    let answer = call.await;
    if answer.is_ok() && engine::writes(operation) && strikes(Kind::DynamodbAfter) {
        return Err(AwsError::internal("Internal server error"));
    }
    answer
}

fn reply(headers: &HeaderMap, answer: Result<Value, AwsError>) -> Reply {
    let mut reply = match answer {
        Ok(answer) => json_reply(StatusCode::OK, &answer),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut reply = json_reply(status, &error.body());
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                reply.headers_mut().insert("x-amzn-errortype", code);
            }
            if error.code == "AccessDeniedException" && error.status == 403 {
                // By this boto3 knows the error of SQS's older protocol, whose name it shows.
                let name = HeaderValue::from_static("AccessDenied;Sender");
                reply.headers_mut().insert("x-amzn-query-error", name);
            }
            reply
        }
    };
    let protocol = headers.get(header::CONTENT_TYPE).cloned();
    let protocol = protocol.unwrap_or(HeaderValue::from_static("application/x-amz-json-1.0"));
    reply.headers_mut().insert(header::CONTENT_TYPE, protocol);
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()) {
        reply.headers_mut().insert("x-amzn-requestid", id);
    }
    reply
}
