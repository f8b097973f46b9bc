//! The parts of a stack, in the order in which they start and stop.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};

use super::{options::UpOptions, parameters::Parameters};
use crate::{
    api_gateway::{
        http::HttpApiServer,
        websocket::{Limits, WebSockets},
    },
    command::Failure,
    dynamodb::{Engine, Transactions},
    event_source,
    eventbridge::Bus,
    faults::Faults,
    front::{self, FunctionNames, Services},
    http1::{self, serve},
    iam::{Partitions, Rights},
    journal::Journal,
    lambda::{Lambda, LambdaOptions},
    log::FunctionLog,
    page::{Local, Page, Site},
    s3::{S3, S3Parts},
    secrets_manager::Secrets,
    sqs::Queues,
    template::{Endpoints, Stack},
    usage::Usage,
};

/// How long the `$disconnect` functions may take at the end, all together.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a stack is started with.
pub(super) struct Setup {
    pub(super) aws: TcpListener,
    pub(super) http: TcpListener,
    pub(super) endpoints: Endpoints,
    pub(super) stack: Stack,
    pub(super) parameters: Parameters,
    pub(super) site: Option<Site>,
    pub(super) ready: Value,
}

/// A stack that is running.
pub(super) struct Running {
    websockets: Arc<WebSockets>,
    lambda: Lambda,
    servers: JoinSet<()>,
    /// Tasks that act by themselves: they read streams and queues, and cut connections.
    pollers: JoinSet<()>,
    /// The last field, as everything above may still write.
    _engine: Engine,
}

impl Running {
    /// Starts every part. What calls functions by itself is started last.
    pub(super) async fn start(options: &UpOptions, setup: Setup) -> Result<Self, Failure> {
        let Setup { aws, http, endpoints, stack, parameters, site, ready } = setup;
        // First, because it fails if another stack uses the folder.
        let journal = Journal::open(options.data.as_deref())?;
        let engine = Engine::start(&stack.tables, options.data.as_deref()).await?;
        let visibility_max = options.visibility_max.map_or(Duration::MAX, |max| max.0);
        let queues = Queues::new(&stack, visibility_max, &journal)?;
        let rights = Arc::new(Rights::new(&stack, options.rights_log.as_deref())?);
        rights.check_mappings(&stack).map_err(Failure::Input)?;
        let faults = Faults::new(options.faults.settings());
        let usage = Arc::<Usage>::default();
        let log = FunctionLog::new(options.log_format, options.quiet_functions, Arc::clone(&usage));
        let lambda_options =
            lambda_options(options, (log, Arc::clone(&usage)), &endpoints, &queues, &journal, &faults);
        let lambda = Lambda::start(&stack, lambda_options).await?;
        let secrets = Secrets::new(options.secret.iter().cloned());
        let bus = Bus::start(&stack, &lambda, &queues, &secrets).map_err(Failure::Input)?;
        let s3 = S3Parts {
            rights: Arc::clone(&rights),
            usage: Arc::clone(&usage),
            bus: bus.clone(),
            faults: faults.clone(),
        };
        let s3 = S3::open(&stack, options.data.as_deref(), s3)?;
        let domain_name = aws.local_addr().context("--port")?.to_string();
        let api = stack.websocket.clone();
        let websockets =
            WebSockets::new(api, &domain_name, limits(options), lambda.clone(), faults.clone(), journal);
        let http_api = HttpApiServer::new(
            stack.http.clone(),
            &http.local_addr().context("--http-port")?.to_string(),
            lambda.clone(),
        );
        let local = Local {
            websockets: Arc::clone(&websockets),
            bus: bus.clone(),
            key: parameters.dev_key,
            event_source: parameters.event_source,
            ready: ready.clone(),
        };
        // A function reads its parameters and secrets when it starts. So a wrong parameter, or a secret that is missing,
        // is found before the stack is announced as ready.
        let starting: Vec<_> = rights.holders("secretsmanager:GetSecretValue").map(str::to_owned).collect();
        let services = Arc::new(Services {
            websockets: Arc::clone(&websockets),
            engine: engine.clone(),
            transactions: Transactions::default(),
            lambda: lambda.clone(),
            bus,
            queues: queues.clone(),
            s3,
            secrets,
            functions: FunctionNames::new(&stack),
            mappings: front::mappings(&stack),
            own_functions: options.function.iter().cloned().collect(),
            client: http1::client(),
            partitions: Partitions::of(&stack),
            rights,
            usage,
            faults,
            ready: ready.clone(),
        });
        let mut servers = JoinSet::new();
        servers.spawn(serve(aws, move |request, peer| front::answer(Arc::clone(&services), request, peer)));
        let page = Page::new(http_api, local, site);
        servers.spawn(serve(http, move |request, peer| Arc::clone(&page).answer(request, peer)));
        if let Err(error) = start_some(&lambda, &starting).await {
            lambda.stop().await;
            return Err(Failure::Input(error));
        }
        let mut pollers = event_source::start(&stack, &engine, &lambda, &queues, options.data.clone());
        pollers.spawn(Arc::clone(&websockets).cut_some());
        websockets.disconnect_left_over()?;
        lambda.resume()?;
        Ok(Self { websockets, lambda, servers, pollers, _engine: engine })
    }

    /// Stops every part; first what calls functions by itself.
    pub(super) async fn stop(mut self) {
        self.pollers.shutdown().await;
        self.websockets.close_all(DISCONNECT_TIMEOUT).await;
        self.lambda.stop().await;
        self.servers.shutdown().await;
    }
}

/// Starts a process of each of these functions.
async fn start_some(lambda: &Lambda, functions: &[String]) -> anyhow::Result<()> {
    let starts = functions.iter().map(async |function| {
        lambda.start_one(function).await.with_context(|| format!("function {function} cannot start"))
    });
    try_join_all(starts).await.map(drop)
}

fn lambda_options(
    options: &UpOptions,
    (log, usage): (FunctionLog, Arc<Usage>),
    endpoints: &Endpoints,
    queues: &Queues,
    journal: &Journal,
    faults: &Faults,
) -> LambdaOptions {
    let beside_template = || options.template.parent().unwrap_or(Path::new("")).join("target/debug");
    LambdaOptions {
        bin_dir: options.bin_dir.clone().unwrap_or_else(beside_template),
        endpoint: endpoints.aws.clone(),
        concurrency: options.concurrency,
        async_retry_delay: options.async_retry_delay.0,
        log_format: options.log_format,
        log,
        queues: queues.clone(),
        journal: journal.clone(),
        faults: faults.clone(),
        usage,
    }
}

fn limits(options: &UpOptions) -> Limits {
    let limits = &options.limits;
    Limits {
        message_bytes_max: limits.message_bytes_max,
        frame_bytes_max: limits.frame_bytes_max,
        idle_max: limits.idle_timeout.0,
        connection_max: limits.connection_max.0,
        integration_timeout: limits.integration_timeout.0,
    }
}
