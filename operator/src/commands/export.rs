//! The command `export`: a conversation, or what is stored of a user, as lines of JSON.

use std::io::{BufWriter, stdout};

use anyhow::{Result, ensure};
use clap::{ArgGroup, Args};
use funnelcast_aws::{Resource as _, Table};
use funnelcast_core::{Channel, ConversationId, Seq, UserId};
use funnelcast_realtime::{access::Access, export};

use crate::{output::Lines, stack::Place};

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
    #[arg(long, group = "of", allow_hyphen_values = true)]
    conversation: Option<ConversationId>,
    /// What is stored of this user.
    #[arg(long, group = "of", allow_hyphen_values = true)]
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
    let mut lines = Lines::to(BufWriter::new(stdout()));
    if let Some(conversation) = conversation {
        let export = export::conversation(&access, &conversation, after, |event| lines.write(&event));
        let outcome = Box::pin(export).await;
        let written = lines.end(outcome)?;
        let exists = written > 0 || exists(&access.table, &conversation).await?;
        ensure!(exists, "there is no conversation {conversation}");
    } else if let Some(user) = user {
        let outcome = Box::pin(export::user(&access, config.lease, &user, |line| lines.write(&line))).await;
        lines.end(outcome)?;
    }
    Ok(())
}

/// Whether there is such a conversation, even if it is empty or has ended, or was never set and has events: 2 reads.
async fn exists(table: &Table, conversation: &ConversationId) -> Result<bool> {
    let access = table.conversation_access(conversation, &UserId::erased()).await?;
    let (events, _) = table.log_page(&Channel::Conversation(conversation.clone()), Seq::ZERO).await?;
    Ok(access.company.is_some() || access.has_ended || !events.is_empty())
}
