//! The database engine, and calls of it.
//!
//! Calls go through a loopback port of the engine's own, as only its HTTP server applies DynamoDB's request validation
//! and wording.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use dynoxide::Database;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::{storage::Storage, wire};
use crate::{
    aws_error::AwsError,
    http1::{HttpClient, client},
    template::Table,
};

/// The engine's threads: its work is blocking and one call at a time, so that more threads would only wait.
const ENGINE_THREADS: usize = 2;
/// The shortest pause between two searches for expired items.
const EXPIRY_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// A search reads every row, so the pause is at least this many times as long as the search took: 5% of one core.
const EXPIRY_PAUSE_FACTOR: u32 = 20;
/// The engine requires an `Authorization` header, but does not check the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=local";

/// The database of the stack. Cheap to clone; it ends with its last clone.
#[derive(Clone)]
pub(crate) struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    client: HttpClient,
    uri: Uri,
    changes: watch::Sender<u64>,
    database: Database,
    /// Dropped to stop the server.
    _running: oneshot::Sender<()>,
    /// The last field, so that the files are removed after everything that has them open is dropped.
    _storage: Storage,
}

impl Engine {
    /// Opens the database in `data`, or in a folder that is removed at the end, and creates the tables that it lacks.
    ///
    /// An existing table is left as it is, even if the template has changed since.
    pub(crate) async fn start(tables: &[Table], data: Option<&Path>) -> anyhow::Result<Self> {
        let storage = Storage::open(data)?;
        let database = storage.database()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .context("cannot open a port for the database engine")?;
        let uri = format!("http://{}/", listener.local_addr()?).parse()?;
        let running = serve(listener, database.clone())?;
        let inner = Inner {
            client: client(),
            uri,
            changes: watch::Sender::new(0),
            database,
            _running: running,
            _storage: storage,
        };
        let engine = Self { inner: Arc::new(inner) };
        for table in tables {
            let created = engine.create(table).await;
            created.map_err(|error| anyhow!("{}: {}: {}", table.id, error.code, error.message))?;
        }
        tokio::spawn(expire_items(Arc::downgrade(&engine.inner)));
        Ok(engine)
    }

    /// Answers one call of the DynamoDB or DynamoDB Streams API.
    ///
    /// `target` is the header `X-Amz-Target`, e.g. `DynamoDB_20120810.PutItem` or
    /// `DynamoDBStreams_20120810.GetRecords`; `body` and answer are as in the API's reference.
    pub(crate) async fn call(&self, target: &str, mut body: Value) -> Result<Value, AwsError> {
        let operation = target.rsplit('.').next().unwrap_or_default();
        wire::correct_request(&mut body);
        let (status, answer) = self
            .send(target, &body)
            .await
            .map_err(|error| AwsError::internal(format!("engine: {error:#}")))?;
        let answer = wire::parse_response(operation, &answer)?;
        if status != 200 {
            return Err(AwsError::parse(status, answer));
        }
        if wire::writes(operation) {
            self.inner.bump();
        }
        Ok(answer)
    }

    /// Notifies the holder after writes and after removals by TTL, as there may be new stream records.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Removes expired items now, and returns how many there were.
    pub(crate) async fn sweep(&self) -> Result<usize, AwsError> {
        self.inner.clone().sweep().await
    }

    async fn send(&self, target: &str, body: &Value) -> anyhow::Result<(u16, Bytes)> {
        let request = Request::post(&self.inner.uri)
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header(header::AUTHORIZATION, AUTHORIZATION)
            .body(Full::from(body.to_string()))?;
        let answer = self.inner.client.request(request).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    async fn create(&self, table: &Table) -> Result<(), AwsError> {
        match self.call("DynamoDB_20120810.CreateTable", table.definition.clone()).await {
            Ok(_) => {}
            Err(error) if error.code == "ResourceInUseException" => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Some(attribute) = &table.ttl_attribute {
            let specification = json!({ "AttributeName": attribute, "Enabled": true });
            let request = json!({ "TableName": table.name, "TimeToLiveSpecification": specification });
            self.call("DynamoDB_20120810.UpdateTimeToLive", request).await?;
        }
        Ok(())
    }
}

impl Inner {
    fn bump(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    async fn sweep(self: Arc<Self>) -> Result<usize, AwsError> {
        let swept = tokio::task::spawn_blocking({
            let inner = Arc::clone(&self);
            move || inner.database.sweep_ttl()
        });
        let removed = match swept.await {
            Ok(Ok(removed)) => removed,
            Ok(Err(error)) => {
                return Err(AwsError::internal(format!("cannot remove expired items: {error}")));
            }
            Err(error) => return Err(AwsError::internal(format!("cannot remove expired items: {error}"))),
        };
        if removed > 0 {
            self.bump();
        }
        Ok(removed)
    }
}

/// Serves the engine's HTTP API on its own threads until the returned sender is dropped.
fn serve(listener: TcpListener, database: Database) -> anyhow::Result<oneshot::Sender<()>> {
    let (running, ended) = oneshot::channel::<()>();
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(ENGINE_THREADS)
        .thread_name("dynamodb")
        .enable_all()
        .build()?;
    std::thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
        runtime.block_on(async {
            let served = async {
                let listener =
                    tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
                dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()).await
            };
            tokio::select! {
                result = served => if let Err(error) = result {
                    tracing::error!(error, "the database engine has ended");
                },
                // When the stack ends, nobody waits for an answer any more.
                _ = ended => {}
            }
        });
    })?;
    Ok(running)
}

/// Removes expired items periodically until the engine is dropped.
async fn expire_items(inner: std::sync::Weak<Inner>) {
    let mut pause = EXPIRY_INTERVAL_MIN;
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        let begun = Instant::now();
        if let Err(error) = inner.sweep().await {
            tracing::warn!(error = error.message, "expired items could not be removed; trying again later");
        }
        pause = EXPIRY_INTERVAL_MIN.max(begun.elapsed() * EXPIRY_PAUSE_FACTOR);
    }
}

#[cfg(test)]
mod tests;
