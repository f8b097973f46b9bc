//! Messages as they are sent and received, with the checksums that SDKs verify.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};

use crate::{aws_error::AwsError, trace::Trace};

/// A message that is sent.
pub(super) struct Entry {
    pub(super) body: String,
    /// Replaces the queue's own delay.
    pub(super) delay: Option<std::time::Duration>,
    pub(super) attributes: Attributes,
    /// `X-Amzn-Trace-Id` of the sender's call.
    pub(super) trace: Option<String>,
}

/// The confirmation of a message that was sent.
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) body_md5: String,
    pub(super) attributes_md5: Option<String>,
}

impl Sent {
    /// The response to `SendMessage`.
    pub(super) fn answer(&self) -> Value {
        let mut answer = json!({ "MessageId": self.id, "MD5OfMessageBody": self.body_md5 });
        if let Some(md5) = &self.attributes_md5 {
            answer["MD5OfMessageAttributes"] = json!(md5);
        }
        answer
    }
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(super) attributes: Attributes,
    /// Milliseconds since the epoch.
    pub(crate) sent_ms: i64,
    pub(super) first_received_ms: i64,
    /// How often it has been received, including this time.
    pub(super) receives: u32,
    pub(super) trace: Option<String>,
    /// The ARN of the queue that has given it up.
    pub(super) given_up_by: Option<String>,
}

impl Received {
    /// The message in the response to `ReceiveMessage`, with the attributes that `request` asks for.
    pub(super) fn answer(&self, request: &Value) -> Value {
        let mut answer = json!({
            "MessageId": self.id,
            "ReceiptHandle": self.receipt,
            "Body": self.body,
            "MD5OfBody": md5_hex(&self.body),
        });
        let mut system = self.system_attributes();
        system.retain(|name, _| wants(request, &["AttributeNames", "MessageSystemAttributeNames"], name));
        if !system.is_empty() {
            answer["Attributes"] = Value::Object(system);
        }
        let mut own = self.attributes.clone();
        own.0.retain(|name, _| wants(request, &["MessageAttributeNames"], name));
        if let Some(md5) = own.md5() {
            answer["MD5OfMessageAttributes"] = json!(md5);
            answer["MessageAttributes"] = Value::Object(own.0);
        }
        answer
    }

    /// The message in the event of a Lambda function.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
    pub(crate) fn lambda_record(&self, queue_arn: &str, region: &str) -> Value {
        let own = self.attributes.0.iter().map(|(name, value)| {
            let mut record =
                json!({ "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"] });
            for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
                if let Some(value) = value.get(from) {
                    record[to] = value.clone();
                }
            }
            (name.clone(), record)
        });
        json!({
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": self.system_attributes(),
            "messageAttributes": own.collect::<Map<_, _>>(),
            "md5OfBody": md5_hex(&self.body),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": region,
        })
    }

    /// The chain of calls that led to the message.
    pub(crate) fn trace(&self) -> Trace {
        self.trace.as_deref().map_or_else(Trace::new, Trace::parse)
    }

    /// A message with this id, for tests.
    #[cfg(test)]
    pub(crate) fn example(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            receipt: format!("receipt of {id}"),
            body: "a body".to_owned(),
            attributes: Attributes::default(),
            sent_ms: 0,
            first_received_ms: 0,
            receives: 1,
            trace: None,
            given_up_by: None,
        }
    }

    fn system_attributes(&self) -> Map<String, Value> {
        let trace = self.trace.iter().map(|trace| ("AWSTraceHeader".to_owned(), json!(trace)));
        let others = [
            ("SenderId".to_owned(), json!(crate::template::ACCOUNT)),
            ("SentTimestamp".to_owned(), json!(self.sent_ms.to_string())),
            ("ApproximateReceiveCount".to_owned(), json!(self.receives.to_string())),
            ("ApproximateFirstReceiveTimestamp".to_owned(), json!(self.first_received_ms.to_string())),
        ];
        let source = self.given_up_by.iter().map(|arn| ("DeadLetterQueueSourceArn".to_owned(), json!(arn)));
        others.into_iter().chain(trace).chain(source).collect()
    }
}

/// Whether `request` asks for `name` in one of the lists `lists`: by name, by `prefix.*`, or by `All`.
pub(super) fn wants(request: &Value, lists: &[&str], name: &str) -> bool {
    let asked =
        lists.iter().filter_map(|list| request.get(list)?.as_array()).flatten().filter_map(Value::as_str);
    asked.into_iter().any(|asked| {
        matches!(asked, "All" | ".*")
            || asked == name
            || asked
                .strip_suffix(".*")
                .is_some_and(|prefix| name.strip_prefix(prefix).is_some_and(|r| r.starts_with('.')))
    })
}

/// `MessageAttributes`, by name: `{DataType, StringValue | BinaryValue}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Attributes(Map<String, Value>);

impl From<Map<String, Value>> for Attributes {
    /// Attributes that [`Attributes::parse`] has checked before.
    fn from(parsed: Map<String, Value>) -> Self {
        Self(parsed)
    }
}

impl Attributes {
    /// Attributes that are texts.
    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts = texts.into_iter();
        let texts =
            texts.map(|(name, text)| (name.to_owned(), json!({"DataType": "String", "StringValue": text})));
        Self(texts.collect())
    }

    /// Parses the attributes of a message. Fails if one has no type, or no value of that type.
    pub(super) fn parse(given: Option<&Value>) -> Result<Self, AwsError> {
        let Some(Value::Object(given)) = given else { return Ok(Self::default()) };
        let attributes = Self(given.clone());
        for name in given.keys() {
            if attributes.value(name).is_none() {
                let message =
                    format!("The message attribute '{name}' must contain a type and a value of it.");
                return Err(AwsError::client("InvalidParameterValue", message));
            }
        }
        Ok(attributes)
    }

    /// The attributes as JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The number of bytes that they add to a message.
    pub(super) fn bytes(&self) -> usize {
        let one = |name: &String| {
            name.len() + self.value(name).map_or(0, |(kind, _, value)| kind.len() + value.len())
        };
        self.0.keys().map(one).sum()
    }

    /// The type, the transport type and the bytes of an attribute.
    fn value(&self, name: &str) -> Option<(&str, u8, Vec<u8>)> {
        let attribute = self.0.get(name)?;
        let kind = attribute.get("DataType")?.as_str()?;
        let base = kind.split('.').next()?;
        match base {
            "String" | "Number" => {
                Some((kind, 1, attribute.get("StringValue")?.as_str()?.as_bytes().to_vec()))
            }
            "Binary" => Some((kind, 2, STANDARD.decode(attribute.get("BinaryValue")?.as_str()?).ok()?)),
            _ => None,
        }
    }

    /// The checksum of all attributes; `None` if there are none.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
    pub(super) fn md5(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort_unstable();
        let mut digest = Md5::new();
        let part = |digest: &mut Md5, bytes: &[u8]| {
            digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            digest.update(bytes);
        };
        for name in names {
            let (kind, transport, value) = self.value(name)?;
            part(&mut digest, name.as_bytes());
            part(&mut digest, kind.as_bytes());
            digest.update([transport]);
            part(&mut digest, &value);
        }
        Some(hex(&digest.finalize()))
    }
}

/// The checksum of a body.
pub(super) fn md5_hex(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
