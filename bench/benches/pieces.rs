//! The pieces of a `send`, one by one and in their order, by Criterion, because a figure for the whole does not say which piece
//! takes the time. `make bench ARGS="--only pieces"` runs it, with the table of a local stack and the environment of a function.
//!
//! It measures the CPU time of this process, and of the kernel for it. So the figure of `append`, which makes two requests to the
//! table, is what the requests cost us by way of the SDK, not how fast the table is; nor does other work of the machine count.

use std::{cell::Cell, hint::black_box, time::Duration};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use criterion::{
    BatchSize, Criterion,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use funnelcast_aws::{
    Config, Resource as _, Table,
    clock::{new_id, now},
    gateway::{Frame, Gateway},
    table::{Append, log::Known},
};
use funnelcast_core::{
    Channel, ConnectionId, Error, Identity, Seq,
    action::{Send, parse},
    frame::{Event, frames},
    identity::{COMPANIES_MAX, CompaniesBy, CompanyClaim, Role},
    policy::may_join,
    publication::Publication,
};
use nix::time::{ClockId, clock_gettime};
use serde_json::value::to_raw_value;
use tokio::runtime::{Builder, Runtime};

/// The request that a client sends.
const REQUEST: &str = include_str!("../../docs/samples/requests/send.chat.message.json");

fn main() -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (table, gateway) = runtime.block_on(async {
        let config = Config::from_env()?;
        tokio::try_join!(Table::build(&config), Gateway::build(&config))
    })?;
    let mut criterion = Criterion::default()
        .with_measurement(CpuTime(WallTime))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(50)
        .noise_threshold(0.05) // another layout of the same code makes as much of a difference
        .without_plots()
        .configure_from_args();
    let ann = ann()?;
    let event = draft(request()?, &ann)?.into_event(Some(Seq::ZERO.next()));

    criterion.bench_function("parse", |b| b.iter(|| parse::<Send>(black_box(REQUEST))));
    policy(&mut criterion, &ann, &event)?;
    criterion.bench_function("draft", |b| {
        b.iter_batched(request, |send| draft(send?, black_box(&ann)), BatchSize::SmallInput);
    });
    append(&mut criterion, &runtime, &table, &ann)?;
    criterion.bench_function("frame", |b| b.iter(|| frame(black_box(&event))));
    let (connection, frame): (ConnectionId, Frame) = ("dXaZ1cKqoA00001=".parse()?, frame(&event)?);
    // As the poster does for each attempt; only the connection's path and the signature are new in each request.
    let sign = || runtime.block_on(gateway.request(black_box(&connection), &frame));
    sign()?;
    criterion.bench_function("sign", |b| b.iter(sign));
    criterion.final_summary();
    Ok(())
}

fn request() -> Result<Send, Error> {
    parse(REQUEST).map(|request| request.action).map_err(|rejected| rejected.error)
}

/// A user of the teams of as many companies as a token may name.
fn ann() -> Result<Identity, Error> {
    let claim = |number| Ok(CompanyClaim { id: format!("biz_{number}").parse()?, role: Role::Member });
    Ok(Identity {
        user: "user_1".parse()?,
        name: "Ann".to_owned().try_into()?,
        companies: (1..=COMPANIES_MAX).map(claim).collect::<Result<_, Error>>()?,
        companies_by: CompaniesBy::Token,
        experiences: vec![],
        rooms: vec![],
        expires_at: now() + Duration::from_hours(1),
    })
}

/// Whether the user may join a channel of their last company, whether a client may publish this event, and in which lane.
fn policy(criterion: &mut Criterion<CpuTime>, ann: &Identity, event: &Event) -> Result<()> {
    let company: Channel = format!("company:biz_{COMPANIES_MAX}").parse()?;
    criterion.bench_function("policy", |b| {
        b.iter(|| {
            let row = black_box(&event.channel).kind().policy();
            let name = black_box(event.event);
            (may_join(ann, black_box(&company)), row.client_may_publish(name), row.lane(name))
        });
    });
    Ok(())
}

/// Turns the user's draft into a publication.
fn draft(send: Send, ann: &Identity) -> Result<Publication, Error> {
    Publication::from_client(send, ann, None, now(), || format!("msg_{}", new_id()))
}

/// Looks back from the last event of the log, and appends the next one; each has a key of its own.
fn append(
    criterion: &mut Criterion<CpuTime>,
    runtime: &Runtime,
    table: &Table,
    ann: &Identity,
) -> Result<()> {
    let put = |publication: Publication, known: Known| {
        runtime.block_on(async {
            let mut view = table.look_back(&publication.channel, known).await?;
            match table.append(&mut view, &publication).await? {
                Append::New(stored) => Ok(stored.seq),
                Append::Duplicate(stored) => Err(Error::Internal(format!("{} was there before", stored.seq))),
            }
        })
    };
    let fresh = || draft(Send { key: Some(new_id().parse()?), ..request()? }, ann);
    let head = Cell::new(put(fresh()?, Known::Nothing)?);
    let mut outcome = Ok(());
    criterion.bench_function("append", |b| {
        let next = |publication: Result<Publication, Error>| {
            head.set(put(publication?, Known::Base(head.get()))?);
            Ok::<_, Error>(())
        };
        let routine = |publication| {
            if outcome.is_ok() {
                outcome = next(publication);
            }
        };
        b.iter_batched(fresh, routine, BatchSize::SmallInput);
    });
    outcome.context("an append")
}

/// The frame of the event as it is posted, with the hash with which each post is signed.
fn frame(event: &Event) -> Result<Frame> {
    let event = to_raw_value(event)?;
    let frame = frames(&[&event])?.pop().context("a frame")?;
    Ok(Frame::from(Bytes::from(frame)))
}

/// Measures the CPU time of this process, and formats it like any other time.
struct CpuTime(WallTime);

impl CpuTime {
    /// The CPU time so far; zero where there is no such clock, so that nothing is measured.
    fn so_far() -> Duration {
        clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::so_far()
    }

    fn end(&self, begun: Duration) -> Duration {
        Self::so_far().saturating_sub(begun)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, time: &Duration) -> f64 {
        self.0.to_f64(time)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}
