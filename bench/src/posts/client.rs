//! One poster in a process of its own: it posts to every member of a channel, for some rounds, and prints what that took.
//!
//! All posters are driven alike, on a runtime of one thread, as a function has. The process may open 1,024 files, as one on
//! Lambda may.

use std::{
    fs::File,
    io::Read as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use aws_config::BehaviorVersion;
use aws_sdk_apigatewaymanagement::{
    Client as Sdk, operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use funnelcast_aws::{
    Config, Resource as _,
    gateway::{Frame, Gateway, IN_FLIGHT_MAX, PostOutcome},
};
use funnelcast_core::ConnectionId;
use futures_util::{StreamExt as _, future::join_all, stream};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::TokioExecutor,
};
use nix::time::{ClockId, clock_gettime};
use rlimit::Resource;
use serde::{Deserialize, Serialize};

use super::members;

/// The number of files that a process on Lambda may open
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub(crate) const FILES_MAX: u64 = 1_024;

/// A chat message of the usual size, as it is posted.
const FRAME: &str = r#"{"type":"event","channel":"conversation:conv_5f0c7d2a9b1e4836","event":"chat.message","seq":42,"at":"2026-11-23T10:00:00.123Z","from":{"userId":"user_3kTz8LmQ2","name":"Ann"},"key":"01JDCH2ZK3W9F5R8M7Q4T6V1XB","data":{"id":"msg_0193599ab0c17c6e8d2f4a5b6c7d8e9f","conversationId":"conv_5f0c7d2a9b1e4836","type":"user","content":"Is the course still open for new members this week?","timestamp":"2026-11-23T10:00:00.123Z","isRead":false,"userId":"user_3kTz8LmQ2"}}"#;

/// The client that posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Poster {
    /// `funnelcast_aws::gateway`.
    Ours,
    /// hyper-util's pool, which neither signs nor retries.
    Hyper,
    /// The SDK's `post_to_connection`, with as many posts at once as ours.
    Sdk,
    /// The same, with all posts at once.
    Unbounded,
}

/// The command line of a poster: what to post, and where.
#[derive(Debug, Args)]
pub(crate) struct Post {
    #[arg(long)]
    pub(crate) poster: Poster,
    #[arg(long)]
    pub(crate) url: String,
    #[arg(long)]
    pub(crate) members: usize,
    /// One in this many members is dead; none if it is 0.
    #[arg(long)]
    pub(crate) dead_every: usize,
    #[arg(long)]
    pub(crate) rounds: usize,
    /// Count allocations, which costs time.
    #[arg(long)]
    pub(crate) count: bool,
}

/// What a poster's rounds took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Took {
    /// CPU time of the process, and of the kernel for it.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// The most memory that the process has ever had.
    pub(crate) memory_bytes: u64,
    pub(crate) sent: usize,
    pub(crate) gone: usize,
    pub(crate) failed: usize,
    /// The allocations, if they were counted.
    pub(crate) allocations: Option<u64>,
    pub(crate) allocated_bytes: Option<u64>,
}

/// A poster that is ready to post.
enum Client {
    Ours(Box<(Gateway, Frame)>),
    Hyper(Box<Hyper<HttpConnector, Full<Bytes>>>, String),
    Sdk(Box<Sdk>),
    Unbounded(Box<Sdk>),
}

#[derive(Debug, Default)]
struct Tally {
    sent: AtomicUsize,
    gone: AtomicUsize,
    failed: AtomicUsize,
}

/// Posts, and prints what that took, as JSON.
pub(crate) fn run(post: &Post) -> Result<()> {
    let (_, most) = Resource::NOFILE.get()?;
    Resource::NOFILE.set(FILES_MAX.min(most), most)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(Client::new(post))?;
    let ids = members(post.members, post.dead_every);
    let connections: Vec<ConnectionId> =
        ids.iter().map(|id| id.parse()).collect::<Result<_, _>>().context("connection ids")?;
    let warm: Vec<ConnectionId> = (0..post.members.min(IN_FLIGHT_MAX))
        .map(|n| format!("warm{n}=").parse())
        .collect::<Result<_, _>>()?;
    runtime.block_on(client.round(&warm, &Tally::default()));

    let status = File::open("/proc/self/status")?;
    let tally = Tally::default();
    let rounds = || {
        runtime.block_on(async {
            for _ in 0..post.rounds {
                client.round(&connections, &tally).await;
            }
        });
    };
    let (cpu, begun) = (cpu_time()?, Instant::now());
    let allocated = if post.count {
        Some(allocation_counter::measure(rounds))
    } else {
        rounds();
        None
    };
    let took = Took {
        cpu: cpu_time()?.saturating_sub(cpu),
        wall: begun.elapsed(),
        memory_bytes: memory_peak(status)?,
        sent: tally.sent.into_inner(),
        gone: tally.gone.into_inner(),
        failed: tally.failed.into_inner(),
        allocations: allocated.map(|allocated| allocated.count_total),
        allocated_bytes: allocated.map(|allocated| allocated.bytes_total),
    };
    println!("{}", serde_json::to_string(&took)?);
    Ok(())
}

