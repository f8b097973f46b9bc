//! Where a letter came from, and how it gets there again.

use anyhow::{Context as _, Result, ensure};
use funnelcast_aws::{
    Config, Resource as _, Table,
    bus::{Bus, BusEvent},
};
use funnelcast_core::bus::DetailType;
use serde_json::{Value, json};

use super::{
    letter::{Letter, Origin},
    record::{self, Reader},
};
use crate::stack::Stack;

/// The queues of the sources that are queues, by the variables that name them.
const QUEUES: [(&str, &str); 4] = [
    ("deliveries", "DELIVERY_QUEUE_URL"),
    ("timers", "TIMER_QUEUE_URL"),
    ("webhooks", "WEBHOOK_QUEUE_URL"),
    ("files", "FILES_QUEUE_URL"),
];

/// How a letter gets back.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WayBack {
    /// Into the queue at this URL; a webhook must be forgotten before, as one that was refused counts as handled.
    Queue { url: String, body: String, webhook: Option<String> },
    /// An event for a function, by its name or ARN.
    Invoke { function: String, event: Value },
    /// A record for `digest`, which answers what it could not handle.
    Digest { function: String, record: Value },
    /// An event for the bus. EventBridge gives it a new id, and each rule that matches gets it: an API destination, which is what
    /// the address of the app's backend is to EventBridge, cannot be given an event by anybody else.
    Bus { event: Value },
}

impl WayBack {
    /// The way back of a letter.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn of(letter: &Letter, stack: &Stack) -> Result<Self, String> {
        let names = Names {
            function: &|id| function(stack, id),
            variable: &|name| stack.variable(name).map(str::to_owned),
        };
        Self::find(letter, &names)
    }

    fn find(letter: &Letter, names: &Names<'_>) -> Result<Self, String> {
        if letter.is_cut {
            return Err("only the beginning of its item is known".to_owned());
        }
        match &letter.origin {
            Origin::Function(source) if source == "bus" => {
                let kind = letter.item["detail-type"].as_str().unwrap_or_default();
                let kind: DetailType =
                    kind.parse().map_err(|_| format!("no function takes an event of the type {kind:?}"))?;
                let function = if kind.event().is_some() { "BroadcastFunction" } else { "AccessFunction" };
                Ok(Self::Invoke { function: names.function(function)?, event: letter.item.clone() })
            }
            Origin::Function(source) if source == "outbox" || source == "stream" => {
                let item = letter.item.as_object().ok_or("its item is no item of the table")?;
                let (reader, record) =
                    record::of_item(item, &letter.id, letter.at).ok_or("no function reads such items")?;
                match reader {
                    Reader::Broadcast => names.queue("deliveries", &json!({ "record": record })),
                    Reader::Digest => {
                        Ok(Self::Digest { function: names.function("DigestFunction")?, record })
                    }
                }
            }
            Origin::Function(source) => names.queue(source, &letter.item),
            Origin::Invocation(function) => {
                Ok(Self::Invoke { function: unqualified(function), event: letter.item.clone() })
            }
            Origin::Queue(arn) => {
                let found = QUEUES.iter().find(|(_, variable)| {
                    (names.variable)(variable).is_some_and(|url| last(&url, '/') == last(arn, ':'))
                });
                let (source, _) = found.ok_or_else(|| format!("{arn} is no queue of the stack"))?;
                names.queue(source, &letter.item)
            }
            Origin::Rule(arn) if arn.contains(":lambda:") => {
                Ok(Self::Invoke { function: unqualified(arn), event: letter.item.clone() })
            }
            Origin::Rule(arn) if arn.contains(":sqs:") => names.queue("files", &letter.item),
            Origin::Rule(_) => Ok(Self::Bus { event: letter.item.clone() }),
            Origin::Batch => {
                Err("only its place in the stream is known, which has lost the records after a day"
                    .to_owned())
            }
            Origin::Unknown => Err("it is in no known shape".to_owned()),
        }
    }

    /// Where it leads, for a person.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Queue { url, .. } => format!("the queue {}", last(url, '/')),
            Self::Invoke { function, .. } | Self::Digest { function, .. } => {
                format!("the function {}", last(function, ':'))
            }
            Self::Bus { .. } => "the bus, for every rule that matches, under a new id".to_owned(),
        }
    }

    /// Whether it leads to others as well than the letter's target.
    pub(super) const fn is_to_every_rule(&self) -> bool {
        matches!(self, Self::Bus { .. })
    }

    /// Takes it. When this returns, the item is there.
    pub(super) async fn go(&self, stack: &Stack, config: &Config) -> Result<()> {
        match self {
            Self::Queue { url, body, webhook } => {
                if let Some(id) = webhook {
                    Table::build(config).await?.release_webhook(&id.parse()?).await?;
                }
                stack.account.mailbox(url).put(body).await?;
            }
            Self::Invoke { function, event } => stack.account.invoke_later(function, event).await?,
            Self::Digest { function, record } => {
                let answer = stack.account.invoke(function, &json!({ "Records": [record] })).await?;
                let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
                ensure!(failures == 0, "the function could not handle it: see its log");
            }
            Self::Bus { event } => {
                let text =
                    |name: &str| event[name].as_str().with_context(|| format!("the event has no {name}"));
                let (source, detail_type) = (text("source")?, text("detail-type")?);
                let detail = event["detail"].clone();
                Bus::build(config).await?.put(&[BusEvent { source, detail_type, detail }]).await?;
            }
        }
        Ok(())
    }
}

