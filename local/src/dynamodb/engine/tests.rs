//! The engine, as the rest of the stack uses it.

use serde_json::json;

use super::*;

fn table() -> Table {
    Table {
        id: "Table".to_owned(),
        name: "items".to_owned(),
        arn: "arn:aws:dynamodb:us-east-1:000000000000:table/items".to_owned(),
        stream_arn: None,
        definition: json!({
            "TableName": "items", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        }),
        ttl_attribute: Some("ttl".to_owned()),
    }
}

async fn records(engine: &Engine) -> Vec<Value> {
    let described =
        engine.call("DynamoDB_20120810.DescribeTable", json!({ "TableName": "items" })).await.unwrap();
    let arn = described["Table"]["LatestStreamArn"].as_str().unwrap().to_owned();
    assert!(arn.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/items/stream/"), "{arn}");
    let stream =
        engine.call("DynamoDBStreams_20120810.DescribeStream", json!({ "StreamArn": arn })).await.unwrap();
    let shard = &stream["StreamDescription"]["Shards"][0]["ShardId"];
    let request = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = engine.call("DynamoDBStreams_20120810.GetShardIterator", request).await.unwrap();
    let request = json!({ "ShardIterator": iterator["ShardIterator"] });
    let answer = engine.call("DynamoDBStreams_20120810.GetRecords", request).await.unwrap();
    answer["Records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_expired_item_is_removed_and_the_stream_says_by_whom() {
    let engine = Engine::start(&[table()], None).await.unwrap();
    let mut changed = engine.changed();
    let item = json!({ "pk": { "S": "a" }, "ttl": { "N": "1000000000" } });
    engine.call("DynamoDB_20120810.PutItem", json!({ "TableName": "items", "Item": item })).await.unwrap();
    changed.changed().await.unwrap();

    assert_eq!(engine.sweep().await, Ok(1));
    let records = records(&engine).await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["eventName"], "INSERT");
    assert_eq!(records[0]["awsRegion"], "us-east-1");
    assert_eq!(records[1]["eventName"], "REMOVE");
    assert_eq!(
        records[1]["userIdentity"],
        json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" })
    );
}

#[tokio::test]
async fn a_data_folder_keeps_its_data() {
    let data = tempfile::tempdir().unwrap();
    let item = json!({ "pk": { "S": "a" } });
    let engine = Engine::start(&[table()], Some(data.path())).await.unwrap();
    engine.call("DynamoDB_20120810.PutItem", json!({ "TableName": "items", "Item": item })).await.unwrap();
    drop(engine);

    let engine = Engine::start(&[table()], Some(data.path())).await.unwrap();
    let got =
        engine.call("DynamoDB_20120810.GetItem", json!({ "TableName": "items", "Key": item })).await.unwrap();
    assert_eq!(got["Item"], item);
}

#[tokio::test]
async fn an_error_of_the_engine_keeps_its_name_and_its_reasons() {
    let engine = Engine::start(&[table()], None).await.unwrap();
    let put = json!({ "Put": {
        "TableName": "items", "Item": { "pk": { "S": "a" } }, "ConditionExpression": "attribute_exists(pk)",
    }});
    let refused = engine
        .call("DynamoDB_20120810.TransactWriteItems", json!({ "TransactItems": [put] }))
        .await
        .unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (400, "TransactionCanceledException"));
    assert_eq!(refused.body()["CancellationReasons"][0]["Code"], "ConditionalCheckFailed");
}
