//! The app's backend, as the product sees it: it puts events on the bus and items into the outbox, reads the dead letters of what
//! was refused, and calls the management API of connections. It uses the AWS SDKs, unmodified.
//!
//! Each test has a runtime of its own, and the SDKs' connections belong to the runtime that opened them. So all calls run on one
//! runtime that lives as long as the process.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_apigatewaymanagement::config::Credentials;
use aws_sdk_apigatewaymanagement::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Put, PutRequest, Select, TransactWriteItem, WriteRequest};
use aws_sdk_eventbridge::primitives::{DateTime, DateTimeFormat};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::stack::Addresses;
use crate::{Client, Stack, User, eventually, unique};

/// The `source` of the app's events, as in the template's parameter.
pub const SOURCE: &str = "funnelcast.app";

/// The region that a local stack says it is in.
const LOCAL_REGION: &str = "us-east-1";

/// The most messages that SQS returns at once.
const LETTERS_MAX: i32 = 10;

/// The SDKs' clients for one stack.
#[derive(Debug)]
pub struct Backend {
    bus: String,
    table: String,
    database: aws_sdk_dynamodb::Client,
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    connections: aws_sdk_apigatewaymanagement::Client,
    /// Dead letters that were received while looking for others. They are kept for the tests that look for them.
    letters: Mutex<Vec<Value>>,
}

/// The time in `millis` milliseconds, in the form used on the wire.
pub fn time_from_now(millis: i64) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let at = i64::try_from(since).unwrap_or(i64::MAX).saturating_add(millis);
    DateTime::from_millis(at).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// The outcome of a call about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The connection exists, and a post was sent to it.
    Sent,
    /// `GoneException`: the connection no longer exists.
    Gone,
}

impl Stack {
    /// Puts an event on the bus.
    pub async fn emit(&self, detail_type: &str, detail: Value) -> Result<()> {
        self.backend().await?.emit(detail_type, detail).await
    }

    /// Creates a conversation of a company by an event on the bus, and waits until it can be joined.
    pub async fn conversation(&self, company: &str, participants: &[&User]) -> Result<String> {
        let participants: Vec<&str> = participants.iter().map(|user| user.id.as_str()).collect();
        self.conversation_called(&unique("conv"), company, &participants).await
    }

    /// The same with this id, which must not have been used before.
    pub async fn conversation_called(
        &self,
        id: &str,
        company: &str,
        participants: &[&str],
    ) -> Result<String> {
        let channel = format!("conversation:{id}");
        let detail = json!({"conversationId": id, "companyId": company, "participants": participants});
        self.emit("Conversation", detail).await?;

        let mut team = self.connect(&User::admin_of(company)).await?;
        wait_until_open(&mut team, &channel).await?;
        team.leave(&channel).await?; // before the close, because `$disconnect` cleans up later
        team.close().await?;
        Ok(channel)
    }
}

/// Tries to join a conversation until the product knows of it.
async fn wait_until_open(client: &mut Client, channel: &str) -> Result<()> {
    eventually(&format!("{channel} to open"), async || {
        let id = client.request("join", json!({"channel": channel})).await?;
        match client.reply(&id).await? {
            Ok(_) => Ok(Some(())),
            Err(refusal) if refusal == *"forbidden" => Ok(None),
            Err(refusal) => Err(anyhow!("joining {channel}: {refusal:?}")),
        }
    })
    .await
}

impl Backend {
    /// The SDKs' clients for a stack at these addresses.
    pub(crate) async fn of(addresses: &Addresses) -> Result<Self> {
        let config = background(sdk_config(addresses.aws.clone())).await?;
        let management = addresses.websocket.replacen("ws", "http", 1);
        let connections =
            aws_sdk_apigatewaymanagement::config::Builder::from(&config).endpoint_url(management);
        Ok(Self {
            bus: addresses.bus.clone(),
            table: addresses.table.clone(),
            database: aws_sdk_dynamodb::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            queues: aws_sdk_sqs::Client::new(&config),
            connections: aws_sdk_apigatewaymanagement::Client::from_conf(connections.build()),
            letters: Mutex::default(),
        })
    }

    async fn emit(&self, detail_type: &str, detail: Value) -> Result<()> {
        self.emit_all(detail_type, &[detail], Duration::ZERO).await
    }