/// What the parts of a stack are called.
struct Names<'a> {
    /// The name of a function, by its id in the template.
    function: &'a dyn Fn(&str) -> Option<String>,
    /// The value of a variable of the functions.
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Names<'_> {
    fn function(&self, id: &str) -> Result<String, String> {
        (self.function)(id).ok_or_else(|| format!("the stack has no {id}"))
    }

    fn queue(&self, source: &str, item: &Value) -> Result<WayBack, String> {
        let (_, variable) = QUEUES
            .iter()
            .find(|(name, _)| *name == source)
            .ok_or_else(|| format!("{source} is no known source"))?;
        let url =
            (self.variable)(variable).ok_or_else(|| format!("no function names the queue {variable}"))?;
        let webhook = (source == "webhooks").then(|| item["id"].as_str().map(str::to_owned)).flatten();
        let body = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        Ok(WayBack::Queue { url, body, webhook })
    }
}

fn function(stack: &Stack, id: &str) -> Option<String> {
    stack.functions.get(id).map(|function| function.function_name.clone())
}

fn last(name: &str, separator: char) -> &str {
    name.rsplit(separator).next().unwrap_or(name)
}

/// The ARN of a function without a version or an alias, which come after its seven parts.
fn unqualified(arn: &str) -> String {
    arn.split(':').take(7).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use funnelcast_aws::account::mail::Mail;

    use super::*;
    use crate::commands::dead_letters::letter::tests::letter;

    fn way_of(letter: &Letter) -> Result<WayBack, String> {
        let names = Names {
            function: &|id| Some(format!("stack-{id}")),
            variable: &|name| Some(format!("https://sqs/1/{name}")),
        };
        WayBack::find(letter, &names)
    }

    fn way(source: &str, item: &Value) -> Result<WayBack, String> {
        way_of(&letter(
            &json!({"source": source, "id": "i", "code": "internal", "reason": "", "tries": 5, "item": item}),
        ))
    }

    fn queued(variable: &str, body: &Value) -> WayBack {
        WayBack::Queue { url: format!("https://sqs/1/{variable}"), body: body.to_string(), webhook: None }
    }

    #[test]
    fn each_source_has_its_way_back() {
        let event = |kind: &str| json!({"id": "e", "detail-type": kind, "detail": {}});
        for (kind, function) in [("ChatMessage", "stack-BroadcastFunction"), ("Kick", "stack-AccessFunction")]
        {
            let expected = WayBack::Invoke { function: function.to_owned(), event: event(kind) };
            assert_eq!(way("bus", &event(kind)), Ok(expected));
        }
        let timer = json!({"kind": "lease"});
        assert_eq!(way("timers", &timer), Ok(queued("TIMER_QUEUE_URL", &timer)));
        let webhook = way("webhooks", &json!({"id": "msg_1", "body": "{}"})).unwrap();
        assert!(
            matches!(webhook, WayBack::Queue { webhook: Some(ref id), .. } if id == "msg_1"),
            "{webhook:?}"
        );
        let outbox = way("outbox", &json!({"pk": "OUTBOX#system", "sk": "k"})).unwrap();
        assert_eq!(outbox.name(), "the queue DELIVERY_QUEUE_URL");
        let gone = way("stream", &json!({"pk": "FILE#f", "sk": "META"})).unwrap();
        assert_eq!(gone.name(), "the function stack-DigestFunction");
        assert!(way("elsewhere", &timer).is_err() && way("bus", &event("Party")).is_err());
    }

    #[test]
    fn what_others_have_put_there_has_a_way_back_too() {
        let moved = |arn: &str| {
            let from_queue = Some(arn.to_owned());
            way_of(&Letter::read(Mail { body: "{}".to_owned(), from_queue, ..Mail::default() }))
        };
        assert_eq!(moved("arn:aws:sqs:r:1:FILES_QUEUE_URL"), Ok(queued("FILES_QUEUE_URL", &json!({}))));
        assert!(moved("arn:aws:sqs:r:1:other").is_err());
        let given_up =
            letter(&json!({"requestContext": {"functionArn": "arn:aws:lambda:r:1:function:f:$LATEST"},
            "requestPayload": {"event": {"id": "e"}}}));
        let expected = WayBack::Invoke {
            function: "arn:aws:lambda:r:1:function:f".to_owned(),
            event: json!({"event": {"id": "e"}}),
        };
        assert_eq!(way_of(&given_up), Ok(expected));
        assert!(way_of(&letter(&json!({"DDBStreamBatchInfo": {}}))).is_err());
        let mut cut = letter(&json!({"source": "timers", "id": "i", "code": "internal", "item": {}}));
        cut.is_cut = true;
        assert!(way_of(&cut).is_err());
    }
}
