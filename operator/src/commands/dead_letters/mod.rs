//! The command `dead-letters`: what could not be handled is listed, shown, put back where it came from, or dropped.
//!
//! # Layout
//! - here: the command line
//! - [`walk`]: the way through the queue
//! - [`letter`]: a letter, in whatever shape it lies there
//! - [`record`]: an item of the table as a record of its stream
//! - [`way_back`]: where a letter came from, and how it gets there again
//! - [`list`], [`settle`]: what the subcommands do

mod letter;
mod list;
mod record;
mod settle;
mod walk;
mod way_back;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand, builder::PossibleValuesParser};

use self::letter::{CODES, Letter, SOURCES};
use crate::{output::Output, stack::Place};

const HOW: &str = "\
SQS has no way to look at a message without receiving it. So each of these commands receives the letters, 10 in a call, which
hides them from other readers, and shows those again at its end that it leaves there. If it is killed, they are there again
after 2 minutes. Receiving changes nothing else: no letter is given up for being received often. A letter that another reader
hides meanwhile is not seen, and SQS may hold one back: the command says how many there are, and ends with exit code 1 if one of
them may have been meant. SQS counts its messages approximately, and up to a minute late.

`retry` puts each letter back where it came from, and deletes it only then, so none is lost; one may be handled twice, which the
keys and ids of events make harmless:
  bus, invocation   the function is invoked with the same event, whose id is its key (asynchronously, with Lambda's retries)
  outbox, stream    the record goes into the fan-out queue, as `broadcast` itself retries one; a record of `digest` is handed to it
  deliveries, timers, webhooks, files, queue
                    the message goes into the queue that it came from
  rule              if its target is a function or a queue, that gets the event; if it is ChatEventsUrl, the event can only be put on
                    the bus again, under a new id and for every rule that matches it, those of others as well: such letters are
                    left, unless --to-every-rule says that this does no harm
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
    Retry(RetryOptions),
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

#[derive(Debug, Args)]
struct RetryOptions {
    #[command(flatten)]
    which: SettleOptions,
    /// Also put events back that only the bus can take: every rule that matches gets them once more, under a new id.
    #[arg(long)]
    to_every_rule: bool,
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
