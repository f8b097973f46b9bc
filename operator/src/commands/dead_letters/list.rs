//! `list` and `show`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Result, bail};
use funnelcast_aws::clock::now;
use funnelcast_core::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    ListOptions,
    letter::Letter,
    walk::{Unseen, Walk, failure},
    way_back::WayBack,
};
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
    /// About how many could not be listed.
    #[serde(flatten)]
    unseen: Unseen,
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

/// Lists the letters. What was received is listed whatever fails then.
pub(super) async fn list(stack: &Stack, output: Output, options: &ListOptions) -> Result<ExitCode> {
    let (mut walk, mut letters) = (Walk::begin(stack).await?, Vec::new());
    let walked = look(&mut walk, &mut letters, stack, options).await;
    let is_cut = walked.is_err() || walk.looked_at >= options.limit;
    let (more, unseen) = (is_cut && walk.has_more(), walk.unseen());
    let unseen = if is_cut { unseen.hidden_alone() } else { unseen };
    let failure = failure(walked, walk.end().await);
    letters.sort_by_key(|letter| letter.at);
    let mut counts = BTreeMap::<(String, String), usize>::new();
    for letter in &letters {
        *counts.entry((letter.source.clone(), letter.code.clone().unwrap_or_default())).or_default() += 1;
    }
    let counts = counts.into_iter().map(|((source, code), count)| Kind { source, code, count }).collect();
    output.print(&Listed { letters, counts, more, unseen }, text)?;
    failure.map_or_else(|| Ok(if unseen.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }), Err)
}

/// Looks at the letters up to the limit, and leaves them all.
async fn look(walk: &mut Walk, letters: &mut Vec<Shown>, stack: &Stack, options: &ListOptions) -> Result<()> {
    while walk.looked_at < options.limit {
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
    }
    Ok(())
}

fn text(Listed { letters, counts, more, unseen }: &Listed) -> String {
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
        text += "; there may be more, see --limit";
    }
    if let Some(unseen) = unseen.text() {
        text = text + "; " + &unseen;
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
    let walked = find(&mut walk, &mut shown, stack, id).await;
    let (has_failed, unseen) = (walked.is_err(), walk.unseen());
    let failure = failure(walked, walk.end().await);
    if let Some(shown) = &shown {
        output.print(shown, |shown| serde_json::to_string_pretty(shown).unwrap_or_default())?;
    } else if !has_failed {
        bail!(
            "there is no letter {id}{}",
            unseen.text().map_or_else(String::new, |unseen| format!("; {unseen}"))
        );
    }
    failure.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Looks for a letter, and leaves all.
async fn find(walk: &mut Walk, shown: &mut Option<Value>, stack: &Stack, id: &str) -> Result<()> {
    while shown.is_none() {
        let found = walk.next().await?;
        if found.is_empty() {
            break;
        }
        for letter in found {
            if shown.is_none() && letter.is(id) {
                *shown = Some(whole(&letter, stack)?);
            }
            walk.leave(letter);
        }
    }
    Ok(())
}

fn whole(letter: &Letter, stack: &Stack) -> Result<Value> {
    let mut shown = serde_json::to_value(Shown::of(letter, stack))?;
    shown["item"] = letter.item.clone();
    if letter.is_cut {
        shown["cut"] = json!(true);
    }
    Ok(shown)
}