impl Client {
    async fn new(post: &Post) -> Result<Self> {
        Ok(match post.poster {
            Poster::Ours => {
                let config = Config { management_endpoint: Some(post.url.clone()), ..Config::from_env()? };
                let gateway = Gateway::build(&config).await?;
                Self::Ours(Box::new((gateway, Frame::from(Bytes::from_static(FRAME.as_bytes())))))
            }
            Poster::Hyper => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                Self::Hyper(Box::new(Hyper::builder(TokioExecutor::new()).build(connector)), post.url.clone())
            }
            Poster::Sdk => Self::Sdk(Box::new(sdk(&post.url).await)),
            Poster::Unbounded => Self::Unbounded(Box::new(sdk(&post.url).await)),
        })
    }

    async fn round(&self, connections: &[ConnectionId], tally: &Tally) {
        let posts = connections.iter().map(async |connection| {
            let count = match self.post(connection).await {
                PostOutcome::Sent => &tally.sent,
                PostOutcome::Gone => &tally.gone,
                PostOutcome::TooLarge | PostOutcome::Failed => &tally.failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        });
        if matches!(self, Self::Unbounded(_)) {
            join_all(posts).await;
        } else {
            stream::iter(posts).buffer_unordered(IN_FLIGHT_MAX).collect::<()>().await;
        }
    }

    async fn post(&self, connection: &ConnectionId) -> PostOutcome {
        match self {
            Self::Ours(ours) => ours.0.post(connection, &ours.1).await,
            Self::Hyper(client, url) => post_by_hyper(client, url, connection).await,
            Self::Sdk(client) | Self::Unbounded(client) => post_by_sdk(client, connection).await,
        }
    }
}

async fn sdk(url: &str) -> Sdk {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    Sdk::from_conf(aws_sdk_apigatewaymanagement::config::Builder::from(&config).endpoint_url(url).build())
}

async fn post_by_sdk(client: &Sdk, connection: &ConnectionId) -> PostOutcome {
    let post = client.post_to_connection().connection_id(connection.as_str());
    match post.data(Blob::new(FRAME)).send().await {
        Ok(_) => PostOutcome::Sent,
        Err(error) if matches!(error.as_service_error(), Some(PostToConnectionError::GoneException(_))) => {
            PostOutcome::Gone
        }
        Err(_) => PostOutcome::Failed,
    }
}

async fn post_by_hyper(
    client: &Hyper<HttpConnector, Full<Bytes>>,
    url: &str,
    connection: &ConnectionId,
) -> PostOutcome {
    let path = percent_encoding::utf8_percent_encode(connection.as_str(), percent_encoding::NON_ALPHANUMERIC);
    let mut request = Request::new(Full::new(Bytes::from_static(FRAME.as_bytes())));
    *request.method_mut() = http::Method::POST;
    let Ok(uri) = format!("{url}/@connections/{path}").parse() else { return PostOutcome::Failed };
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let Ok(response) = client.request(request).await else { return PostOutcome::Failed };
    let status = response.status();
    match response.into_body().collect().await {
        Ok(_) if status.is_success() => PostOutcome::Sent,
        Ok(_) if status == StatusCode::GONE => PostOutcome::Gone,
        _ => PostOutcome::Failed,
    }
}

fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// The most memory of this process, by `/proc/self/status`, which is opened beforehand, because the unbounded poster may leave no
/// file to open. (`getrusage` would count what our parent had when it made this process.)
fn memory_peak(mut status: File) -> Result<u64> {
    let mut text = String::new();
    status.read_to_string(&mut text)?;
    tests::memory_peak(&text)
}
