//! The countable costs of a file, which are the same on every machine: a picture of 2 MB in a conversation of two is uploaded,
//! examined, sent in a message of its own, opened once, and put into inboxes. Beside them is what `funnelcast cost` says of the
//! same.

use std::{io::Cursor, time::Duration};

use ::tests::{Cost, Invoked, Stack, Usage, User, eventually, fetch, unique};
use anyhow::{Context as _, Result, ensure};
use http::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::chat::joined;

/// The sides of a picture of 2 MB, none of which can be compressed.
const SIDE: u32 = 816;
/// How long nothing must have happened before the costs are counted.
const SETTLED: Duration = Duration::from_secs(2);
/// The functions that take part. Timers of the connections run beside them.
const FUNCTIONS: [&str; 5] = ["http-api", "files", "send", "broadcast", "digest"];
/// The operations of `funnelcast cost` that make up the same.
const OPERATIONS: [&str; 2] = ["file", "digest"];
/// How often `files` is invoked: by the event of S3, and 10 s later by a message, in case the event was lost.
const EXAMINATIONS: u64 = 2;

/// The costs of one file, counted or estimated.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filed {
    /// Where the figures come from.
    pub(crate) by: &'static str,
    pub(crate) s3_puts: u64,
    pub(crate) s3_gets: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) invocations: u64,
    /// The bytes of all events and responses of functions. The file's own bytes are not among them.
    pub(crate) payload_bytes: Option<u64>,
    /// The bytes that `files` read from S3 and wrote to it, within the region.
    pub(crate) examined_bytes: Option<u64>,
    /// What a million files cost. In the counted figure, what is not counted (time, frames, requests to queues and log lines) is
    /// that of `funnelcast cost`.
    pub(crate) dollars_a_million: f64,
}

/// Counts the costs, and estimates them by `funnelcast cost`.
pub(crate) async fn measure() -> Result<[Filed; 2]> {
    let stack = crate::stack(&["--quiet-functions"])?;
    let (bytes, usage) = counted(&stack).await?;
    let estimated = estimate().await?;
    let (s3_puts, s3_gets) = usage.s3();
    let all = FUNCTIONS.iter().fold(Cost::default(), |all, function| all.and(usage.of(function)));
    let ours = || usage.invocations().iter().filter(|one| FUNCTIONS.contains(&one.function.as_str()));
    let sum = |of: fn(&Invoked) -> u64| ours().map(of).sum();
    let (invocations, payload_bytes): (u64, u64) = (sum(|one| one.count), sum(|one| one.bytes));
    ensure!(payload_bytes < bytes, "{payload_bytes} bytes of payloads: the file went through a function");
    let prices = &estimated.prices;
    let dollars_of = |puts: u64, gets: u64, writes: f64, reads: f64, invocations: u64| -> Result<f64> {
        let price = |name: &str| prices[name].as_f64().with_context(|| format!("the price {name}"));
        Ok(wide(puts) * price("s3MillionPuts")?
            + wide(gets) * price("s3MillionGets")?
            + writes * price("dynamodbMillionWrites")?
            + reads * price("dynamodbMillionReads")?
            + wide(invocations) * price("lambdaMillionRequests")?)
    };
    let of = &estimated.filed;
    let rest = of.dollars_a_million
        - dollars_of(of.s3_puts, of.s3_gets, of.write_units, of.read_units, of.invocations)?;
    let counted = Filed {
        by: "counted",
        s3_puts,
        s3_gets,
        read_units: all.read_units,
        write_units: all.write_units,
        invocations,
        payload_bytes: Some(payload_bytes),
        examined_bytes: Some(usage.s3_bytes("files")),
        dollars_a_million: rest + dollars_of(s3_puts, s3_gets, all.write_units, all.read_units, invocations)?,
    };
    Ok([counted, estimated.filed])
}