    /// Puts up to 10 events on the bus in one call. Their `Time` is `ahead` of now, or absent if `ahead` is zero.
    pub async fn emit_all(&self, detail_type: &str, details: &[Value], ahead: Duration) -> Result<()> {
        let time = (!ahead.is_zero()).then(|| DateTime::from(SystemTime::now() + ahead));
        let entries = details.iter().map(|detail| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.bus).source(SOURCE);
            entry.detail_type(detail_type).detail(detail.to_string()).set_time(time).build()
        });
        let entries = Some(entries.collect());
        let answer = background(self.events.put_events().set_entries(entries).send()).await??;
        ensure!(answer.failed_entry_count() == 0, "the bus refused {detail_type}: {answer:?}");
        Ok(())
    }

    /// Puts an item into the outbox. The app would do so in the transaction that also writes its own state.
    pub async fn put_into_outbox(&self, key: &str, channel: &str, event: &str, data: &Value) -> Result<()> {
        let put = self.database.put_item().table_name(&self.table);
        background(put.set_item(Some(outbox_item(key, channel, event, data))).send()).await??;
        Ok(())
    }

    /// Puts items into the outbox of one channel, in one transaction. Their keys are `prefix-0`, `prefix-1` and so on.
    pub async fn put_all_into_outbox(
        &self,
        prefix: &str,
        channel: &str,
        event: &str,
        data: &[Value],
    ) -> Result<()> {
        let mut writes = Vec::new();
        for (index, data) in data.iter().enumerate() {
            let put = Put::builder().table_name(&self.table);
            let put = put.set_item(Some(outbox_item(&format!("{prefix}-{index}"), channel, event, data)));
            writes.push(TransactWriteItem::builder().put(put.build()?).build());
        }
        let transaction = self.database.transact_write_items().set_transact_items(Some(writes));
        background(transaction.send()).await??;
        Ok(())
    }

    /// The keys of all items that contain this text anywhere. Scans the whole table, which nothing else does.
    pub async fn items_with(&self, text: &str) -> Result<Vec<String>> {
        let items =
            self.database.scan().table_name(&self.table).consistent_read(true).into_paginator().items();
        let items = background(items.send().collect::<Result<Vec<_>, _>>()).await??;
        let found = items.iter().filter(|item| format!("{item:?}").contains(text));
        let key = |item: &HashMap<String, AttributeValue>, name: &str| {
            item.get(name).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default()
        };
        Ok(found.map(|item| format!("{} / {}", key(item, "pk"), key(item, "sk"))).collect())
    }

    /// Writes rows unchanged, in batches.
    pub(crate) async fn put_rows(&self, rows: Vec<HashMap<String, AttributeValue>>) -> Result<()> {
        const BATCH: usize = 25;
        for rows in rows.chunks(BATCH) {
            let puts = rows.iter().map(|row| {
                let put = PutRequest::builder().set_item(Some(row.clone())).build()?;
                Ok(WriteRequest::builder().put_request(put).build())
            });
            let puts = puts.collect::<Result<Vec<_>>>()?;
            let answer = background(self.database.batch_write_item().request_items(&self.table, puts).send())
                .await??;
            ensure!(answer.unprocessed_items.is_none_or(|rows| rows.is_empty()), "rows were left unwritten");
        }
        Ok(())
    }

    /// The number of rows in a partition.
    pub(crate) async fn count_rows(&self, pk: &str) -> Result<usize> {
        let query = self.database.query().table_name(&self.table).key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
        let pages = query.select(Select::Count).into_paginator().send();
        let pages = background(pages.collect::<Result<Vec<_>, _>>()).await??;
        Ok(pages.iter().map(|page| usize::try_from(page.count).unwrap_or_default()).sum())
    }

    /// Waits for the dead letter that contains `needle`.
    pub async fn dead_letter(&self, needle: &str) -> Result<Value> {
        let queue = self.dead_letters().await?;
        eventually(&format!("a dead letter about {needle}"), async || {
            self.receive_letters(&queue).await?;
            let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
            let place = letters.iter().position(|letter| letter.to_string().contains(needle));
            Ok(place.map(|place| letters.swap_remove(place)))
        })
        .await
    }

    /// All dead letters that [`dead_letter`](Self::dead_letter) has not returned.
    pub async fn all_dead_letters(&self) -> Result<Vec<Value>> {
        let queue = self.dead_letters().await?;
        loop {
            let before = self.letters.lock().unwrap_or_else(PoisonError::into_inner).len();
            self.receive_letters(&queue).await?;
            let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
            if letters.len() == before {
                return Ok(letters.clone());
            }
        }
    }

    /// Posts to a connection.
    pub async fn post(&self, connection: &str, data: &str) -> Result<Delivery> {
        let post = self.connections.post_to_connection().connection_id(connection).data(Blob::new(data));
        delivery(background(post.send()).await?)
    }

    /// Closes a connection from the server's side.
    pub async fn delete(&self, connection: &str) -> Result<Delivery> {
        delivery(background(self.connections.delete_connection().connection_id(connection).send()).await?)
    }

    /// Asks whether a connection exists.
    pub async fn get(&self, connection: &str) -> Result<Delivery> {
        delivery(background(self.connections.get_connection().connection_id(connection).send()).await?)
    }

    /// Puts a message into a queue of the stack, given its name in the template.
    pub async fn put_into_queue(&self, name: &str, body: &str) -> Result<()> {
        let send = self.queues.send_message().queue_url(self.queue(name).await?).message_body(body);
        background(send.send()).await??;
        Ok(())
    }

    async fn dead_letters(&self) -> Result<String> {
        self.queue("DeadLetters").await
    }

    /// The URL of a queue, given its name in the template, found as an operator would find it.
    pub(crate) async fn queue(&self, name: &str) -> Result<String> {
        let queues = background(self.queues.list_queues().send()).await??;
        let mut urls = queues.queue_urls().iter().filter(|url| url.contains(name));
        urls.next().cloned().with_context(|| format!("no queue {name} in {queues:?}"))
    }

    /// Moves up to [`LETTERS_MAX`] messages from the queue into this process.
    async fn receive_letters(&self, queue: &str) -> Result<()> {
        let receive = self.queues.receive_message().queue_url(queue).max_number_of_messages(LETTERS_MAX);
        for message in background(receive.send()).await??.messages.unwrap_or_default() {
            let body = message.body.unwrap_or_default();
            let letter = serde_json::from_str(&body).unwrap_or(Value::String(body));
            self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
            let handle = message.receipt_handle.context("the message has no receipt handle")?;
            background(self.queues.delete_message().queue_url(queue).receipt_handle(handle).send()).await??;
        }
        Ok(())
    }
}

