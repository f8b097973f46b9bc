//! An item of the table as a record of its stream, which is what the functions that read the stream know.

use std::time::Duration;

use funnelcast_core::Timestamp;
use serde_json::{Map, Value, json};

/// How long before its letter a record may have been written: the queue gives it to the function 19 times, a minute apart.
/// An earlier try is looked for from there on.
const BEFORE_LETTER_MAX: Duration = Duration::from_mins(30);

/// Which function a record of the stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Broadcast,
    Digest,
}

/// The record by which an item reached its letter, and whom it is for; `None` if no function reads such items.
pub(super) fn of_item(
    item: &Map<String, Value>,
    id: &str,
    letter_at: Option<Timestamp>,
) -> Option<(Reader, Value)> {
    let key = |name: &str| item.get(name).and_then(Value::as_str);
    let (pk, sk) = (key("pk")?, key("sk")?);
    let (reader, name) = match pk.split_once('#')?.0 {
        "OUTBOX" => (Reader::Broadcast, "INSERT"),
        "USER" if sk.starts_with("CONN#") => (Reader::Broadcast, "REMOVE"),
        "LOG" if item.contains_key("delivery") => (Reader::Broadcast, "MODIFY"),
        "LOG" => (Reader::Digest, "MODIFY"),
        "FILE" => (Reader::Digest, "REMOVE"),
        _ => return None,
    };
    let image = Value::Object(item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect());
    let images = if name == "REMOVE" { "OldImage" } else { "NewImage" };
    let written_at = letter_at.unwrap_or_else(funnelcast_aws::clock::now) - BEFORE_LETTER_MAX;
    let record = json!({
        "eventID": id,
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "",
        "dynamodb": {
            "ApproximateCreationDateTime": written_at.as_secs(),
            "Keys": { "pk": { "S": pk }, "sk": { "S": sk } },
            (images): image,
            "SequenceNumber": "0",
            "SizeBytes": 0,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "",
    });
    Some((reader, record))
}

/// A value of JSON as an attribute of DynamoDB.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), attribute(value)));
            json!({ "M": fields.collect::<Map<_, _>>() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(item: &Value) -> Option<(Reader, Value)> {
        let at = "2026-11-23T10:10:00Z".parse().ok();
        of_item(item.as_object()?, "r1", at)
    }

    #[test]
    fn an_item_is_the_record_that_it_was() {
        let (reader, outbox) =
            record(&json!({"pk": "OUTBOX#system", "sk": "k", "n": 1, "l": [true, null]})).unwrap();
        assert_eq!((reader, &outbox["eventName"]), (Reader::Broadcast, &json!("INSERT")));
        let image = json!({"pk": {"S": "OUTBOX#system"}, "sk": {"S": "k"}, "n": {"N": "1"},
            "l": {"L": [{"BOOL": true}, {"NULL": true}]}});
        assert_eq!(outbox["dynamodb"]["NewImage"], image);
        assert_eq!(outbox["dynamodb"]["ApproximateCreationDateTime"], 1_795_426_800);
        for (item, expected) in [
            (
                json!({"pk": "LOG#conversation:c", "sk": "1", "delivery": 1}),
                Some((Reader::Broadcast, "MODIFY")),
            ),
            (json!({"pk": "LOG#conversation:c", "sk": "1"}), Some((Reader::Digest, "MODIFY"))),
            (json!({"pk": "USER#u", "sk": "CONN#c"}), Some((Reader::Broadcast, "REMOVE"))),
            (json!({"pk": "FILE#f", "sk": "META"}), Some((Reader::Digest, "REMOVE"))),
            (json!({"pk": "RATE#u", "sk": "x"}), None),
        ] {
            let found = record(&item)
                .map(|(reader, record)| (reader, record["eventName"].as_str().unwrap().to_owned()));
            assert_eq!(found, expected.map(|(reader, name)| (reader, name.to_owned())));
        }
    }
}
