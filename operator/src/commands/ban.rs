//! The command `ban`: keeps a user out of a conversation or of a company's conversations, mutes them there, or lifts that.

use anyhow::{Context as _, Result, ensure};
use clap::{ArgGroup, Args};
use funnelcast_aws::{Table, clock::now, table::connections::Connection};
use funnelcast_core::{
    CompanyId, ConversationId, Timestamp, UserId, Version,
    http_api::ModerationReply,
    identity::Role,
    moderation::{Moderation, Reason, Restriction, RestrictionKind, Scope},
    version::Clock,
};
use funnelcast_realtime::moderation::{self, Moderator};
use serde::Serialize;

use crate::{output::Output, stack::Place};

const WHAT_FOLLOWS: &str = "\
A ban concerns conversations: a user who is banned may neither join, send nor read there, and their live connections are removed
before this command ends. Team members of the company are not concerned. It is the operation that the backend's event
`Moderation` and POST /api/websocket/moderation do (docs/moderation.md).

Examples:
  funnelcast ban --user user_1 --company biz_1 --until 2027-01-01T00:00:00Z --reason spam
  funnelcast ban --user user_1 --conversation conv-123 --mute
  funnelcast ban --user user_1 --company biz_1 --lift";

/// Keeps a user out of a conversation, or out of all conversations of a company.
#[derive(Debug, Args)]
#[command(after_help = WHAT_FOLLOWS, group = ArgGroup::new("where").required(true), group = ArgGroup::new("what"))]
pub(crate) struct BanOptions {
    /// The user.
    #[arg(long, allow_hyphen_values = true)]
    user: UserId,
    /// In all conversations of this company.
    #[arg(long, group = "where", allow_hyphen_values = true)]
    company: Option<CompanyId>,
    /// In this conversation.
    #[arg(long, group = "where", allow_hyphen_values = true)]
    conversation: Option<ConversationId>,
    /// Until this time, such as 2027-01-01T00:00:00Z [default: for good].
    #[arg(long, value_name = "TIME", conflicts_with = "lift", value_parser = future)]
    until: Option<Timestamp>,
    /// The reason, which the user is told.
    #[arg(long, value_name = "TEXT", conflicts_with = "lift")]
    reason: Option<String>,
    /// Let them read, but not send.
    #[arg(long, group = "what")]
    mute: bool,
    /// Lift what restricts them there.
    #[arg(long, group = "what")]
    lift: bool,
    /// Only say how they are restricted now, and which connections would feel it.
    #[arg(long)]
    dry_run: bool,
}

/// What a dry run finds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    user: UserId,
    now: Option<Restriction>,
    then: Restriction,
    /// The connections of the user that are open now, in whatever channels.
    connection_ids: Vec<String>,
    remarks: Vec<String>,
    dry_run: bool,
}

/// What a run has done.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    reply: ModerationReply,
    /// Why that may not be what was meant.
    remarks: Vec<String>,
}

impl BanOptions {
    fn moderation(&self) -> Result<Moderation> {
        let restriction = match (self.mute, self.lift) {
            (true, _) => RestrictionKind::Mute,
            (_, true) => RestrictionKind::None,
            _ => RestrictionKind::Ban,
        };
        let reason = self.reason.clone().map(Reason::try_from).transpose().context("--reason")?;
        Ok(Moderation {
            user_id: self.user.clone(),
            conversation_id: self.conversation.clone(),
            company_id: self.company.clone(),
            restriction,
            until: self.until,
            reason,
            timestamp: None,
            revision: None,
        })
    }
}

/// A time that is still to come: until one that has passed, nobody would be restricted, and what restricts them now would end.
fn future(text: &str) -> Result<Timestamp> {
    let at: Timestamp = text.parse()?;
    ensure!(at > now(), "must be in the future; --lift ends a ban");
    Ok(at)
}

