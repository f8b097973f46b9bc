//! `retry` and `drop`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Context as _, Error, Result, anyhow, ensure};
use serde::Serialize;

use super::{
    RetryOptions, SettleOptions,
    letter::Letter,
    list::Shown,
    walk::{Unseen, Walk, failure},
    way_back::WayBack,
};
use crate::{
    output::{Output, count, printable},
    stack::Stack,
};

/// Why a twin is left.
const TWIN: &str = "it has the same item as a letter before it, or is what that has led to; run the command again to settle it";

/// Why an event is left that only the bus can take.
const TO_EVERY_RULE: &str = "its target cannot be given the event, only the bus, which gives it to every rule that matches, under a new id; --to-every-rule puts it there";

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
    /// About how many were not seen, one of which may have been meant.
    #[serde(flatten)]
    unseen: Unseen,
    dry_run: bool,
    /// Why not all was done, if the walk has failed.
    #[serde(skip)]
    failure: Option<Error>,
}

/// What becomes of a letter that is the same as one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twin {
    /// It stays for the next time: it may be what a retry has led to, and putting that back would never end.
    Leave,
    Settle,
}

/// What is to become of a letter.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// It is not meant.
    Leave,
    /// It is the same as one before it, and stays for the next time.
    Twin,
    Settle,
}

/// Which of the letters are meant, one after the other.
struct Chooser<'a> {
    options: &'a SettleOptions,
    twin: Twin,
    handled: BTreeSet<String>,
    /// The ids for which there was no letter yet.
    unknown: Vec<String>,
    /// The ids that are of no message so far: more letters may have one of these.
    open: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Failed {
    letter: Shown,
    error: String,
}

/// Puts letters back, and deletes each once it is there.
pub(super) async fn retry(stack: &Stack, output: Output, options: &RetryOptions) -> Result<ExitCode> {
    let config = stack.config()?;
    let RetryOptions { which, to_every_rule } = options;
    let put_back = async |letter: &Letter| {
        let way = WayBack::of(letter, stack).map_err(Error::msg)?;
        ensure!(*to_every_rule || !way.is_to_every_rule(), TO_EVERY_RULE);
        if which.dry_run { Ok(()) } else { way.go(stack, &config).await }
    };
    let settled = settle(stack, which, Twin::Leave, put_back).await?;
    finish(output, settled, "put back")
}

/// Deletes letters.
pub(super) async fn drop(stack: &Stack, output: Output, options: &SettleOptions) -> Result<ExitCode> {
    let settled = settle(stack, options, Twin::Settle, async |_: &Letter| Ok(())).await?;
    finish(output, settled, "dropped")
}

/// Deletes those of the letters that `first` has dealt with. A letter that is not deleted is there again. What was done is told
/// whatever fails then.
async fn settle(
    stack: &Stack,
    options: &SettleOptions,
    twin: Twin,
    first: impl AsyncFn(&Letter) -> Result<()>,
) -> Result<Settled> {
    let mut settled = Settled { dry_run: options.dry_run, ..Settled::default() };
    let (mut walk, mut chooser) = (Walk::begin(stack).await?, Chooser::new(options, twin));
    let walked = settle_each(&mut walk, &mut chooser, &mut settled, stack, first).await;
    if walked.is_ok() {
        if chooser.wants_more() {
            settled.unseen = walk.unseen();
        }
        settled.unknown = chooser.unknown;
    }
    settled.failure = failure(walked, walk.end().await);
    Ok(settled)
}

async fn settle_each(
    walk: &mut Walk,
    chooser: &mut Chooser<'_>,
    settled: &mut Settled,
    stack: &Stack,
    first: impl AsyncFn(&Letter) -> Result<()>,
) -> Result<()> {
    while chooser.wants_more() {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            let shown = Shown::of(&letter, stack);
            let outcome = match chooser.choose(&letter) {
                Choice::Leave => {
                    walk.leave(letter);
                    continue;
                }
                Choice::Twin => Err(anyhow!(TWIN)),
                Choice::Settle => first(&letter).await,
            };
            let outcome = match outcome {
                Ok(()) if !settled.dry_run => {
                    walk.mailbox.delete(&letter.mail).await.context(chooser.twin.undeleted())
                }
                outcome => outcome,
            };
            if settled.dry_run || outcome.is_err() {
                walk.leave(letter);
            }
            match outcome {
                Ok(()) => settled.done.push(shown),
                Err(error) => settled.failed.push(Failed { letter: shown, error: format!("{error:#}") }),
            }
        }
    }
    Ok(())
}

impl Twin {
    /// What is wrong with a letter that was dealt with, but not deleted.
    const fn undeleted(self) -> &'static str {
        match self {
            Self::Leave => "it has been put back, but could not be deleted",
            Self::Settle => "it could not be deleted",
        }
    }
}

impl<'a> Chooser<'a> {
    fn new(options: &'a SettleOptions, twin: Twin) -> Self {
        let (unknown, open) = (options.ids.clone(), options.ids.clone());
        Self { options, twin, handled: BTreeSet::new(), unknown, open }
    }

    /// Whether a letter that was not seen yet may be meant.
    fn wants_more(&self) -> bool {
        self.options.all || !self.open.is_empty()
    }

    fn choose(&mut self, letter: &Letter) -> Choice {
        let SettleOptions { ids, all, filter, .. } = self.options;
        if !filter.lets_through(letter) || !(*all || ids.iter().any(|id| letter.is(id))) {
            return Choice::Leave;
        }
        self.unknown.retain(|id| !letter.is(id));
        self.open.retain(|id| !letter.is_message(id));
        let is_new = self.handled.insert(format!("{} {} {}", letter.source(), letter.id, letter.item));
        // A message that is named is put back whatever was before it: there is no other with its id, so that comes to an end.
        let is_named = ids.iter().any(|id| letter.is_message(id));
        if is_new || is_named || self.twin == Twin::Settle { Choice::Settle } else { Choice::Twin }
    }
}

fn finish(output: Output, settled: Settled, verb: &str) -> Result<ExitCode> {
    output.print(&settled, |settled| {
        let would = if settled.dry_run { "would be " } else { "" };
        let done = settled.done.iter().map(|Shown { message_id, source, reason, back_to, .. }| {
            let to = back_to.as_ref().filter(|_| verb == "put back").map(|to| format!(" -> {to}"));
            let source = printable(source, "");
            format!("{message_id}  {source}{}  {}\n", to.unwrap_or_default(), printable(reason, ""))
        });
        let failed =
            settled.failed.iter().map(|Failed { letter: Shown { message_id, source, .. }, error }| {
                let source = printable(source, "");
                format!("{message_id}  {source}  is still there: {}\n", printable(error, ""))
            });
        let unknown = settled.unknown.iter().map(|id| format!("there is no letter {id}\n"));
        let left = match settled.failed.len() {
            0 => String::new(),
            number => format!(", {number} left"),
        };
        let sum = format!("{} {would}{verb}{left}", count(settled.done.len(), "letter"));
        let unseen = settled.unseen.text().map(|unseen| format!("; {unseen}"));
        done.chain(failed).chain(unknown).chain([sum]).chain(unseen).collect()
    })?;
    if let Some(failure) = settled.failure {
        return Err(failure);
    }
    let is_done = settled.failed.is_empty() && settled.unknown.is_empty() && settled.unseen.is_none();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests;
