//! `up`: puts the stack together, says when it is ready, and takes it down again.
//!
//! Both ports are taken before anything else, because the template's URLs name them. What is started last is what
//! calls functions by itself, and at the end it is stopped first.

mod parameters;

use std::{
    io::{Read as _, Write as _},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::JoinSet,
};

use self::parameters::Parameters;
use crate::{
    bus::Bus,
    cli::{Failure, Up},
    engine::Engine,
    faults::Faults,
    front::{self, Front, Names, Partitions},
    http_api::HttpFront,
    journal::Journal,
    lambda::{Lambda, LambdaOptions},
    log::{self, FunctionLog},
    page::{Local, Page, Site},
    queues::Queues,
    rights::Rights,
    secrets::Secrets,
    streams,
    template::{Endpoints, Stack},
    usage::Usage,
    websocket::{Limits, WebSockets},
};

/// How long the `$disconnect` functions may take at the end, all together.
const DISCONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Runs the stack until it is told to end.
pub(crate) async fn run(options: Up) -> Result<(), Failure> {
    log::init(options.log_format.into());
    raise_file_limit();
    let end = end_of_run(options.until_stdin_closes)?;
    let aws = bind(options.port, "--port").await?;
    let http = bind(options.http_port, "--http-port").await?;
    let endpoints = Endpoints { aws: url(&aws)?, http: url(&http)? };
    let parameters = Parameters::new(&options, http.local_addr().context("--http-port")?)?;
    let stack = Stack::load(&options.template, &parameters.given, &endpoints).map_err(Failure::Input)?;
    let site = options.site.as_deref().map(Site::open).transpose().map_err(Failure::Input)?;
    let ready = ready(&stack, &endpoints);

    let setup = Setup { aws, http, endpoints, stack, parameters, site, ready: ready.clone() };
    let running = Running::start(&options, setup).await?;
    announce(&ready, options.ready_file.as_deref())?;
    if options.site.is_some() {
        tracing::info!("the page is at {}", ready["http"].as_str().unwrap_or_default());
    }
    end.await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// Each client is a file, and each process of a function some ten: shells come with 256 or 1,024, where more are to be had.
fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "open at once"),
        Err(error) => tracing::warn!(%error, "the limit on open files stays as it was"),
    }
}

/// What a stack is started with.
struct Setup {
    aws: TcpListener,
    http: TcpListener,
    endpoints: Endpoints,
    stack: Stack,
    parameters: Parameters,
    site: Option<Site>,
    ready: Value,
}

/// A stack that runs.
struct Running {
    websockets: Arc<WebSockets>,
    lambda: Lambda,
    servers: JoinSet<()>,
    /// Whatever acts by itself: reads streams and queues, and cuts connections.
    pollers: JoinSet<()>,
    /// Last, for everything above may still write.
    _engine: Engine,
}

