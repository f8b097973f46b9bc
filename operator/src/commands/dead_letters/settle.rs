//! `retry` and `drop`.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::{SettleOptions, Walk, hidden_text, letter::Letter, list::Shown, way_back::WayBack};
use crate::{
    output::{Output, count, printable},
    stack::Stack,
};

/// Why a twin is left.
const TWIN: &str = "it has the same item as a letter before it, or is what that has led to; run the command again to settle it";

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
    /// About how many another reader hides, one of which may have been meant.
    hidden: u64,
    dry_run: bool,
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
    let mut settled = Settled { dry_run: options.dry_run, ..Settled::default() };
    let (mut walk, mut chooser) = (Walk::begin(stack).await?, Chooser::new(options, twin));
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
    if chooser.wants_more() {
        settled.hidden = walk.hidden();
    }
    settled.unknown = chooser.unknown;
    walk.end().await?;
    Ok(settled)
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

fn finish(output: Output, settled: &Settled, verb: &str) -> Result<ExitCode> {
    output.print(settled, |settled| {
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
        let hidden = hidden_text(settled.hidden).map(|hidden| format!("; {hidden}"));
        done.chain(failed).chain(unknown).chain([sum]).chain(hidden).collect()
    })?;
    let is_done = settled.failed.is_empty() && settled.unknown.is_empty() && settled.hidden == 0;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use funnelcast_aws::account::mail::Mail;
    use serde_json::json;

    use super::{super::Filter, *};

    /// Two letters of one item, and one of another.
    fn letters() -> [Letter; 3] {
        [("m1", "e1"), ("m2", "e1"), ("m3", "e3")].map(|(message, id)| {
            let body =
                json!({"source": "bus", "id": id, "code": "internal", "reason": "", "item": {"id": id}});
            Letter::read(Mail { id: message.to_owned(), body: body.to_string(), ..Mail::default() })
        })
    }

    /// What becomes of the letters, and whether a walk that has seen them would go on.
    fn chosen(ids: &[&str], twin: Twin) -> ([Choice; 3], bool) {
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        let options = SettleOptions { all: ids.is_empty(), ids, filter: Filter::default(), dry_run: false };
        let mut chooser = Chooser::new(&options, twin);
        let choices = letters().map(|letter| chooser.choose(&letter));
        assert!(chooser.unknown.is_empty(), "{:?}", chooser.unknown);
        (choices, chooser.wants_more())
    }

    #[test]
    fn the_id_of_a_message_means_that_message_alone() {
        use Choice::{Leave, Settle};
        for twin in [Twin::Leave, Twin::Settle] {
            assert_eq!(chosen(&["m2"], twin), ([Leave, Settle, Leave], false));
            assert_eq!(chosen(&["m1", "m2"], twin), ([Settle, Settle, Leave], false));
        }
    }

    #[test]
    fn the_id_of_a_letter_means_all_that_have_it() {
        use Choice::{Leave, Settle, Twin as Same};
        assert_eq!(chosen(&["e1"], Twin::Settle), ([Settle, Settle, Leave], true));
        assert_eq!(chosen(&["e1"], Twin::Leave), ([Settle, Same, Leave], true));
        assert_eq!(chosen(&[], Twin::Settle), ([Settle, Settle, Settle], true));
        assert_eq!(chosen(&[], Twin::Leave), ([Settle, Same, Settle], true));
    }

    #[test]
    fn a_letter_that_the_filters_hold_back_is_not_found() {
        let filter = Filter { source: Some("timers".to_owned()), ..Filter::default() };
        let options = SettleOptions { ids: vec!["m1".to_owned()], all: false, filter, dry_run: false };
        let mut chooser = Chooser::new(&options, Twin::Settle);
        assert_eq!(letters().map(|letter| chooser.choose(&letter)), [const { Choice::Leave }; 3]);
        assert_eq!(chooser.unknown, ["m1"]);
    }
}
