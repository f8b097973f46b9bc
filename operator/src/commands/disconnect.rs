//! The command `disconnect`: closes the connections of a user.

use anyhow::Result;
use clap::Args;
use funnelcast_core::{ConnectionId, UserId};
use funnelcast_realtime::membership::connection;
use serde::Serialize;

use crate::{
    output::{Output, count},
    stack::Place,
};

const WHAT_FOLLOWS: &str = "\
The user's client connects again by itself, as after any lost connection. `ban` keeps a user out of conversations; who must not
connect at all gets no more tokens from your backend.

Examples:
  funnelcast disconnect --user user_1 --dry-run
  funnelcast disconnect --user user_1";

/// Closes the connections of a user, as `DELETE /api/websocket/disconnect` does: 1 query, and 1 write and 1 call of API
/// Gateway for each.
#[derive(Debug, Args)]
#[command(after_help = WHAT_FOLLOWS)]
pub(crate) struct DisconnectOptions {
    /// The user.
    #[arg(long, allow_hyphen_values = true)]
    user: UserId,
    /// Only this one of their connections.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    connection: Option<ConnectionId>,
    /// Only say which connections would be closed.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Closed {
    user: UserId,
    connection_ids: Vec<ConnectionId>,
    dry_run: bool,
}

/// Closes connections.
pub(crate) async fn run(place: &Place, output: Output, options: DisconnectOptions) -> Result<()> {
    let realtime = place.find().await?.realtime().await?;
    let DisconnectOptions { user, connection: only, dry_run } = options;
    let connection_ids = if dry_run {
        let open = realtime.table().connections(&user).await?.into_iter().map(|connection| connection.id);
        open.filter(|id| only.as_ref().is_none_or(|only| only == id)).collect()
    } else {
        Box::pin(connection::close(&realtime, &user, only.as_ref())).await?
    };
    output.print(&Closed { user, connection_ids, dry_run }, |Closed { user, connection_ids, dry_run }| {
        let done = if *dry_run { "would be closed" } else { "closed" };
        let ids = connection_ids.iter().map(|id| format!("{id}\n"));
        ids.collect::<String>() + &format!("{} of {user} {done}", count(connection_ids.len(), "connection"))
    })
}