/// Uploads, sends and opens a picture. Returns its size in bytes, and what all of it has used.
async fn counted(stack: &Stack) -> Result<(u64, Usage)> {
    let company = unique("biz");
    let (ann_user, bob_user) = (User::customer_of(&company), User::customer_of(&company));
    let channel = stack.conversation(&company, &[&ann_user, &bob_user]).await?;
    let (mut ann, mut bob) =
        (joined(stack, &ann_user, &channel).await?, joined(stack, &bob_user, &channel).await?);
    ann.say(&channel, "the log has begun").await?;
    bob.event("chat.message").await?;
    settled(stack, |_| true).await?;
    stack.forget_usage().await?;
    let bytes = picture()?;
    let id = stack.put_file(&ann_user, &channel, "image/png", &bytes).await?;
    eventually("the picture to be examined", async || {
        Ok((stack.usage().await?.of("files").write_units >= 4.0).then_some(()))
    })
    .await?;
    let message =
        json!({"channel": channel, "event": "chat.message", "key": "file", "data": {"attachments": [id]}});
    ann.call("send", message).await?;
    bob.event("chat.message").await?;
    let link = stack.file_link(&bob_user, &id, "original").await?.done()?;
    let read = fetch(Method::GET, link["url"].as_str().context("a URL")?, &[].into(), "").await?;
    ensure!(read.status.is_success(), "the picture cannot be read: {}", read.status);
    let examined = |usage: &Usage| {
        let files = usage.invocations().iter().find(|one| one.function == "files");
        files.is_some_and(|files| files.count >= EXAMINATIONS)
    };
    let usage = settled(stack, examined).await?;
    Ok((u64::try_from(bytes.len())?, usage))
}

/// Waits until the stack is idle and `is_so` holds; returns what has been used by then.
async fn settled(stack: &Stack, is_so: impl Fn(&Usage) -> bool) -> Result<Usage> {
    let mut before = stack.usage().await?;
    eventually("the stack to be idle", async || {
        tokio::time::sleep(SETTLED).await;
        let now = stack.usage().await?;
        let is_settled = is_so(&now) && now.invocations() == before.invocations();
        before = now;
        Ok(is_settled.then(|| before.clone()))
    })
    .await
}

/// A picture of noise that is the same each time.
fn picture() -> Result<Vec<u8>> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        state.to_be_bytes()[0]
    };
    let drawn = RgbImage::from_fn(SIDE, SIDE, |_, _| Rgb([next(), next(), next()]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(drawn).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// What `funnelcast cost` says, and its prices.
struct Estimated {
    filed: Filed,
    prices: Value,
}

async fn estimate() -> Result<Estimated> {
    let read = |name: &str| -> Result<Value> {
        let path = crate::root().join("local/src/cost").join(name);
        Ok(yaml_serde::from_str(&std::fs::read_to_string(path)?)?)
    };
    let (prices, counted) = (read("prices.yaml")?, read("operations.yaml")?);
    let operations = counted["operations"].as_array().context("operations")?;
    let number = |of: &Value, name: &str| of[name].as_f64().with_context(|| name.to_owned());
    let mut filed = Filed { by: "funnelcast cost", ..Filed::default() };
    for name in OPERATIONS {
        let operation = operations.iter().find(|one| one["name"] == name).with_context(|| name.to_owned())?;
        let options = ["cost", "--operation", name, "--members", "2", "--json"];
        let output = Command::new(crate::built()?.join("funnelcast-local")).args(options).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout)?;
        let estimate = &said["estimates"][0];
        filed.s3_puts += operation["s3Puts"].as_u64().unwrap_or_default();
        filed.s3_gets += operation["s3Gets"].as_u64().unwrap_or_default();
        filed.read_units += number(estimate, "readUnits")?;
        filed.write_units += number(estimate, "writeUnits")?;
        filed.invocations += estimate["invocations"].as_u64().context("invocations")?;
        filed.dollars_a_million += number(estimate, "dollarsTotal")? * 1e6;
    }
    Ok(Estimated { filed, prices })
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn wide(count: u64) -> f64 {
    count as f64
}
