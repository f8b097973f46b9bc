//! The IAM actions and resources that a call of an AWS service asks for.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use std::collections::HashMap;

use http::Method;
use regex_lite::Regex;
use serde_json::Value;

use super::statement::Request;
use crate::{
    secrets_manager::Secrets,
    template::{ACCOUNT, REGION, Stack, Table, WebSocketApi},
};

/// The names of partition keys, by table: the table's own key, and those of its indexes by the index's name.
#[derive(Default)]
pub(crate) struct Partitions(HashMap<String, HashMap<Option<String>, String>>);

impl Partitions {
    /// The partition keys of the stack's tables.
    pub(crate) fn of(stack: &Stack) -> Self {
        let keys = |table: &Table| {
            let own = (None, hash_key(&table.definition));
            let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].into_iter();
            let indexes = indexes.filter_map(|kind| table.definition[kind].as_array()).flatten();
            let indexes =
                indexes.map(|index| (index["IndexName"].as_str().map(str::to_owned), hash_key(index)));
            (table.name.clone(), std::iter::once(own).chain(indexes).collect())
        };
        Self(stack.tables.iter().map(keys).collect())
    }

    fn key(&self, table: &str, index: Option<&str>) -> &str {
        let keys = self.0.get(table).and_then(|keys| keys.get(&index.map(str::to_owned)));
        keys.map_or("", String::as_str)
    }
}

fn hash_key(definition: &Value) -> String {
    let keys = definition["KeySchema"].as_array().map_or(&[][..], Vec::as_slice);
    let hash = keys.iter().find(|key| key["KeyType"] == "HASH");
    hash.and_then(|key| key["AttributeName"].as_str()).unwrap_or_default().to_owned()
}

