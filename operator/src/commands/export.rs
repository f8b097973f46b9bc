//! The command `export`: a conversation, or what is stored of a user, as lines of JSON.

use std::io::{BufWriter, Write as _};

use anyhow::Result;
use clap::{ArgGroup, Args};
use funnelcast_aws::Resource as _;
use funnelcast_core::{ConversationId, Error, Seq, UserId};
use funnelcast_realtime::{access::Access, export};
use serde::Serialize;

use crate::{output::Progress, stack::Place};

const WHAT_IS_EXPORTED: &str = "\
A conversation is exported as `history` has it, an event on each line, from the first to the last. With --after, it goes on after the
`seq` of the last line that there is.

Of a user, what is stored of them: their connections, restrictions and roles, the conversations in which they take part or have been,
with the events that they sent, what was sent to them alone, and their files, whose bytes are the objects `file/ID` of the bucket. What
others wrote is only named by its place. Each line has a `kind` (docs/operations.md).

Examples:
  funnelcast export --conversation conv-123 > conv-123.jsonl
  funnelcast export --conversation conv-123 --after 5000 >> conv-123.jsonl
  funnelcast export --user user_1 > user_1.jsonl";

/// Exports a conversation or what is stored of a user, as JSON Lines. Changes nothing; 1 read by size for each 100 events.
#[derive(Debug, Args)]
#[command(after_help = WHAT_IS_EXPORTED, group = ArgGroup::new("of").required(true))]
pub(crate) struct ExportOptions {
    /// This conversation.
    #[arg(long, group = "of")]
    conversation: Option<ConversationId>,
    /// What is stored of this user.
    #[arg(long, group = "of")]
    user: Option<UserId>,
    /// Of a conversation, only the events after this seq.
    #[arg(long, value_name = "SEQ", requires = "conversation")]
    after: Option<u64>,
}

/// Exports.
pub(crate) async fn run(place: &Place, options: ExportOptions) -> Result<()> {
    let config = place.find().await?.config()?;
    let access = Access::build(&config).await?;
    let ExportOptions { conversation, user, after } = options;
    let after = after.map(Seq::try_from).transpose()?;
    let mut lines = Lines::new();
    if let Some(conversation) = conversation {
        let export = export::conversation(&access, &conversation, after, |event| lines.write(&event));
        Box::pin(export).await?;
    }
    if let Some(user) = user {
        Box::pin(export::user(&access, config.lease, &user, |line| lines.write(&line))).await?;
    }
    Ok(lines.out.flush()?)
}

/// Lines on stdout.
struct Lines {
    out: BufWriter<std::io::Stdout>,
    written: usize,
    progress: Progress,
}

impl Lines {
    fn new() -> Self {
        let out = BufWriter::new(std::io::stdout());
        Self { out, written: 0, progress: Progress::of("lines written") }
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, line).map_err(|error| Error::internal("a line", &error))?;
        self.out.write_all(b"\n").map_err(|error| Error::internal("stdout", &error))?;
        self.written += 1;
        self.progress.at(self.written);
        Ok(())
    }
}