/// Restricts a user.
pub(crate) async fn run(place: &Place, output: Output, options: BanOptions) -> Result<()> {
    let moderation = options.moderation()?;
    let scope = moderation.scope()?;
    let realtime = place.find().await?.realtime().await?;
    let now = now();
    let open = realtime.table().connections(&options.user).await?;
    if options.dry_run {
        let standing = realtime.table().restriction(&scope, &options.user).await?;
        let remarks = remarks(realtime.table(), &moderation, &scope, &open, now).await?;
        let plan = Plan {
            user: options.user,
            now: standing.map(|standing| standing.restriction).filter(|one| one.is_in_force(now)),
            then: moderation.restriction(),
            connection_ids: open.into_iter().map(|connection| connection.id.to_string()).collect(),
            remarks,
            dry_run: true,
        };
        return output.print(&plan, |plan| planned(plan, &scope));
    }
    let version = Version::new(None, None, (now, Clock::Receipt), now);
    let done = moderation::moderate(&realtime, Moderator::App, &moderation, &scope, version, None, now);
    let reply = Box::pin(done).await?;
    let remarks = remarks(realtime.table(), &moderation, &scope, &open, now).await?;
    output.print(&Done { reply, remarks }, |done| told(done, &scope))
}

/// What the stack knows that may make a restriction, or its end, have no effect.
async fn remarks(
    table: &Table,
    moderation: &Moderation,
    scope: &Scope,
    open: &[Connection],
    now: Timestamp,
) -> Result<Vec<String>> {
    let (user, mut remarks) = (&moderation.user_id, Vec::new());
    let company = match scope {
        Scope::Company(company) => Some(company.clone()),
        Scope::Conversation(conversation) => table.company_of(conversation).await?,
    };
    let Some(company) = company else {
        remarks
            .push("your backend has not set this conversation, or has ended it: is the id right?".to_owned());
        return Ok(remarks);
    };
    if open.iter().any(|connection| {
        connection
            .companies
            .iter()
            .any(|of| of.id == company && matches!(of.role, Role::Admin | Role::Member))
    }) {
        remarks.push(format!("{user} is connected as one of the team of {company}, whom nothing restricts"));
    }
    if let Scope::Conversation(_) = scope
        && let Some(wider) = table.restriction(&Scope::Company(company.clone()), user).await?
        && wider.restriction.is_in_force(now)
    {
        let what = if wider.restriction.restriction == RestrictionKind::Mute { "muted" } else { "banned" };
        remarks.push(format!("{user} is {what} in all conversations of {company}"));
    }
    Ok(remarks)
}

/// A text, and below it the remarks.
fn with_remarks(text: String, remarks: &[String]) -> String {
    remarks.iter().fold(text, |text, remark| format!("{text}\nnote: {remark}"))
}

fn told(Done { reply: done, remarks }: &Done, scope: &Scope) -> String {
    let until = done.until.map_or_else(|| "for good".to_owned(), |until| format!("until {until}"));
    let place = place(scope);
    let text = match done.restriction {
        RestrictionKind::None => format!("{} is not restricted in {place}", done.user_id),
        RestrictionKind::Mute => format!("{} is muted in {place} {until}", done.user_id),
        RestrictionKind::Ban => format!("{} is banned from {place} {until}", done.user_id),
    };
    with_remarks(text, remarks)
}

fn planned(plan: &Plan, scope: &Scope) -> String {
    let name = |restriction: Option<&Restriction>| match restriction.map(|one| one.restriction) {
        None | Some(RestrictionKind::None) => "not restricted",
        Some(RestrictionKind::Mute) => "muted",
        Some(RestrictionKind::Ban) => "banned",
    };
    let text = format!(
        "{} is {} in {} and would be {}; open connections: {}",
        plan.user,
        name(plan.now.as_ref()),
        place(scope),
        name(Some(&plan.then)),
        plan.connection_ids.len()
    );
    with_remarks(text, &plan.remarks)
}

fn place(scope: &Scope) -> String {
    match scope {
        Scope::Conversation(conversation) => format!("the conversation {conversation}"),
        Scope::Company(company) => format!("the conversations of {company}"),
    }
}