/// The requests of a call of `service` and `operation`, which the header `X-Amz-Target` names.
pub(crate) fn of_call(
    partitions: &Partitions,
    secrets: &Secrets,
    service: &str,
    operation: &str,
    body: &Value,
) -> Vec<Request> {
    match service {
        "DynamoDB_20120810" => of_dynamodb(partitions, operation, body),
        "DynamoDBStreams_20120810" => {
            let stream = match (body["StreamArn"].as_str(), body["TableName"].as_str()) {
                (Some(arn), _) => arn.to_owned(),
                (None, Some(table)) => format!("{}/stream/*", arn("dynamodb", &format!("table/{table}"))),
                // A shard iterator does not name its stream.
                (None, None) => "*".to_owned(),
            };
            vec![Request::new(format!("dynamodb:{operation}"), stream)]
        }
        "AWSEvents" if operation != "PutEvents" => vec![Request::new(format!("events:{operation}"), "*")],
        "AWSEvents" => {
            let entries = body["Entries"].as_array().map_or(&[][..], Vec::as_slice);
            let buses = entries.iter().map(|entry| entry["EventBusName"].as_str().unwrap_or("default"));
            let buses = buses.map(|bus| bus.rsplit('/').next().unwrap_or(bus));
            buses
                .map(|bus| {
                    Request::new(format!("events:{operation}"), arn("events", &format!("event-bus/{bus}")))
                })
                .collect()
        }
        "AmazonSQS" => {
            let queue = body["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
            let queue = queue.or_else(|| body["QueueName"].as_str()).map(|name| arn("sqs", name));
            // A batch needs the right to the operation on one message.
            let action = operation.strip_suffix("Batch").unwrap_or(operation);
            vec![Request::new(format!("sqs:{action}"), queue.unwrap_or_else(|| "*".to_owned()))]
        }
        "secretsmanager" => {
            let secret = secrets.arn(body["SecretId"].as_str().unwrap_or_default());
            vec![Request::new(format!("secretsmanager:{operation}"), secret)]
        }
        other => vec![Request::new(format!("{other}:{operation}"), "*")],
    }
}

/// The request of a call of `@connections`; `stage` is the one in the path, if there is one.
pub(crate) fn of_connection(api: &WebSocketApi, method: &Method, stage: Option<&str>, id: &str) -> Request {
    let (api_id, stage) = (&api.api_id, stage.unwrap_or(&api.stage));
    let resource = arn("execute-api", &format!("{api_id}/{stage}/{method}/@connections/{id}"));
    Request::new("execute-api:ManageConnections", resource)
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>. A transaction needs the
/// rights to its parts: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>.
fn of_dynamodb(partitions: &Partitions, operation: &str, body: &Value) -> Vec<Request> {
    let one = |action: &str, of: &Value, keys: Vec<String>| {
        let (table, index) = (table_of(of), of["IndexName"].as_str());
        let below = index.map(|index| format!("/index/{index}")).unwrap_or_default();
        let resource = arn("dynamodb", &format!("table/{table}{below}"));
        Request { action: format!("dynamodb:{action}"), resource, leading_keys: keys }
    };
    let key_of = |of: &Value, item: &Value| {
        attribute_text(&item[partitions.key(table_of(of), None)]).into_iter().collect::<Vec<_>>()
    };
    match operation {
        "PutItem" => vec![one(operation, body, key_of(body, &body["Item"]))],
        "GetItem" | "UpdateItem" | "DeleteItem" => vec![one(operation, body, key_of(body, &body["Key"]))],
        "Query" => {
            let hash = partitions.key(table_of(body), body["IndexName"].as_str());
            vec![one(operation, body, queried_key(body, hash).into_iter().collect())]
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let of_table = |(table, asked): (&String, &Value)| {
                let of = serde_json::json!({ "TableName": table });
                let entries = asked.get("Keys").unwrap_or(asked).as_array().map_or(&[][..], Vec::as_slice);
                let item = |entry: &Value| match (entry.get("PutRequest"), entry.get("DeleteRequest")) {
                    (Some(put), _) => key_of(&of, &put["Item"]),
                    (_, Some(delete)) => key_of(&of, &delete["Key"]),
                    _ => key_of(&of, entry),
                };
                one(operation, &of, entries.iter().flat_map(item).collect())
            };
            tables.map(of_table).collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            let parts = parts.filter_map(Value::as_object).flatten();
            let of_part = |(kind, part): (&String, &Value)| {
                let item = part.get("Item").unwrap_or(&part["Key"]);
                let action = if kind == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{kind}Item")
                };
                one(&action, part, key_of(part, item))
            };
            parts.map(of_part).collect()
        }
        other => vec![one(other, body, Vec::new())],
    }
}

/// The table's name, which a call may give as an ARN.
fn table_of(body: &Value) -> &str {
    let name = body["TableName"].as_str().unwrap_or_default();
    name.rsplit('/').next().unwrap_or(name)
}

/// The partition that a query reads: the value that its key condition compares `hash` with.
fn queried_key(body: &Value, hash: &str) -> Option<String> {
    if let Some(condition) = body["KeyConditions"].get(hash) {
        return attribute_text(&condition["AttributeValueList"][0]);
    }
    let equality = Regex::new(r"(#?[A-Za-z0-9_.-]+)\s*=\s*(:[A-Za-z0-9_]+)").ok()?;
    equality.captures_iter(body["KeyConditionExpression"].as_str()?).find_map(|found| {
        let (name, value) = (found.get(1)?.as_str(), found.get(2)?.as_str());
        let name = body["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
        if name == hash { attribute_text(&body["ExpressionAttributeValues"][value]) } else { None }
    })
}

/// The text of a key: `{"S": "..."}`.
fn attribute_text(value: &Value) -> Option<String> {
    value.as_object()?.values().next()?.as_str().map(str::to_owned)
}

fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn partitions() -> Partitions {
        let own = [(None, "pk".to_owned()), (Some("byCompany".to_owned()), "company".to_owned())];
        Partitions(HashMap::from([("t".to_owned(), HashMap::from(own))]))
    }

    /// The actions, the resources below the table, and the keys.
    fn asked(operation: &str, body: &Value) -> Vec<(String, String, Vec<String>)> {
        let requests = of_call(&partitions(), &Secrets::default(), "DynamoDB_20120810", operation, body);
        let table = arn("dynamodb", "table/t");
        let short = |request: Request| {
            let below = request.resource.strip_prefix(&table).unwrap().to_owned();
            (request.action.trim_start_matches("dynamodb:").to_owned(), below, request.leading_keys)
        };
        requests.into_iter().map(short).collect()
    }

    fn one(action: &str, below: &str, keys: &[&str]) -> (String, String, Vec<String>) {
        (action.to_owned(), below.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect())
    }

    #[test]
    fn a_call_names_its_partition() {
        let key = |text: &str| json!({ "pk": { "S": text }, "sk": { "S": "x" } });
        let body = |name: &str| json!({ "TableName": "t", (name): key("A#1") });
        assert_eq!(asked("PutItem", &body("Item")), [one("PutItem", "", &["A#1"])]);
        assert_eq!(asked("DeleteItem", &body("Key")), [one("DeleteItem", "", &["A#1"])]);
        assert_eq!(asked("Scan", &json!({ "TableName": "t" })), [one("Scan", "", &[])]);
        let query = json!({ "TableName": arn("dynamodb", "table/t"),
            "KeyConditionExpression": "sk >= :s AND (#p = :p)", "ExpressionAttributeNames": { "#p": "pk" },
            "ExpressionAttributeValues": { ":p": { "S": "A#1" }, ":s": { "S": "x" } } });
        assert_eq!(asked("Query", &query), [one("Query", "", &["A#1"])]);
        let index = json!({ "TableName": "t", "IndexName": "byCompany", "KeyConditionExpression": "company=:c",
            "ExpressionAttributeValues": { ":c": { "S": "biz_1" } } });
        assert_eq!(asked("Query", &index), [one("Query", "/index/byCompany", &["biz_1"])]);
    }

    #[test]
    fn batches_are_actions_and_transactions_are_not() {
        let key = |text: &str| json!({ "pk": { "S": text } });
        let reads = json!({ "RequestItems": { "t": { "Keys": [key("a"), key("b")] } } });
        assert_eq!(asked("BatchGetItem", &reads), [one("BatchGetItem", "", &["a", "b"])]);
        let writes = json!({ "RequestItems": { "t": [
            { "PutRequest": { "Item": key("a") } }, { "DeleteRequest": { "Key": key("b") } }] } });
        assert_eq!(asked("BatchWriteItem", &writes), [one("BatchWriteItem", "", &["a", "b"])]);
        let part = |kind: &str, item: &str| json!({ (kind): { "TableName": "t", (item): key("a") } });
        let transaction = json!({ "TransactItems":
            [part("Put", "Item"), part("Update", "Key"), part("Delete", "Key"), part("ConditionCheck", "Key")] });
        let actions = ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"];
        assert_eq!(asked("TransactWriteItems", &transaction), actions.map(|action| one(action, "", &["a"])));
        let transaction = json!({ "TransactItems": [part("Get", "Key")] });
        assert_eq!(asked("TransactGetItems", &transaction), [one("GetItem", "", &["a"])]);
    }

    #[test]
    fn the_other_services_name_what_they_are_about() {
        let secrets = Secrets::new([("s".to_owned(), "x".to_owned())].into_iter());
        let asked =
            |service, operation, body: Value| of_call(&partitions(), &secrets, service, operation, &body);
        let url = "http://127.0.0.1:1/000000000000/q";
        assert_eq!(
            asked("AmazonSQS", "SendMessageBatch", json!({ "QueueUrl": url })),
            [Request::new("sqs:SendMessage", arn("sqs", "q"))]
        );
        let entries = json!({ "Entries": [{ "EventBusName": "b" }, {}] });
        let bus = |name| Request::new("events:PutEvents", arn("events", &format!("event-bus/{name}")));
        assert_eq!(asked("AWSEvents", "PutEvents", entries), [bus("b"), bus("default")]);
        for (name, suffix) in [("s", "s-local1"), ("other", "other")] {
            let secret = Request::new(
                "secretsmanager:GetSecretValue",
                arn("secretsmanager", &format!("secret:{suffix}")),
            );
            assert_eq!(asked("secretsmanager", "GetSecretValue", json!({ "SecretId": name })), [secret]);
        }
    }
}
