//! `list` and `show`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Result, bail};
use funnelcast_aws::clock::now;
use funnelcast_core::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{ListOptions, Walk, hidden_text, letter::Letter, way_back::WayBack};
use crate::{
    output::{self, Output, count, printable},
    stack::Stack,
};

/// The longest reason in a list for people, in characters.
const REASON_CHARS_MAX: usize = 72;

/// A letter, as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) message_id: String,
    pub(super) source: String,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// Where `retry` would put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) back_to: Option<String>,
    /// Why `retry` cannot put it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) no_way_back: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    letters: Vec<Shown>,
    /// How many there are of each source and code.
    counts: Vec<Kind>,
    /// Whether there may be more than were looked at.
    more: bool,
    /// About how many another reader hides, so that they are not listed.
    hidden: u64,
}

#[derive(Debug, Serialize)]
struct Kind {
    source: String,
    code: String,
    count: usize,
}

impl Shown {
    pub(super) fn of(letter: &Letter, stack: &Stack) -> Self {
        let (back_to, no_way_back) = match WayBack::of(letter, stack) {
            Ok(way) => (Some(way.name()), None),
            Err(why) => (None, Some(why)),
        };
        Self {
            message_id: letter.mail.id.clone(),
            source: letter.source().to_owned(),
            id: letter.id.clone(),
            code: letter.code.clone(),
            reason: letter.reason.clone(),
            field: letter.field.clone(),
            at: letter.at,
            back_to,
            no_way_back,
        }
    }
}

/// Lists the letters.
pub(super) async fn list(stack: &Stack, output: Output, options: &ListOptions) -> Result<ExitCode> {
    let (mut walk, mut letters) = (Walk::begin(stack).await?, Vec::new());
    let mut more = false;
    'walk: loop {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            if options.filter.lets_through(&letter) {
                letters.push(Shown::of(&letter, stack));
            }
            walk.leave(letter);
        }
        if walk.looked_at >= options.limit {
            more = walk.about > u64::try_from(walk.looked_at).unwrap_or(u64::MAX);
            break 'walk;
        }
    }
    let hidden = walk.hidden();
    walk.end().await?;
    letters.sort_by_key(|letter| letter.at);
    let mut counts = BTreeMap::<(String, String), usize>::new();
    for letter in &letters {
        *counts.entry((letter.source.clone(), letter.code.clone().unwrap_or_default())).or_default() += 1;
    }
    let counts = counts.into_iter().map(|((source, code), count)| Kind { source, code, count }).collect();
    output.print(&Listed { letters, counts, more, hidden }, text)?;
    Ok(if hidden == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(Listed { letters, counts, more, hidden }: &Listed) -> String {
    let row = |letter: &Shown| {
        let Shown { message_id, source, code, at, .. } = letter;
        let reason = printable(&letter.reason, "").chars().take(REASON_CHARS_MAX).collect();
        [
            message_id.clone(),
            at.map_or_else(String::new, age),
            source.clone(),
            code.clone().unwrap_or_default(),
            reason,
        ]
    };
    let mut text = String::new();
    if !letters.is_empty() {
        let rows: Vec<_> = letters.iter().map(row).collect();
        text = output::table(["message", "age", "source", "code", "reason"], &rows);
    }
    let kinds = counts.iter().map(|Kind { source, code, count }| format!("{count} of {source} {code}\n"));
    text.extend(kinds);
    text += &count(letters.len(), "letter");
    if *more {
        text += "; there are more, see --limit";
    }
    if let Some(hidden) = hidden_text(*hidden) {
        text = text + "; " + &hidden;
    }
    text
}

/// How long ago something was, in its largest unit.
fn age(at: Timestamp) -> String {
    let secs = now().since(at).as_secs();
    match secs {
        0..60 => format!("{secs} s"),
        60..3_600 => format!("{} min", secs / 60),
        3_600..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// Shows a letter whole.
pub(super) async fn show(stack: &Stack, output: Output, id: &str) -> Result<ExitCode> {
    let (mut walk, mut shown) = (Walk::begin(stack).await?, None);
    while shown.is_none() {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            if shown.is_none() && letter.is(id) {
                shown = Some(whole(&letter, stack)?);
            }
            walk.leave(letter);
        }
    }
    let hidden = hidden_text(walk.hidden());
    walk.end().await?;
    let Some(shown) = shown else {
        bail!("there is no letter {id}{}", hidden.map_or_else(String::new, |hidden| format!("; {hidden}")));
    };
    output.print(&shown, |shown| serde_json::to_string_pretty(shown).unwrap_or_default())?;
    Ok(ExitCode::SUCCESS)
}

fn whole(letter: &Letter, stack: &Stack) -> Result<Value> {
    let mut shown = serde_json::to_value(Shown::of(letter, stack))?;
    shown["item"] = letter.item.clone();
    if letter.is_cut {
        shown["cut"] = json!(true);
    }
    Ok(shown)
}