impl Running {
    async fn start(options: &Up, setup: Setup) -> Result<Self, Failure> {
        let Setup { aws, http, endpoints, stack, parameters, site, ready } = setup;
        // First, because it refuses a folder that another stack uses.
        let journal = Journal::open(options.data.as_deref())?;
        let engine = Engine::start(&stack.tables, options.data.as_deref()).await?;
        let visibility_max = options.visibility_max.map_or(Duration::MAX, |max| max.0);
        let queues = Queues::new(&stack, visibility_max, &journal)?;
        let rights = Rights::new(&stack, options.rights_log.as_deref())?;
        rights.check_mappings(&stack).map_err(Failure::Input)?;
        let faults = Faults::new(options.faults.settings());
        let lambda_options = lambda_options(options, &endpoints, &queues, &journal, &faults);
        let lambda = Lambda::start(&stack, lambda_options).await?;
        let bus = Bus::start(&stack, &lambda, &queues);
        let domain_name = aws.local_addr().context("--port")?.to_string();
        let api = stack.websocket.clone();
        let websockets =
            WebSockets::new(api, &domain_name, limits(options), lambda.clone(), faults.clone(), journal);
        let http_api = HttpFront::new(
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
        // What a function reads from without being invoked, it reads when it starts: so a wrong parameter, or a secret that
        // is not there, is found before anybody is told that the stack is ready.
        let starting: Vec<_> = rights.holders("secretsmanager:GetSecretValue").map(str::to_owned).collect();
        let front = Arc::new(Front {
            websockets: Arc::clone(&websockets),
            engine: engine.clone(),
            lambda: lambda.clone(),
            bus,
            queues: queues.clone(),
            secrets: Secrets::new(options.secret.iter().cloned()),
            names: Names::new(&stack),
            partitions: Partitions::of(&stack),
            rights,
            usage: Usage::default(),
            faults,
            ready,
        });
        let mut servers = JoinSet::new();
        servers.spawn(front::serve(aws, move |request, peer| Arc::clone(&front).answer(request, peer)));
        let page = Page::new(http_api, local, site);
        servers.spawn(front::serve(http, move |request, peer| Arc::clone(&page).answer(request, peer)));
        if let Err(error) = start_some(&lambda, &starting).await {
            lambda.stop().await;
            return Err(Failure::Input(error));
        }
        let mut pollers = streams::start(&stack, &engine, &lambda, &queues, options.data.clone());
        pollers.spawn(Arc::clone(&websockets).cut_some());
        websockets.disconnect_left_over()?;
        lambda.resume()?;
        Ok(Self { websockets, lambda, servers, pollers, _engine: engine })
    }

    async fn stop(mut self) {
        self.pollers.shutdown().await;
        self.websockets.close_all(DISCONNECT_PATIENCE).await;
        self.lambda.stop().await;
        self.servers.shutdown().await;
    }
}

/// Starts a process of each of these functions.
async fn start_some(lambda: &Lambda, functions: &[String]) -> anyhow::Result<()> {
    let starts = functions.iter().map(async |function| {
        lambda.start_one(function).await.with_context(|| format!("{function} cannot start"))
    });
    try_join_all(starts).await.map(drop)
}

fn lambda_options(
    options: &Up,
    endpoints: &Endpoints,
    queues: &Queues,
    journal: &Journal,
    faults: &Faults,
) -> LambdaOptions {
    let beside_template = || options.template.parent().unwrap_or(Path::new("")).join("target/debug");
    let log_format = options.log_format.into();
    LambdaOptions {
        bin_dir: options.bin_dir.clone().unwrap_or_else(beside_template),
        endpoint: endpoints.aws.clone(),
        concurrency: options.concurrency,
        async_retry_delay: options.async_retry_delay.0,
        log_format,
        log: FunctionLog::new(log_format, options.quiet_functions),
        queues: queues.clone(),
        journal: journal.clone(),
        faults: faults.clone(),
    }
}

fn limits(options: &Up) -> Limits {
    let limits = &options.limits;
    Limits {
        message_bytes_max: limits.message_bytes_max,
        frame_bytes_max: limits.frame_bytes_max,
        idle_max: limits.idle_timeout.0,
        connection_max: limits.connection_max.0,
        integration_timeout: limits.integration_timeout.0,
    }
}

async fn bind(port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.with_context(|| format!("port {port} cannot be had; {option} 0 takes a free one"))
}

fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// The line of JSON that says where everything is.
fn ready(stack: &Stack, endpoints: &Endpoints) -> Value {
    let websocket = endpoints.aws.replacen("http", "ws", 1);
    let own_bus = stack.buses.iter().find(|bus| *bus != "default");
    json!({
        "websocket": format!("{websocket}/{}", stack.websocket.stage),
        "http": endpoints.http,
        "aws": endpoints.aws,
        "table": stack.tables.first().map(|table| table.name.as_str()),
        "bus": own_bus.map_or("default", String::as_str),
        "stage": stack.stage,
    })
}

/// Prints the line, after it stands in the file: who sees either can connect.
fn announce(ready: &Value, file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(file) = file {
        write_whole(file, &format!("{ready}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{ready}")?;
    stdout.flush()?;
    Ok(())
}

/// Writes a file that appears with all its content or not at all.
fn write_whole(file: &Path, content: &str) -> anyhow::Result<()> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(content.as_bytes())?;
    temporary.persist(file)?;
    Ok(())
}

/// Listens for SIGINT, SIGTERM and, where `until_stdin_closes`, the end of stdin. Resolves at the first of them.
fn end_of_run(until_stdin_closes: bool) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stdin = until_stdin_closes.then(watch_stdin).transpose()?;
    Ok(async move {
        let stdin_closed = async {
            match stdin {
                Some(closed) => _ = closed.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stdin_closed => {}
        }
    })
}

/// Reads stdin to its end, on a thread of its own that nobody waits for: such a read cannot be cancelled.
fn watch_stdin() -> anyhow::Result<oneshot::Receiver<()>> {
    let (open, closed) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut ignored = [0; 1024];
        while let Ok(1..) = std::io::stdin().read(&mut ignored) {}
        drop::<oneshot::Sender<()>>(open);
    })?;
    Ok(closed)
}