/// An item of the outbox.
fn outbox_item(key: &str, channel: &str, event: &str, data: &Value) -> HashMap<String, AttributeValue> {
    let pk = format!("OUTBOX#{channel}");
    let data = data.to_string();
    [("pk", pk.as_str()), ("sk", key), ("channel", channel), ("event", event), ("data", &data)]
        .map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())))
        .into()
}

/// The outcome of a call. `GoneException` is one, and must have its status; other errors are errors.
fn delivery<T, E>(result: Result<T, SdkError<E>>) -> Result<Delivery>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(_) => Ok(Delivery::Sent),
        Err(error) if error.code() == Some("GoneException") => {
            let status = error.raw_response().map(|response| response.status().as_u16());
            ensure!(status == Some(410), "a GoneException with status {status:?}");
            Ok(Delivery::Gone)
        }
        Err(error) => Err(anyhow!("{}", DisplayErrorContext(error))),
    }
}

/// The configuration for AWS itself with its usual credentials, or for a local endpoint, which accepts any.
async fn sdk_config(endpoint: Option<String>) -> SdkConfig {
    let defaults = aws_config::defaults(BehaviorVersion::latest());
    let Some(endpoint) = endpoint else { return defaults.load().await };
    let credentials = Credentials::new("tests", "local", None, None, "tests");
    let local = defaults.endpoint_url(endpoint).region(Region::new(LOCAL_REGION));
    // The SDK must not retry: if only the answer was lost, the call would be made twice.
    local.credentials_provider(credentials).retry_config(RetryConfig::disabled()).load().await
}

/// Runs a call to AWS on the shared runtime.
async fn background<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> Result<T> {
    static RUNTIME: LazyLock<Result<Runtime, std::io::Error>> =
        LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build());
    let runtime = RUNTIME.as_ref().map_err(|error| anyhow!("no runtime for the SDKs: {error}"))?;
    Ok(runtime.spawn(call).await?)
}
