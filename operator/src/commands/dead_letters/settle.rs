//! `retry` and `drop`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Result;
use serde::Serialize;

use super::{SettleOptions, Walk, letter::Letter, list::Shown, way_back::WayBack};
use crate::{
    output::{Output, count},
    stack::Stack,
};

/// What was done.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
    /// The letters that are gone from the queue, or would be.
    done: Vec<Shown>,
    /// Those that are still there, each with the reason.
    failed: Vec<Failed>,
    /// The ids for which there is no letter.
    unknown: Vec<String>,
    dry_run: bool,
}

/// What becomes of a letter that is the same as one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twin {
    /// It stays for the next time: it may be what a retry has led to, and putting that back would never end.
    Leave,
    Settle,
}

#[derive(Debug, Serialize)]
struct Failed {
    letter: Shown,
    error: String,
}

/// Puts letters back, and deletes each once it is there.
pub(super) async fn retry(stack: &Stack, output: Output, options: &SettleOptions) -> Result<ExitCode> {
    let config = stack.config()?;
    let put_back = async |letter: &Letter| {
        let way = WayBack::of(letter, stack).map_err(anyhow::Error::msg)?;
        if options.dry_run { Ok(()) } else { way.go(stack, &config).await }
    };
    let settled = settle(stack, options, Twin::Leave, put_back).await?;
    finish(output, &settled, "put back")
}

/// Deletes letters.
pub(super) async fn drop(stack: &Stack, output: Output, options: &SettleOptions) -> Result<ExitCode> {
    let settled = settle(stack, options, Twin::Settle, async |_: &Letter| Ok(())).await?;
    finish(output, &settled, "dropped")
}

/// Deletes those of the letters that `first` has dealt with. A letter that is not deleted is there again.
async fn settle(
    stack: &Stack,
    options: &SettleOptions,
    twin: Twin,
    first: impl AsyncFn(&Letter) -> Result<()>,
) -> Result<Settled> {
    let (mut settled, mut handled) =
        (Settled { dry_run: options.dry_run, ..Settled::default() }, BTreeSet::new());
    settled.unknown.clone_from(&options.ids);
    let mut walk = Walk::begin(stack).await?;
    while options.all || !settled.unknown.is_empty() {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            let is_named = options.all || settled.unknown.iter().any(|id| letter.is(id));
            settled.unknown.retain(|id| !letter.is(id));
            let is_new = twin == Twin::Settle
                || handled.insert(format!("{} {} {}", letter.source(), letter.id, letter.item));
            if !is_named || !is_new || !options.filter.lets_through(&letter) {
                walk.leave(letter);
                continue;
            }
            let shown = Shown::of(&letter, stack);
            let outcome = match first(&letter).await {
                Ok(()) if !options.dry_run => walk.mailbox.delete(&letter.mail).await.map_err(Into::into),
                outcome => outcome,
            };
            if options.dry_run || outcome.is_err() {
                walk.leave(letter);
            }
            match outcome {
                Ok(()) => settled.done.push(shown),
                Err(error) => settled.failed.push(Failed { letter: shown, error: format!("{error:#}") }),
            }
        }
    }
    walk.end().await?;
    Ok(settled)
}

fn finish(output: Output, settled: &Settled, verb: &str) -> Result<ExitCode> {
    output.print(settled, |settled| {
        let would = if settled.dry_run { "would be " } else { "" };
        let done = settled.done.iter().map(|Shown { message_id, source, reason, back_to, .. }| {
            let to = back_to.as_ref().filter(|_| verb == "put back").map(|to| format!(" -> {to}"));
            format!("{message_id}  {source}{}  {reason}\n", to.unwrap_or_default())
        });
        let failed =
            settled.failed.iter().map(|Failed { letter: Shown { message_id, source, .. }, error }| {
                format!("{message_id}  {source}  is still there: {error}\n")
            });
        let unknown = settled.unknown.iter().map(|id| format!("there is no letter {id}\n"));
        let sum = format!("{} {would}{verb}", count(settled.done.len(), "letter"));
        done.chain(failed).chain(unknown).chain([sum]).collect()
    })?;
    let is_done = settled.failed.is_empty() && settled.unknown.is_empty();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
