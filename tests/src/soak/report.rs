//! The result of a run: figures in a table for people, and in one line of JSON for programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::plan::Plan;
use super::record::{Act, Change, Entry, Record, Restriction};
use super::verify::{Breach, Kind, given_up};

/// The most breaches of a kind that are shown; the record contains all of them.
const SHOWN_MAX: usize = 3;
/// The most characters of a breach that are shown.
const BREACH_CHARS_MAX: usize = 700;

/// The result of a run that has ended.
#[derive(Debug)]
pub struct Report {
    /// The seed of its random numbers.
    pub seed: u64,
    /// The figures.
    pub figures: Figures,
    /// The broken guarantees.
    pub breaches: Vec<Breach>,
    record: Record,
    log: Option<PathBuf>,
}

/// The figures of one run, or the sum of several runs.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// How many runs there were.
    pub runs: u64,
    /// What users did, by kind.
    pub operations: BTreeMap<String, u64>,
    /// Faults that were injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Messages that the apps meant to send.
    pub sends: u64,
    /// Replies that acknowledged a message.
    pub acked: u64,
    /// Those of them that said that the message was a duplicate.
    pub duplicates: u64,
    /// Connections that were opened.
    pub connections: u64,
    /// Joins that returned missed events.
    pub recoveries: u64,
    /// Events that these joins returned.
    pub recovered: u64,
    /// Events that callbacks received.
    pub heard: u64,
    /// Events that the backend published.
    pub published: u64,
    /// Those of them that cannot be published.
    pub poison: u64,
    /// Dead letters.
    pub letters: u64,
    /// Events of the backend that were valid, but are dead letters because all tries failed.
    pub given_up: u64,
    /// Events in all logs.
    pub logged: u64,
    /// How often users were muted or banned.
    pub restricted: u64,
    /// Messages that the searches over companies found.
    pub found: u64,
    /// Chat events that the backend received.
    pub reported: u64,
    /// Breaches, by kind. Every kind is listed, also those with 0.
    pub breaches: BTreeMap<Kind, u64>,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        record: Record,
        breaches: Vec<Breach>,
        faults: BTreeMap<String, u64>,
        log: Option<PathBuf>,
    ) -> Self {
        let figures = Figures::of(&record, &breaches, faults);
        Self { seed: plan.seed, figures, breaches, record, log }
    }

    /// The seed, and the breaches of the run, shortened.
    pub fn summary(&self) -> String {
        let seed = self.seed;
        if self.breaches.is_empty() {
            return format!("seed {seed}: all guarantees held");
        }
        let mut lines = vec![format!("seed {seed}: {} breaches", self.breaches.len())];
        for breach in self.shown() {
            let shown: String = breach.to_string().chars().take(BREACH_CHARS_MAX).collect();
            lines.push(format!("  {shown}"));
        }
        lines.join("\n")
    }

    /// The first breaches of each kind, so that many of one kind do not hide another.
    fn shown(&self) -> impl Iterator<Item = &Breach> {
        let mut shown: BTreeMap<Kind, usize> = BTreeMap::new();
        self.breaches.iter().filter(move |breach| {
            let count = shown.entry(breach.kind).or_default();
            *count += 1;
            *count <= SHOWN_MAX
        })
    }

    /// Writes the record beside the stack's log. Returns where the two are.
    pub fn keep(&self) -> Result<String> {
        let log = self.log.as_ref().context("the stack writes no log of its own")?;
        let record = log.with_extension(format!("seed-{}.json", self.seed));
        let whole = json!({"seed": self.seed, "breaches": self.breaches, "record": self.record});
        std::fs::write(&record, serde_json::to_vec_pretty(&whole)?)?;
        Ok(format!("  log: {}\n  record: {}", log.display(), record.display()))
    }
}

impl Figures {
    fn of(record: &Record, breaches: &[Breach], faults: BTreeMap<String, u64>) -> Self {
        let mut figures = Self { runs: 1, faults, ..Self::default() };
        for device in &record.devices {
            for (name, count) in &device.operations {
                *figures.operations.entry((*name).to_owned()).or_default() += count;
            }
        }
        for (_, entry) in record.entries() {
            match entry {
                Entry::Sent { .. } => figures.sends += 1,
                Entry::Acked { duplicate, .. } => {
                    figures.acked += 1;
                    figures.duplicates += u64::from(*duplicate);
                }
                Entry::Recovered { events: 0, .. } => {}
                Entry::Recovered { events, .. } => {
                    figures.recoveries += 1;
                    figures.recovered += *events as u64;
                }
                Entry::Saw(_) => figures.heard += 1,
                Entry::Connected => figures.connections += 1,
                _ => {}
            }
        }
        figures.published = record.published.len() as u64;
        figures.poison = record.published.iter().filter(|one| one.poison.is_some()).count() as u64;
        figures.letters = record.letters.len() as u64;
        figures.given_up = given_up(record);
        figures.logged = record.logged().count() as u64;
        let restricts = |act: &&Act| matches!(&act.change, Change::Restrict { restriction, .. } if *restriction != Restriction::None);
        figures.restricted = record.acts.iter().filter(restricts).count() as u64;
        figures.found = record.searches.iter().map(|search| search.found.len() as u64).sum();
        figures.reported = record.reports.as_ref().map_or(0, Vec::len) as u64;
        figures.breaches = Kind::ALL.map(|kind| (kind, 0)).into();
        for breach in breaches {
            *figures.breaches.entry(breach.kind).or_default() += 1;
        }
        figures
    }

    /// Adds the figures of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [(&mut self.operations, &other.operations), (&mut self.faults, &other.faults)] {
            for (name, count) in more {
                *sum.entry(name.clone()).or_default() += count;
            }
        }
        for (kind, count) in &other.breaches {
            *self.breaches.entry(*kind).or_default() += count;
        }
        for (sum, more) in self.totals_mut().into_iter().zip(other.clone().totals_mut()) {
            *sum.1 += *more.1;
        }
    }

    /// The figures as a table, for people.
    pub fn table(&self) -> String {
        let mut lines = Vec::new();
        let mut section = |title: &str, rows: Vec<(String, u64)>| {
            lines.push(title.to_owned());
            lines.extend(rows.into_iter().map(|(name, count)| format!("  {name:<18}{count:>9}")));
        };
        let named = |rows: &BTreeMap<String, u64>| rows.clone().into_iter().collect();
        section("operations", named(&self.operations));
        section("faults", named(&self.faults));
        let totals = self.clone().totals_mut().map(|(name, count)| (name.to_owned(), *count)).into();
        section("totals", totals);
        let breaches = self.breaches.iter().map(|(kind, count)| (format!("{kind:?}"), *count));
        section("breaches", breaches.collect());
        lines.join("\n")
    }

    /// The figures as one line of JSON, for programs.
    pub fn json(&self) -> String {
        json!(self).to_string()
    }

    fn totals_mut(&mut self) -> [(&'static str, &mut u64); 16] {
        [
            ("runs", &mut self.runs),
            ("sends", &mut self.sends),
            ("acked", &mut self.acked),
            ("duplicates told", &mut self.duplicates),
            ("connections", &mut self.connections),
            ("recoveries", &mut self.recoveries),
            ("events recovered", &mut self.recovered),
            ("events heard", &mut self.heard),
            ("published", &mut self.published),
            ("poison", &mut self.poison),
            ("dead letters", &mut self.letters),
            ("given up", &mut self.given_up),
            ("events logged", &mut self.logged),
            ("restricted", &mut self.restricted),
            ("found", &mut self.found),
            ("reported", &mut self.reported),
        ]
    }
}
