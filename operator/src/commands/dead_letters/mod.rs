//! The command `dead-letters`: what could not be handled is listed, shown, put back where it came from, or dropped.
//!
//! # Layout
//! - here: the command line, and the walk through the queue
//! - [`letter`]: a letter, in whatever shape it lies there
//! - [`record`]: an item of the table as a record of its stream
//! - [`way_back`]: where a letter came from, and how it gets there again
//! - [`list`], [`settle`]: what the subcommands do

mod letter;
mod list;
mod record;
mod settle;
mod way_back;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use funnelcast_aws::account::mail::{Mail, Mailbox};

use self::letter::{CODES, Letter, SOURCES};
use crate::{
    output::{Output, Progress, count},
    stack::{Place, Stack},
};

const HOW: &str = "\
SQS has no way to look at a message without receiving it. So each of these commands receives the letters, 10 in a call, which
hides them from other readers, and shows those again at its end that it leaves there. If it is killed, they are there again
after 2 minutes. Receiving changes nothing else: no letter is given up for being received often. A letter that another reader
hides meanwhile is not seen: the command says how many there are, and ends with exit code 1 if one of them may have been meant.

`retry` puts each letter back where it came from, and deletes it only then, so none is lost; one may be handled twice, which the
keys and ids of events make harmless:
  bus, invocation   the function is invoked with the same event, whose id is its key (asynchronously, with Lambda's retries)
  outbox, stream    the record goes into the fan-out queue, as `broadcast` itself retries one; a record of `digest` is handed to it
  deliveries, timers, webhooks, files, queue
                    the message goes into the queue that it came from
  rule              its target gets the event
A batch of which only the numbers are known (batch), and a letter that was cut, cannot be put back. Of letters of the same item,
--all and the id of the letter put back one, and leave the others, with exit code 1: they may be what that has led to.

The id of a message means that message alone, the id of a letter all that have it. One that begins with a dash comes after --.

Examples:
  funnelcast dead-letters list
  funnelcast dead-letters retry --all --code internal --dry-run
  funnelcast dead-letters drop 0b2f3c1e-8f7a-4f0e-9c39-0d5b7d0f7a11";

/// Lists, shows, retries and drops what could not be handled and waits in the dead-letter queue.
#[derive(Debug, Args)]
#[command(after_help = HOW)]
pub(crate) struct DeadLettersOptions {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the letters: how many of each source and reason, and each with its id and age.
    List(ListOptions),
    /// Shows a letter whole, with the item that could not be handled.
    Show {
        /// The id of the message or of the letter, as `list` shows them.
        id: String,
    },
    /// Puts letters back where they came from, and deletes them once they are there.
    Retry(SettleOptions),
    /// Deletes letters for good.
    Drop(SettleOptions),
}

#[derive(Debug, Args)]
struct ListOptions {
    #[command(flatten)]
    filter: Filter,
    /// The most letters that are looked at.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
}

#[derive(Debug, Args)]
struct SettleOptions {
    /// Ids of messages or of letters, as `list` shows them.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All letters, or all that the filters let through.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Which letters are meant.
#[derive(Debug, Clone, Default, Args)]
struct Filter {
    /// Only those of this source, such as bus, outbox or timers.
    #[arg(long, hide_possible_values = true, value_parser = PossibleValuesParser::new(SOURCES))]
    source: Option<String>,
    /// Only those with this code, such as `bad_request`; `internal` is a failure, any other a refusal.
    #[arg(long, hide_possible_values = true, value_parser = PossibleValuesParser::new(CODES))]
    code: Option<String>,
    /// Only those whose reason contains this text.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Filter {
    fn lets_through(&self, letter: &Letter) -> bool {
        self.source.as_deref().is_none_or(|source| letter.source() == source)
            && self.code.as_deref().is_none_or(|code| letter.code.as_deref() == Some(code))
            && self.reason.as_deref().is_none_or(|text| letter.reason.contains(text))
    }
}

/// Runs a subcommand.
pub(crate) async fn run(place: &Place, output: Output, options: DeadLettersOptions) -> Result<ExitCode> {
    let stack = place.find().await?;
    match options.command {
        Command::List(options) => list::list(&stack, output, &options).await,
        Command::Show { id } => list::show(&stack, output, &id).await,
        Command::Retry(options) => settle::retry(&stack, output, &options).await,
        Command::Drop(options) => settle::drop(&stack, output, &options).await,
    }
}

/// A walk through the dead-letter queue, which shows again in the end what was left.
struct Walk {
    mailbox: Mailbox,
    left: Vec<Mail>,
    progress: Progress,
    looked_at: usize,
    /// How many letters there were about at the beginning, and how many of them were hidden by other readers.
    about: u64,
    hidden: u64,
    /// Whether there are none for certain. SQS itself only counts approximately.
    is_empty: bool,
}

impl Walk {
    async fn begin(stack: &Stack) -> Result<Self> {
        let url = stack.variable("DEAD_LETTERS_URL").context("the functions name no dead-letter queue")?;
        let queue = stack.account.queue(url).await?.with_context(|| format!("there is no queue {url}"))?;
        let about = queue.waiting + queue.hidden;
        Ok(Self {
            mailbox: stack.account.mailbox(url),
            left: Vec::new(),
            progress: Progress::of("letters received"),
            looked_at: 0,
            about,
            hidden: queue.hidden,
            is_empty: about == 0 && stack.account.is_local(),
        })
    }

    /// The next letters; none at the end.
    async fn next(&mut self) -> Result<Vec<Letter>> {
        if self.is_empty {
            return Ok(Vec::new());
        }
        let mail = self.mailbox.next().await?;
        self.looked_at += mail.len();
        self.progress.at(self.looked_at);
        Ok(mail.into_iter().map(Letter::read).collect())
    }

    /// Leaves a letter where it is.
    fn leave(&mut self, letter: Letter) {
        self.left.push(letter.mail);
    }

    /// About how many letters another reader hides, so that this walk has not seen them.
    fn hidden(&self) -> u64 {
        unseen(self.hidden, self.about, self.looked_at)
    }

    /// Shows again what was left.
    async fn end(self) -> Result<()> {
        Ok(self.mailbox.release(&self.left).await?)
    }
}

/// How many of the `hidden` letters were not among those that were looked at. SQS counts late what has just been shown again.
fn unseen(hidden: u64, about: u64, looked_at: usize) -> u64 {
    hidden.min(about.saturating_sub(u64::try_from(looked_at).unwrap_or(u64::MAX)))
}

/// That there are letters which were not seen; nothing if there are none.
fn hidden_text(hidden: u64) -> Option<String> {
    let letters = count(usize::try_from(hidden).unwrap_or(usize::MAX), "more letter");
    (hidden > 0).then(|| {
        format!("another reader hides about {letters} (a command that was interrupted does so for 2 minutes); try again later")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_reader_hides_is_counted() {
        assert_eq!(unseen(0, 3, 3), 0);
        assert_eq!(unseen(2, 3, 1), 2);
        assert_eq!(unseen(3, 3, 0), 3);
        // They were shown again since, or the count was late.
        assert_eq!(unseen(2, 3, 3), 0);
        // A walk that ended at its limit.
        assert_eq!(unseen(1, 2_000, 1_000), 1);
        assert_eq!(hidden_text(0), None);
        assert!(hidden_text(2).unwrap().starts_with("another reader hides about 2 more letters"));
    }
}
