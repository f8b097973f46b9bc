//! The command `erase`: erases a user.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use funnelcast_aws::{clock::now, table::restrictions::OnErasure};
use funnelcast_core::{Channel, Timestamp, UserId};
use funnelcast_realtime::{
    Realtime,
    erase::{self, Erase, Erased, Survey},
};
use serde::Serialize;

use crate::{
    output::{Output, Progress, count, say},
    stack::Place,
};

const WHAT_FOLLOWS: &str = "\
Their messages are deleted, as everybody sees, with their files; whatever else names them is rewritten or removed. It takes two
runs, the second a minute after the first, which this command waits for. If it is interrupted or fails, run it again: it goes on
with what is left. Nothing brings back what is erased but a backup of the table.

Before: sign no more tokens for the user, and take them out of the participants that your backend sets. docs/operations.md says
place by place what is erased, what is not at once, and what is not found.

Examples:
  funnelcast erase --user user_1 --dry-run
  funnelcast erase --user user_1 --channel room:lobby --keep-bans";

/// What to do if the command fails on its way.
const UNFINISHED: &str = "not everything is erased; run the same command again to go on";

/// Erases a user: what they wrote, their files, and all that names them, in every conversation that they were in.
#[derive(Debug, Args)]
#[command(after_help = WHAT_FOLLOWS)]
pub(crate) struct EraseOptions {
    /// The user.
    #[arg(long, allow_hyphen_values = true)]
    user: UserId,
    /// Look through this channel as well, such as a room or a conversation in which they were a guest; may be repeated.
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<Channel>,
    /// Keep their mutes and bans, by their id, without the reasons.
    #[arg(long)]
    keep_bans: bool,
    /// For how many hours they cannot come back with a token that is still valid.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    bar: u32,
    /// End after the first run, and say when the second is due: the same command again.
    #[arg(long)]
    no_wait: bool,
    /// Only say what would be erased.
    #[arg(long)]
    dry_run: bool,
}

/// What has been erased.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    user: UserId,
    /// What each run has erased.
    runs: Vec<Erased>,
    /// When another run is due; absent once nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    again_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    user: UserId,
    #[serde(flatten)]
    survey: Survey,
    dry_run: bool,
}

/// Erases a user.
pub(crate) async fn run(place: &Place, output: Output, options: EraseOptions) -> Result<()> {
    let mut realtime = realtime(place).await?;
    let EraseOptions { user, channel, keep_bans, bar, no_wait, dry_run } = options;
    let restrictions = if keep_bans { OnErasure::Keep } else { OnErasure::Remove };
    let bar = Duration::from_hours(bar.into());
    let erase = Erase { user: user.clone(), restrictions, bar, also: channel };
    if dry_run {
        let survey = Box::pin(erase::survey(&realtime, &erase)).await?;
        return output.print(&Plan { user, survey, dry_run }, planned);
    }
    let mut done = Done { user, runs: Vec::new(), again_at: None };
    loop {
        let (erased, next) = one_run(&realtime, &erase).await?;
        done.runs.push(erased);
        match next {
            erase::Progress::Done => return output.print(&done, told),
            erase::Progress::Again(at) if no_wait => {
                done.again_at = Some(at);
                return output.print(&done, told);
            }
            erase::Progress::Again(at) => {
                say(format_args!("the second run begins at {at} ..."));
                tokio::time::sleep(at.since(now())).await;
                // With new credentials, as those of the first run may expire in the second.
                realtime = self::realtime(place).await.context(UNFINISHED)?;
            }
        }
    }
}

async fn realtime(place: &Place) -> Result<Realtime> {
    Box::pin(place.find().await?.realtime()).await
}

async fn one_run(realtime: &Realtime, erase: &Erase) -> Result<(Erased, erase::Progress)> {
    let (mut progress, mut seen) = (Progress::of("conversations looked through"), 0);
    let run = erase::run(realtime, erase, now(), |_, _| {
        progress.at(seen);
        seen += 1;
    });
    Box::pin(run).await.context(UNFINISHED)
}

fn told(Done { user, runs, again_at }: &Done) -> String {
    let runs = runs.iter().map(|run| {
        let Erased { connections, conversations, messages, reactions, events, files, rows } = *run;
        let counts = [
            count(conversations, "conversation"),
            count(messages, "message"),
            count(reactions, "reaction"),
            count(events, "other event"),
            count(files, "file"),
            count(connections, "connection"),
            count(rows, "row"),
        ];
        format!("{}\n", counts.join(", "))
    });
    let end = match again_at {
        None => format!("{user} is erased"),
        Some(at) => format!("{user} is not erased yet: run the same command again, not before {at}"),
    };
    runs.collect::<String>() + &end
}

fn planned(Plan { user, survey, .. }: &Plan) -> String {
    let Survey { connections, conversations, messages, files } = *survey;
    let counts = [count(messages, "message"), count(files, "file"), count(connections, "open connection")];
    let places = count(conversations, "conversation");
    format!("{user}: {} would be erased, and {places} looked through", counts.join(", "))
}
