//! DynamoDB calls of the functions, with what they consume counted by function.

use serde_json::{Value, json};

use super::engine::Engine;
use crate::{
    aws_error::AwsError,
    usage::{Capacity, Usage},
};

/// Operations (those of `PartiQL` are not counted) that report what they consumed, and the kind of unit that they report.
const METERED: [(&str, Unit); 10] = [
    ("BatchGetItem", Unit::Read),
    ("BatchWriteItem", Unit::Write),
    ("DeleteItem", Unit::Write),
    ("GetItem", Unit::Read),
    ("PutItem", Unit::Write),
    ("Query", Unit::Read),
    ("Scan", Unit::Read),
    ("TransactGetItems", Unit::Read),
    ("TransactWriteItems", Unit::Write),
    ("UpdateItem", Unit::Write),
];
/// The least that a write whose condition fails is charged; the engine does not report the amount.
const REFUSED_WRITE_UNITS: f64 = 1.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Read,
    Write,
}

/// Answers one DynamoDB call that `caller` made, and counts what it consumed.
pub(crate) async fn call(
    engine: &Engine,
    usage: &Usage,
    caller: &str,
    target: &str,
    mut body: Value,
) -> Result<Value, AwsError> {
    let operation = target.rsplit('.').next().unwrap_or_default();
    let Some(&(_, unit)) = METERED.iter().find(|(name, _)| *name == operation) else {
        let answer = engine.call(target, body).await;
        usage.dynamodb(caller, operation, Capacity::default());
        return answer;
    };
    let asked = ask_for_capacity(&mut body);
    let mut answer = engine.call(target, body).await;
    let consumed = match &mut answer {
        Ok(answer) => {
            let consumed = consumed(answer.get("ConsumedCapacity"), unit);
            if asked == Asked::ForUsage
                && let Some(answer) = answer.as_object_mut()
            {
                answer.remove("ConsumedCapacity");
            }
            consumed
        }
        Err(error) if error.code == "ConditionalCheckFailedException" => {
            Capacity { read_units: 0.0, write_units: REFUSED_WRITE_UNITS }
        }
        Err(_) => Capacity::default(),
    };
    usage.dynamodb(caller, operation, consumed);
    answer
}

/// Answers one DynamoDB Streams call.
///
/// The members of `userIdentity` are capitalised in this API, but neither in the events that Lambda makes of the same
/// records nor in the engine.
pub(crate) async fn call_streams(engine: &Engine, target: &str, body: Value) -> Result<Value, AwsError> {
    let mut answer = engine.call(target, body).await?;
    for record in answer.get_mut("Records").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(identity) = record.get_mut("userIdentity") {
            *identity = json!({ "Type": identity["type"], "PrincipalId": identity["principalId"] });
        }
    }
    Ok(answer)
}

/// Who asked what a call consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByCaller,
    ForUsage,
}

fn ask_for_capacity(body: &mut Value) -> Asked {
    let Some(body) = body.as_object_mut() else { return Asked::ByCaller };
    match body.get("ReturnConsumedCapacity").and_then(Value::as_str) {
        None | Some("NONE") => {
            body.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
            Asked::ForUsage
        }
        // The engine refuses an invalid value.
        Some(_) => Asked::ByCaller,
    }
}

/// Adds up the response's `ConsumedCapacity`, which is one entry or one for each table.
fn consumed(reported: Option<&Value>, unit: Unit) -> Capacity {
    let entries = match reported {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(entry) => std::slice::from_ref(entry),
        None => &[],
    };
    let sum = |member: &str| entries.iter().filter_map(|entry| entry[member].as_f64()).sum();
    match unit {
        Unit::Read => Capacity { read_units: sum("CapacityUnits"), write_units: 0.0 },
        Unit::Write => Capacity { read_units: 0.0, write_units: sum("CapacityUnits") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_has_capacity_only_if_the_caller_asked_for_it() {
        let mut body = json!({ "TableName": "t" });
        assert_eq!(ask_for_capacity(&mut body), Asked::ForUsage);
        assert_eq!(body["ReturnConsumedCapacity"], "TOTAL");
        assert_eq!(ask_for_capacity(&mut body), Asked::ByCaller);
        assert_eq!(ask_for_capacity(&mut json!({ "ReturnConsumedCapacity": "NONE" })), Asked::ForUsage);
    }

    #[test]
    fn capacity_is_read_from_one_entry_and_from_many() {
        let one = json!({ "TableName": "t", "CapacityUnits": 0.5 });
        let read = Capacity { read_units: 0.5, write_units: 0.0 };
        assert_eq!(consumed(Some(&one), Unit::Read), read);
        let many = json!([{ "CapacityUnits": 2.0 }, { "CapacityUnits": 3.0 }]);
        assert_eq!(consumed(Some(&many), Unit::Write), Capacity { read_units: 0.0, write_units: 5.0 });
        assert_eq!(consumed(None, Unit::Write), Capacity::default());
    }
}
