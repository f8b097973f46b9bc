//! The command `connections`: who is connected.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{ArgGroup, Args};
use funnelcast_aws::{
    Resource as _, Table,
    clock::now,
    table::{Connection, Member},
};
use funnelcast_core::{Channel, CompanyId, Timestamp, UserId};
use serde::Serialize;

use crate::{
    output::{self, Output, Progress},
    stack::Place,
};

/// The most conversations of a page.
const PAGE: usize = 100;

const WHAT_IS_LISTED: &str = "\
There is no list of all connections, and nothing is scanned for one. What is read is:
  --user U       the connections of the user, joined to a channel or not (1 query)
  --company C    the members of the company's channels: company, funnel_updates, resource_updates, analytics and inbox (a query
                 each); with --conversations N, also those of its N conversations that were active last
  --channel CH   the members of one channel, such as conversation:conv-123
  none of them   the members of `system`, which clients of an app that shows system notices have joined
A connection that has joined none of these channels is in none of the last three lists. One that has just been lost is listed
until its lease ends.

Examples:
  funnelcast connections --user user_1
  funnelcast connections --company biz_1 --conversations 20 --json";

/// Lists the open connections of a user, a company or a channel. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = WHAT_IS_LISTED, group = ArgGroup::new("whose"))]
pub(crate) struct ConnectionsOptions {
    /// Those of this user.
    #[arg(long, group = "whose", allow_hyphen_values = true)]
    user: Option<UserId>,
    /// Those of the members of this company's channels.
    #[arg(long, group = "whose", allow_hyphen_values = true)]
    company: Option<CompanyId>,
    /// Those of the members of this channel.
    #[arg(long, group = "whose")]
    channel: Option<Channel>,
    /// With --company, also the members of so many of its conversations, the last active first.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "company")]
    conversations: usize,
}

/// A connection, as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    user: UserId,
    name: String,
    connection_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at: Option<Timestamp>,
    seen_at: Timestamp,
    expires_at: Timestamp,
    channels: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    connections: Vec<Row>,
    users: usize,
}

/// Lists connections.
pub(crate) async fn run(place: &Place, output: Output, options: ConnectionsOptions) -> Result<()> {
    let stack = place.find().await?;
    let table = Table::build(&stack.config()?).await?;
    let mut rows = match &options.user {
        Some(user) => table.connections(user).await?.into_iter().map(Row::from).collect(),
        None => members(&table, &channels(&table, &options).await?).await?,
    };
    rows.sort_by(|one, other| (&one.user, one.seen_at).cmp(&(&other.user, other.seen_at)));
    let mut users: Vec<_> = rows.iter().map(|row| &row.user).collect();
    users.dedup();
    let users = users.len();
    output.print(&Listed { connections: rows, users }, text)
}

/// The channels whose members are listed.
async fn channels(table: &Table, options: &ConnectionsOptions) -> Result<Vec<Channel>> {
    let Some(company) = &options.company else {
        return Ok(vec![options.channel.clone().unwrap_or(Channel::System)]);
    };
    let company_channels = [
        Channel::Company,
        Channel::FunnelUpdates,
        Channel::ResourceUpdates,
        Channel::Analytics,
        Channel::Inbox,
    ];
    let mut channels: Vec<_> = company_channels.iter().map(|of| of(company.clone())).collect();
    let (mut left, mut after) = (options.conversations, None);
    while left > 0 {
        let (page, next) = table.company_conversations(company, left.min(PAGE), after.as_ref()).await?;
        left -= page.len().min(left);
        channels.extend(page.into_iter().map(|listed| Channel::Conversation(listed.place.conversation)));
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok(channels)
}

/// The connections that are members of these channels, each once.
async fn members(table: &Table, channels: &[Channel]) -> Result<Vec<Row>> {
    let (mut rows, now) = (BTreeMap::<String, Row>::new(), now());
    let mut progress = Progress::of("connections found");
    for channel in channels {
        let mut pages = table.members(channel);
        while let Some(page) = pages.next().await? {
            for member in page.into_iter().filter(|member| member.is_live(now)) {
                let row = rows.entry(member.connection.to_string()).or_insert_with(|| Row::from(&member));
                row.channels.push(channel.to_string());
                row.seen_at = row.seen_at.max(member.seen_at);
            }
            progress.at(rows.len());
        }
    }
    Ok(rows.into_values().collect())
}

impl From<Connection> for Row {
    fn from(connection: Connection) -> Self {
        Self {
            user: connection.user,
            name: connection.name.as_str().to_owned(),
            connection_id: connection.id.to_string(),
            connected_at: Some(connection.connected_at),
            seen_at: connection.seen_at,
            expires_at: connection.expires_at,
            channels: connection.channels.iter().map(|joined| joined.channel.to_string()).collect(),
        }
    }
}

impl From<&Member> for Row {
    fn from(member: &Member) -> Self {
        Self {
            user: member.user.clone(),
            name: member.name.as_str().to_owned(),
            connection_id: member.connection.to_string(),
            connected_at: None,
            seen_at: member.seen_at,
            expires_at: member.expires_at,
            channels: Vec::new(),
        }
    }
}

fn text(Listed { connections, users }: &Listed) -> String {
    let row = |row: &Row| {
        let Row { user, name, connection_id, seen_at, expires_at, channels, .. } = row;
        [
            user.to_string(),
            name.clone(),
            connection_id.clone(),
            seen_at.to_string(),
            expires_at.to_string(),
            channels.join(" "),
        ]
    };
    let rows: Vec<_> = connections.iter().map(row).collect();
    let header = ["user", "name", "connection", "seen at", "expires at", "channels"];
    let sum =
        format!("{} of {}\n", output::count(connections.len(), "connection"), output::count(*users, "user"));
    if rows.is_empty() { sum } else { output::table(header, &rows) + &sum }
}
