//! Requests as they arrive, and answers as AWS gives them.

use std::sync::Mutex;

use funnelcast_testing::server::{self, Answer, Server, says};
use serde_json::{Value, json};

use super::{Account, mail::Mail};
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
    let server = answering(vec![page.clone(), page]).await;
    let mut mailbox = account(&server).await.mailbox(&server.url("/1/dead"));
    let mail = mailbox.next().await.unwrap();
    let Mail { id, sent_at, from_queue, attributes, .. } = &mail[0];
    assert_eq!((id.as_str(), from_queue.as_deref()), ("m1", Some("arn:q")));
    assert_eq!(sent_at.unwrap().as_millis(), 1_795_428_010_123);
    assert_eq!(attributes["ERROR_CODE"], "NO_PERMISSIONS");
    assert_eq!(mailbox.next().await.unwrap(), [], "what comes again ends the walk");
}
