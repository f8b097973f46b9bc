//! `retry` and `drop`.

use std::process::ExitCode;

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
    let settled = settle(stack, options, put_back).await?;
    finish(output, &settled, "put back")
}

/// Deletes letters.
pub(super) async fn drop(stack: &Stack, output: Output, options: &SettleOptions) -> Result<ExitCode> {
    let settled = settle(stack, options, async |_: &Letter| Ok(())).await?;
    finish(output, &settled, "dropped")
}

/// Deletes those of the letters that `first` has dealt with. A letter that is not deleted is there again.
async fn settle(
    stack: &Stack,
    options: &SettleOptions,
    first: impl AsyncFn(&Letter) -> Result<()>,
) -> Result<Settled> {
    let mut settled =
        Settled { dry_run: options.dry_run, unknown: options.ids.clone(), ..Settled::default() };
    let mut walk = Walk::begin(stack).await?;
    loop {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            let named = options.all || options.ids.iter().any(|id| letter.is(id));
            settled.unknown.retain(|id| !letter.is(id));
            if !named || !options.filter.lets_through(&letter) {
                walk.leave(letter);
                continue;
            }
            let shown = Shown::of(&letter, stack);
            let outcome = match first(&letter).await {
                Ok(()) if !options.dry_run => walk.mailbox.delete(&letter.mail).await.map_err(Into::into),
                outcome => outcome,
            };
            match outcome {
                Ok(()) => settled.done.push(shown),
                Err(error) => settled.failed.push(Failed { letter: shown, error: format!("{error:#}") }),
            }
            if options.dry_run
                || settled.failed.last().is_some_and(|failed| failed.letter.message_id == letter.mail.id)
            {
                walk.leave(letter);
            }
        }
        if !options.all && settled.unknown.is_empty() {
            break;
        }
    }
    walk.end().await?;
    Ok(settled)
}

fn finish(output: Output, settled: &Settled, verb: &str) -> Result<ExitCode> {
    output.print(settled, |settled| {
        let would = if settled.dry_run { "would be " } else { "" };
        let mut text = String::new();
        for Shown { message_id, source, reason, back_to, .. } in &settled.done {
            let to = back_to.as_ref().filter(|_| verb == "put back").map(|to| format!(" -> {to}"));
            text += &format!("{message_id}  {source}{}  {reason}\n", to.unwrap_or_default());
        }
        for Failed { letter, error } in &settled.failed {
            text += &format!("{}  {}  is still there: {error}\n", letter.message_id, letter.source);
        }
        for id in &settled.unknown {
            text += &format!("there is no letter {id}\n");
        }
        text + &format!("{} {would}{verb}", count(settled.done.len(), "letter"))
    })?;
    let is_done = settled.failed.is_empty() && settled.unknown.is_empty();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
