//! Two companies on one stack are isolated from each other: every action, request and event is tried by users of every role,
//! with the channels, connections and files of either company.
//!
//! The expected outcomes are in `isolation/verdicts.txt`, which is not generated from the code. The test tries every cell of
//! it, and checks two more rules: nobody receives an event of a channel that they may not join, and nobody is told an id of a
//! company that they do not belong to.

mod people;
mod probe;
mod table;

use anyhow::Result;
use futures_util::future::try_join_all;
use serde_json::json;
use tests::{Stack, unique};

use people::{Person, Scene, has_all};
use probe::Thing;
use table::Row;

#[test]
fn the_table_has_all_that_there_is() -> Result<()> {
    let missing = table::missing(&table::rows()?)?;
    assert!(missing.is_empty(), "verdicts.txt lacks\n  {}", missing.join("\n  "));
    Ok(())
}

#[tokio::test]
async fn no_cell_of_the_table_surprises() -> Result<()> {
    let rows = table::rows()?;
    let mut trial = Trial::new(Stack::shared()?).await?;
    for row in &rows {
        if row.is_for_the_last_connection() {
            trial.scene.listen().await?; // from now on, connections end
        }
        if row.is_event() {
            trial.emit(row, 0).await?;
            trial.emit(row, 1).await?;
        } else {
            // Those who must be refused go first, so that what the others do cannot be the reason.
            trial.ask(row, |verdict| verdict != "yes").await?;
            trial.ask(row, |verdict| verdict == "yes").await?;
        }
    }
    trial.check_events();
    trial.check_ears(&rows);
    let Trial { cells, surprises, scene, .. } = trial;
    let heard: usize = scene.people.iter().map(|person| person.heard.len()).sum();
    println!("{} rows, {cells} cells, {heard} events heard", rows.len());
    assert!(surprises.is_empty(), "{} surprises:\n  {}", surprises.len(), surprises.join("\n  "));
    Ok(())
}

/// A run of the table: the number of cells tried so far, and the surprises, which are outcomes that the table does not have.
struct Trial<'a> {
    stack: &'a Stack,
    scene: Scene,
    cells: usize,
    surprises: Vec<String>,
    events: Vec<Emitted<'a>>,
}

/// An event that the backend has emitted, and the texts by which it is recognised.
struct Emitted<'a> {
    row: &'a Row,
    owner: usize,
    needles: [String; 2],
}

impl<'a> Trial<'a> {
    async fn new(stack: &'a Stack) -> Result<Self> {
        let scene = Scene::new(stack).await?;
        Ok(Self { stack, scene, cells: 0, surprises: Vec::new(), events: Vec::new() })
    }

    /// Has everybody try a row for whom it expects a `wanted` verdict, with the things of either company.
    async fn ask(&mut self, row: &Row, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let (stack, wanted) = (self.stack, &wanted);
        let things = [0, 1].map(|owner| self.scene.thing(row.whose, owner));
        let trials = self.scene.people.iter_mut().map(|person| try_as(stack, person, row, &things, wanted));
        for (cells, surprises) in try_join_all(trials).await? {
            self.cells += cells;
            self.surprises.extend(surprises);
        }
        Ok(())
    }

    /// Emits the event of a row, and waits until everybody who should receive it has it.
    async fn emit(&mut self, row: &'a Row, owner: usize) -> Result<()> {
        let (mark, channel) = (unique("mark"), self.scene.channel(row.whose, owner));
        let detail = match row.what {
            "Conversation" => self.scene.conversation(owner, &[]),
            "Moderation" => probe::detail(row.what, &channel, self.scene.participant_of(owner), &mark),
            what => probe::detail(what, &channel, self.scene.member_of(owner), &mark),
        };
        match row.what {
            "outbox" => {
                let (backend, event) = (self.stack.backend().await?, probe::event_of(row.whose));
                backend.put_into_outbox(&unique("key"), &channel, event, &detail).await?;
            }
            detail_type => self.stack.emit(detail_type, detail).await?,
        }
        let mark = if row.what == "Conversation" { "no longer a participant".to_owned() } else { mark };
        let needles = [json!(channel).to_string(), mark];
        let people = self.scene.people.iter_mut();
        let hearers = people.filter(|person| row.verdicts[person.column(owner)] == "yes");
        try_join_all(hearers.map(|person| person.hears(&needles))).await?;
        self.events.push(Emitted { row, owner, needles });
        Ok(())
    }

    /// Compares what everybody has received of the backend's events with the table.
    fn check_events(&mut self) {
        for Emitted { row, owner, needles } in &self.events {
            for person in &self.scene.people {
                let has_heard = person.heard.iter().any(|event| has_all(event, needles));
                self.cells += 1;
                self.surprises.extend(surprise(row, person, *owner, if has_heard { "yes" } else { "." }));
            }
        }
    }

    /// Checks that everybody has received events only of channels that they may join, and no id of another company.
    fn check_ears(&mut self, rows: &[Row]) {
        for person in &self.scene.people {
            for event in &person.heard {
                let whose = event["channel"].as_str().and_then(|channel| self.scene.whose(channel));
                let was_let_in = whose.is_some_and(|(kind, owner)| {
                    let join = rows.iter().find(|row| row.section == "join" && row.whose == kind);
                    join.is_some_and(|join| join.verdicts[person.column(owner)] == "yes")
                });
                if !was_let_in || person.may_not_see(&event.to_string()) {
                    self.surprises.push(format!("{} heard {event}", person.user.name));
                }
            }
        }
    }
}

/// Tries a row as one person; returns the number of cells tried, and the surprises.
async fn try_as(
    stack: &Stack,
    person: &mut Person,
    row: &Row,
    things: &[Thing; 2],
    wanted: impl Fn(&str) -> bool,
) -> Result<(usize, Vec<String>)> {
    let (mut cells, mut surprises) = (0, Vec::new());
    for (owner, thing) in things.iter().enumerate() {
        if wanted(row.verdicts[person.column(owner)]) {
            let (got, told) = probe::probe(stack, person, row.what, thing).await?;
            cells += 1;
            surprises.extend(surprise(row, person, owner, &got));
            if person.may_not_see(&told) {
                surprises.push(format!("{} by {} was told {told}", row.name(), person.name(owner)));
            }
        }
    }
    Ok((cells, surprises))
}

/// Describes the outcome of a cell, if the table has another one.
fn surprise(row: &Row, person: &Person, owner: usize, got: &str) -> Option<String> {
    let expected = row.verdicts[person.column(owner)];
    (got != expected)
        .then(|| format!("{} by {}: expected {expected}, got {got}", row.name(), person.name(owner)))
}
