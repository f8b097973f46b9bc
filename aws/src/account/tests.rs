//! Requests as they arrive, and answers as AWS gives them.

use std::sync::Mutex;

use funnelcast_testing::server::{self, Answer, Server, says};
use serde_json::{Value, json};

use super::{
    Account,
    failure::Failure,
    mail::{Mail, Received},
    state::SecretState,
};
use crate::{Config, Resource as _};

/// A server that gives these answers, one after the other.
async fn answering(answers: Vec<Answer>) -> Server {
    let answers = Mutex::new(answers.into_iter());
    Server::start(move |_| answers.lock().unwrap().next().unwrap_or_else(|| says(500, ""))).await
}

async fn account(server: &Server) -> Account {
    let url = server.url("");
    let config = Config::from_lookup(|name| match name {
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some("secret".to_owned()),
        "AWS_SESSION_TOKEN" => Some("of-the-session".to_owned()),
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        _ => None,
    });
    Account::build(&config.unwrap()).await.unwrap()
}

#[tokio::test]
async fn functions_are_listed_page_by_page_and_a_failure_is_retried() {
    let function = |name: &str| {
        json!({"FunctionName": name, "FunctionArn": format!("arn:{name}"), "MemorySize": 256, "Role": "r",
            "Environment": {"Variables": {"STAGE": "dev", "BUS_NAME": ""}}})
    };
    let server = answering(vec![
        says(503, ""),
        server::json(&json!({"Functions": [function("a")], "NextMarker": "b/+="})),
        server::json(
            &json!({"Functions": [{"FunctionName": "b", "FunctionArn": "arn:b"}], "NextMarker": null}),
        ),
    ])
    .await;
    let functions = account(&server).await.functions().await.unwrap();
    assert_eq!(functions.iter().map(|one| one.function_name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        functions[0].environment,
        [("STAGE".to_owned(), "dev".to_owned())].into(),
        "without what is empty"
    );
    let asked = server.asked();
    assert!(asked[2].path.ends_with("?MaxItems=50&Marker=b%2F%2B%3D"), "{}", asked[2].path);
    let header = |name: &str| asked[0].headers[name].to_str().unwrap().to_owned();
    assert!(header("authorization").contains("/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-"));
    assert_eq!(header("x-amz-security-token"), "of-the-session");
}

#[tokio::test]
async fn a_refusal_has_the_name_that_aws_gives_it() {
    let denied = r#"{"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not you"}"#;
    let server = answering(vec![says(400, denied)]).await;
    let error = account(&server).await.alarms("funnelcast-prod-").await.unwrap_err().to_string();
    assert!(error.contains("DescribeAlarms: 400 Bad Request AccessDeniedException: not you"), "{error}");
    assert_eq!(server.asked().len(), 1, "a refusal is not repeated");
}

/// Lambda writes every member of a function and a mapping, and `null` where there is nothing.
#[tokio::test]
async fn a_member_that_is_null_is_one_that_is_absent() {
    let image = json!({"FunctionName": "image", "FunctionArn": "arn:image", "Runtime": null, "MemorySize": null,
        "Architectures": null, "LastModified": null, "Environment": null, "KMSKeyArn": null});
    let locked = json!({"FunctionName": "locked", "FunctionArn": "arn:locked", "Environment": {"Variables": null,
        "Error": {"ErrorCode": "AccessDeniedException", "Message": "Lambda was unable to decrypt your variables"}}});
    let open = json!({"FunctionName": "open", "FunctionArn": "arn:open",
        "Environment": {"Variables": {"STAGE": "dev"}, "Error": null}});
    let kafka = json!({"UUID": "u1", "FunctionArn": "arn:image", "EventSourceArn": null, "State": "Enabled",
        "LastProcessingResult": null, "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["k:9092"]}}});
    let server = answering(vec![
        server::json(&json!({"Functions": [image, locked, open], "NextMarker": null})),
        server::json(&json!({"EventSourceMappings": [kafka], "NextMarker": null})),
        server::json(&json!({"MetricAlarms": null, "NextToken": null})),
        server::json(&json!({"logGroups": null})),
    ])
    .await;
    let account = account(&server).await;
    let functions = account.functions().await.unwrap();
    assert_eq!(functions.len(), 3);
    assert_eq!((functions[0].environment.len(), functions[0].memory_size), (0, 0));
    assert_eq!(functions[2].environment["STAGE"], "dev");
    let error = functions[1].environment_error.as_ref().unwrap();
    assert_eq!(error.error_code, "AccessDeniedException");
    assert!(functions[0].environment_error.is_none() && functions[2].environment_error.is_none());
    let mappings = account.mappings().await.unwrap();
    assert_eq!((mappings[0].event_source_arn.as_str(), mappings[0].state.as_str()), ("", "Enabled"));
    assert_eq!(account.alarms("funnelcast-prod-").await.unwrap(), []);
    assert_eq!(account.log_group("/funnelcast/prod").await.unwrap(), None);
}

#[tokio::test]
async fn a_throttled_request_is_sent_again() {
    let throttled = r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#;
    let too_many = r#"{"Reason": "CallerRateLimitExceeded", "Type": "User", "message": "Rate exceeded"}"#;
    let limits = json!({"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}});
    let server = answering(vec![
        says(400, throttled),
        server::json(&json!({"MetricAlarms": []})),
        says(429, too_many),
        server::json(&limits),
    ])
    .await;
    let account = account(&server).await;
    assert_eq!(account.alarms("funnelcast-prod-").await.unwrap(), []);
    assert_eq!(account.concurrency().await.unwrap().concurrent_executions, 10);
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn alarms_and_the_log_group_are_asked_for_by_name() {
    let alarm = json!({"AlarmName": "funnelcast-prod-Errors", "StateValue": "OK", "ActionsEnabled": true,
        "AlarmActions": ["arn:sns"], "StateUpdatedTimestamp": 1.5});
    let groups = json!({"logGroups": [{"logGroupName": "/funnelcast/prod2"},
        {"logGroupName": "/funnelcast/prod", "retentionInDays": 14, "storedBytes": 1}]});
    let server =
        answering(vec![server::json(&json!({"MetricAlarms": [alarm]})), server::json(&groups)]).await;
    let account = account(&server).await;
    let alarms = account.alarms("funnelcast-prod-").await.unwrap();
    assert_eq!((alarms.len(), alarms[0].alarm_actions.len()), (1, 1));
    let group = account.log_group("/funnelcast/prod").await.unwrap().unwrap();
    assert_eq!(group.retention_in_days, Some(14));
    let asked = server.asked();
    assert_eq!(asked[0].headers["x-amz-target"], "GraniteServiceVersion20100801.DescribeAlarms");
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(body["AlarmNamePrefix"], "funnelcast-prod-");
}

#[tokio::test]
async fn a_message_says_where_it_comes_from() {
    let message = json!({"MessageId": "m1", "ReceiptHandle": "r1", "Body": "{}",
        "Attributes": {"SentTimestamp": "1795428010123", "DeadLetterQueueSourceArn": "arn:q"},
        "MessageAttributes": {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}}});
    let page = server::json(&json!({"Messages": [message]}));
    let server = answering(vec![page.clone(), page, server::json(&json!({}))]).await;
    let mut mailbox = account(&server).await.mailbox(&server.url("/1/dead"));
    let Received { new: mail, again } = mailbox.next().await.unwrap();
    assert_eq!(again, []);
    let Mail { id, sent_at, from_queue, attributes, .. } = &mail[0];
    assert_eq!((id.as_str(), from_queue.as_deref()), ("m1", Some("arn:q")));
    assert_eq!(sent_at.unwrap().as_millis(), 1_795_428_010_123);
    assert_eq!(attributes["ERROR_CODE"], "NO_PERMISSIONS");
    // What comes again is told from nothing.
    assert_eq!(mailbox.next().await.unwrap(), Received { new: Vec::new(), again: mail });
    assert_eq!(mailbox.next().await.unwrap(), Received::default());
}

#[tokio::test]
async fn what_is_gone_is_told_from_what_may_not_be_read_and_from_what_failed() {
    let deleted = r#"{"__type": "InvalidRequestException",
        "Message": "You can't perform this operation on the secret because it was marked for deletion."}"#;
    let no_bus = r#"{"__type": "ResourceNotFoundException", "message": "Event bus shop does not exist."}"#;
    let denied = r#"{"__type": "com.amazon.coral.service#AccessDeniedException",
        "Message": "User: arn:aws:iam::1:user/ann is not authorized to perform: dynamodb:DescribeContinuousBackups"}"#;
    let expired = r#"{"__type": "ExpiredTokenException", "message": "The security token is expired"}"#;
    let server =
        answering(vec![says(400, deleted), says(400, no_bus), says(400, denied), says(400, expired)]).await;
    let account = account(&server).await;
    assert_eq!(account.secret("funnelcast/prod/whop").await, Ok(SecretState::Deleted));
    assert_eq!(account.rules("shop").await, Ok(None));
    let failure = account.is_recoverable("shop-Table-1").await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Denied(text) if text.contains("DescribeContinuousBackups")),
        "{failure}"
    );
    let failure = account.queue(&server.url("/1/dead")).await.unwrap_err();
    assert!(matches!(&failure, Failure::Failed(text) if text.contains("expired")), "{failure}");
}
