//! The AWS JSON protocols: one endpoint for all services, with the service and operation in the header `X-Amz-Target`.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use serde_json::Value;

use super::{caller::Caller, services::Services};
use crate::{
    aws_error::AwsError,
    dynamodb::{self, metering},
    faults::FaultKind,
    http1::{BodyError, Reply, empty_reply, json_reply, read_body},
    iam,
};

/// The largest request that DynamoDB accepts; the other services have lower limits and check them themselves.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The caller of requests without a signature.
const UNSIGNED: Caller<'_> = Caller { name: "-", function: None };

/// Answers a call of the service and operation `target`, e.g. `AWSEvents.PutEvents`.
pub(super) async fn answer(services: &Services, target: &str, headers: &HeaderMap, body: Incoming) -> Reply {
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
            call(services, target, services.caller(headers).unwrap_or(UNSIGNED), body, trace).await
        }
        Err(error) => Err(AwsError::client("SerializationException", error.to_string())),
    };
    reply(headers, answer)
}

async fn call(
    services: &Services,
    target: &str,
    caller: Caller<'_>,
    body: Value,
    trace: Option<&str>,
) -> Result<Value, AwsError> {
    let (service, operation) = target.split_once('.').unwrap_or((target, ""));
    let requests = iam::of_call(&services.partitions, &services.secrets, service, operation, &body);
    services.authorize(caller, &requests)?;
    match service {
        "DynamoDB_20120810" => {
            let conflict = services.transactions.refusal(operation, &requests);
            let work = metering::call(&services.engine, &services.usage, caller.name, target, body);
            with_faults(services, caller, operation, conflict, work).await
        }
        "DynamoDBStreams_20120810" => metering::call_streams(&services.engine, target, body).await,
        "AWSEvents" => services.bus.call(operation, body),
        "AmazonSQS" => services.queues.call(operation, body, trace).await,
        "secretsmanager" => services.secrets.call(operation, &body),
        _ => Err(AwsError::unknown_operation(target)),
    }
}

/// Answers a function's `call` with an error, before or after it was carried out, if the faults say so; with this
/// `conflict`, where a transaction may be in its way.
///
/// SDKs retry such a call, but for a conflict: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>.
async fn with_faults(
    services: &Services,
    caller: Caller<'_>,
    operation: &str,
    conflict: Option<AwsError>,
    call: impl Future<Output = Result<Value, AwsError>>,
) -> Result<Value, AwsError> {
    let strikes = |kind| caller.function.is_some() && services.faults.strikes(kind);
    if strikes(FaultKind::DynamodbBefore) {
        return Err(AwsError::internal("Internal server error"));
    }
    if let Some(conflict) = conflict.filter(|_| strikes(FaultKind::TransactionConflict)) {
        return Err(conflict);
    }
    let answer = call.await;
    if answer.is_ok() && dynamodb::writes(operation) && strikes(FaultKind::DynamodbAfter) {
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
                // boto3 shows the error's name in SQS's older protocol, which it takes from this header.
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
