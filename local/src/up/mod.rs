//! The command `up`: puts the stack together, announces when it is ready, and stops it at the end.
//!
//! # Layout
//! - [`options`]: the options of the command; [`parameters`]: the template's parameters on this machine.
//! - [`running`]: the parts of a stack, in the order in which they start and stop.
//! - [`ready`]: the line of JSON that says where everything is, and how another stack on the port is recognised.

mod options;
mod parameters;
mod ready;
mod running;

use std::{
    io::{ErrorKind, Read as _},
    net::Ipv4Addr,
};

use anyhow::{Context as _, anyhow};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

pub(crate) use self::{
    options::UpOptions,
    parameters::{DEV_KEY, OTHER_TABLE, secrets_named},
    ready::{OtherStack, write as write_ready_file},
};
use self::{
    parameters::Parameters,
    running::{Running, Setup},
};
use crate::{
    command::Failure,
    log,
    page::Site,
    template::{Endpoints, Stack},
};

/// Runs the stack until it is told to end.
pub(crate) async fn run(options: UpOptions) -> Result<(), Failure> {
    log::init(options.log_format);
    raise_file_limit();
    let end = end_of_run(options.until_stdin_closes)?;
    // Both ports are opened before anything else, because the template's URLs name them.
    let aws = bind(options.port, "--port").await?;
    let http = bind(options.http_port, "--http-port").await?;
    let endpoints = Endpoints { aws: url(&aws)?, http: url(&http)? };
    let parameters = Parameters::new(&options, http.local_addr().context("--http-port")?)?;
    let stack = Stack::load(&options.template, &parameters.given, &endpoints).map_err(Failure::Input)?;
    let site = options.site.as_deref().map(Site::open).transpose().map_err(Failure::Input)?;
    let ready = ready::line(&stack, &endpoints);

    let setup = Setup { aws, http, endpoints, stack, parameters, site, ready: ready.clone() };
    let running = Running::start(&options, setup).await?;
    ready::announce(&ready, options.ready_file.as_deref())?;
    if options.site.is_some() {
        tracing::info!("the page is at {}", ready["http"].as_str().unwrap_or_default());
    }
    end.await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// Raises the limit on open files: each client takes one and each process of a function about ten, while shells start
/// with a limit of 256 or 1,024.
fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "raised the limit on open files"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit on open files"),
    }
}

async fn bind(port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let error = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let other_port = format!("{option} 0 takes a free port");
    let what = match OtherStack::on(port).await {
        Some(_) => format!("another local stack is running there; end it, or {other_port}"),
        None if error.kind() == ErrorKind::AddrInUse => format!("another program is using it; {other_port}"),
        None => other_port,
    };
    Err(anyhow!(error).context(format!("cannot open port {port}: {what}")))
}

fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Listens for SIGINT, SIGTERM, SIGHUP (its terminal was closed) and, if `until_stdin_closes`, the end of stdin. The future
/// resolves at the first of them. A program that was started with SIGHUP ignored, as by `nohup`, goes on ignoring it.
pub(crate) fn end_of_run(until_stdin_closes: bool) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup())).transpose()?;
    let stdin = until_stdin_closes.then(watch_stdin).transpose()?;
    Ok(async move {
        let stdin_closed = async {
            match stdin {
                Some(closed) => _ = closed.await,
                None => std::future::pending().await,
            }
        };
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => _ = hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            () = hung_up => {}
            _ = terminate.recv() => {}
            () = stdin_closed => {}
        }
    })
}

/// Whether this process was started with SIGHUP ignored, whose bit in the mask is the first. Where there is no /proc, it counts
/// as not ignored.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Reads stdin to its end, on a thread that nobody waits for, as such a read cannot be cancelled.
fn watch_stdin() -> anyhow::Result<oneshot::Receiver<()>> {
    let (open, closed) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut ignored = [0; 1024];
        while let Ok(1..) = std::io::stdin().read(&mut ignored) {}
        drop::<oneshot::Sender<()>>(open);
    })?;
    Ok(closed)
}
