//! The state of the stack at the end, as new members see it. An admin of each company reads the company's channels, conversations
//! and inbox, and each user's own channel is read as that user. These auditors have joined nothing before, and leave nothing in a
//! log. But members are told that an auditor is present, and those posts would discover a ghost among them. So auditors do not
//! check who is present; the devices do.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::part::Part;
use super::plan::Plan;
use super::record::{Event, Listed, Search};
use super::words;
use super::world::{World, has_log};
use crate::{Client, Role, Stack, User, events};

/// The prefix of the auditors' ids.
const AUDITOR: &str = "auditor_";

/// Events in a page.
const PAGE: u64 = 100;
/// Conversations in a page of an inbox: so few that there are several pages.
const INBOX_PAGE: u64 = 3;
/// Results in a page of a search.
const RESULTS: u64 = 20;

/// The state of the stack.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Every log, from its first event.
    pub(super) logs: BTreeMap<String, Vec<Event>>,
    /// The latest values, as joins return them.
    pub(super) latest: BTreeMap<String, Vec<Event>>,
    /// What the inboxes of the companies say, by the channel of the conversation.
    pub(super) inboxes: BTreeMap<String, Listed>,
    /// The results of the searches over the companies' conversations.
    pub(super) searches: Vec<Search>,
}

/// Reads everything, with all auditors at once.
pub(super) async fn look(stack: &Stack, world: &World, plan: &Plan) -> Result<Findings> {
    let mut auditors = Vec::new();
    for company in World::companies() {
        let user = User::called(&format!("{AUDITOR}{company}")).and(company, Role::Admin);
        let talks = world.conversations.iter().filter(|talk| talk.company == company);
        let mut channels: Vec<_> = talks.map(|talk| format!("conversation:{}", talk.id)).collect();
        let owner = format!(":{company}");
        channels.extend(world.channels().into_iter().filter(|channel| channel.ends_with(&owner)));
        auditors.push((user, Some(company), channels));
    }
    auditors.push((User::called(&format!("{AUDITOR}system")), None, vec!["system".to_owned()]));
    // Nobody else can join a user's own channel. It has no presence.
    let people = world.people.iter().filter(|person| !person.is_crowd);
    auditors.extend(people.map(|one| (User::called(&one.id), None, vec![format!("user:{}", one.id)])));

    let found =
        auditors.into_iter().map(|(user, company, channels)| one(stack, plan, user, company, channels));
    let mut all = Findings::default();
    for findings in try_join_all(found).await? {
        all.logs.extend(findings.logs);
        all.latest.extend(findings.latest);
        all.inboxes.extend(findings.inboxes);
        all.searches.extend(findings.searches);
    }
    Ok(all)
}

/// Whether a user is an auditor.
pub(super) fn is_auditor(user: &str) -> bool {
    user.starts_with(AUDITOR)
}

async fn one(
    stack: &Stack,
    plan: &Plan,
    user: User,
    company: Option<&str>,
    channels: Vec<String>,
) -> Result<Findings> {
    let mut client = stack.connect(&user).await?;
    let mut findings = Findings::default();
    for channel in channels {
        let joined = client.join(&channel).await?;
        findings.latest.insert(channel.clone(), latest(&mut client, &channel, &joined).await?);
        if has_log(&channel) {
            findings.logs.insert(channel.clone(), log(&mut client, &channel).await?);
        }
        client.call("ping", json!({})).await?; // the lease is short
    }
    if let Some(company) = company {
        findings.inboxes = inbox(&mut client, company).await?;
        for query in words::queries().filter(|_| plan.has(Part::Search)) {
            findings.searches.push(search(&mut client, company, query).await?);
            client.call("ping", json!({})).await?;
        }
    }
    client.close().await?;
    Ok(findings)
}

/// The whole inbox of a company.
async fn inbox(client: &mut Client, company: &str) -> Result<BTreeMap<String, Listed>> {
    client.join(&format!("inbox:{company}")).await?;
    let mut all = BTreeMap::new();
    let mut asked = json!({"companyId": company, "limit": INBOX_PAGE});
    loop {
        let page = client.call("inbox", asked.clone()).await?;
        for entry in page["conversations"].as_array().into_iter().flatten() {
            let last = &entry["last"];
            let listed = Listed {
                n: entry["n"].as_u64().unwrap_or_default(),
                seq: last["seq"].as_u64(),
                excerpt: last["excerpt"].as_str().map(str::to_owned),
            };
            all.insert(
                format!("conversation:{}", entry["conversationId"].as_str().unwrap_or_default()),
                listed,
            );
        }
        match page["next"].as_str() {
            Some(next) => asked["cursor"] = next.into(),
            None => return Ok(all),
        }
    }
}

/// Searches all conversations of a company, whose inbox has been joined, up to the last page.
async fn search(client: &mut Client, company: &str, query: String) -> Result<Search> {
    let mut asked = json!({"companyId": company, "query": query, "limit": RESULTS});
    let mut found = Vec::new();
    loop {
        let page = client.call("search", asked.clone()).await?;
        let results = page["results"].as_array().into_iter().flatten();
        found.extend(results.map(|result| Event::of(&result["event"])));
        match page["next"].as_str() {
            Some(next) => asked["cursor"] = next.into(),
            None => return Ok(Search { company: company.to_owned(), query, found }),
        }
    }
}

/// The latest values in the reply of a join, and those that did not fit into it.
async fn latest(client: &mut Client, channel: &str, joined: &Value) -> Result<Vec<Event>> {
    let mut latest: Vec<Event> = events(joined, "latest").iter().map(Event::of).collect();
    let mut next = joined["latestNext"].clone();
    while next.is_string() {
        let asked = json!({"channel": channel, "limit": PAGE, "latest": next});
        let page = client.call("history", asked).await?;
        latest.extend(events(&page, "events").iter().map(Event::of));
        next = page["latestNext"].clone();
    }
    Ok(latest)
}

async fn log(client: &mut Client, channel: &str) -> Result<Vec<Event>> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let after = log.last().and_then(|event| event.seq).unwrap_or_default();
        let page = client.call("history", json!({"channel": channel, "after": after, "limit": PAGE})).await?;
        let found = events(&page, "events");
        log.extend(found.iter().map(Event::of));
        if page["more"] != true {
            return Ok(log);
        }
        ensure!(!found.is_empty(), "{channel} has more after {after}, but the page is empty");
    }
}
