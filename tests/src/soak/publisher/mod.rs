//! The app's backend as a publisher: events on the bus and items in the outbox, some of which cannot be published.

mod subject;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::sleep;

use self::subject::{Subject, detail_type, one};
use super::Phase;
use super::part::Part;
use super::plan::Plan;
use super::record::{Poison, Published, Way};
use super::world::World;
use crate::Stack;

/// The longest pause between two series of events.
const PAUSE_MS_MAX: u64 = 400;
/// The most events of a series. The events of a series are about one thing, such as the progress of a funnel, and follow each
/// other at once.
const SERIES_MAX: u64 = 3;
/// The share of events that cannot be published.
const POISON: f64 = 0.04;
/// The share of events that are published after newer ones about the same thing, and of the numbers that are kept for such
/// events.
const LATE: f64 = 0.15;
/// Funnels of one company whose latest values together exceed the 128 KiB of a reply.
const LARGE_FUNNELS: u64 = 60;
/// The size of the message of each such funnel. It consists of characters that JSON escapes.
const LARGE_MESSAGE_BYTES: usize = 1_800;
const ON_THE_BUS: [Subject; 6] = [
    Subject::Funnel,
    Subject::Resource,
    Subject::Analytics,
    Subject::UserNotice,
    Subject::SystemNotice,
    Subject::Bot,
];
const IN_THE_OUTBOX: [Subject; 5] =
    [Subject::Funnel, Subject::Resource, Subject::UserNotice, Subject::CompanyNotice, Subject::Bot];

/// The backend in this role.
pub(super) struct Publisher {
    stack: Arc<Stack>,
    world: Arc<World>,
    plan: Arc<Plan>,
    random: StdRng,
    times: Times,
    published: Vec<Published>,
}

/// The numbers that the timestamps of events are made of.
#[derive(Debug, Default)]
struct Times {
    last: u64,
    /// Numbers that were left out, for events that are published late.
    spare: Vec<u64>,
}

impl Publisher {
    pub(super) fn new(stack: Arc<Stack>, world: Arc<World>, plan: Arc<Plan>) -> Self {
        let random = plan.backend();
        Self { stack, world, plan, random, times: Times::default(), published: Vec::new() }
    }

    /// What has been published so far.
    pub(super) fn published(&self) -> &[Published] {
        &self.published
    }

    /// Publishes until the storm is over.
    pub(super) async fn storm(mut self, mut phase: watch::Receiver<Phase>) -> Result<Self> {
        if self.plan.has(Part::Large) {
            self.say_much().await?;
        }
        while *phase.borrow_and_update() == Phase::Storm {
            for next in self.draw() {
                self.publish(next).await?;
            }
            let pause = Duration::from_millis(self.random.random_range(0..PAUSE_MS_MAX));
            tokio::select! {
                () = sleep(pause) => {}
                changed = phase.changed() => changed?,
            }
        }
        Ok(self)
    }

    /// Publishes something on every channel.
    pub(super) async fn roll_call(&mut self) -> Result<()> {
        let mut said = BTreeSet::new();
        let bus = ON_THE_BUS.map(|subject| (subject, Way::Bus));
        for (subject, way) in bus.into_iter().chain([(Subject::CompanyNotice, Way::Outbox)]) {
            for about in 0..self.world.people.len().max(self.world.conversations.len()) {
                let next = one(subject, way, self.times.last + 1, about, &self.world);
                if said.insert(next.channel.clone()) {
                    self.times.next();
                    self.publish(next).await?;
                }
            }
        }
        Ok(())
    }

    /// Publishes latest values that do not fit into one reply.
    async fn say_much(&mut self) -> Result<()> {
        for funnel in 0..LARGE_FUNNELS {
            let number = self.times.next();
            let mut next = one(Subject::Funnel, Way::Bus, number, 0, &self.world);
            next.data["funnelId"] = format!("large_{funnel}").into();
            next.data["message"] = "\n".repeat(LARGE_MESSAGE_BYTES).into();
            self.publish(next).await?;
        }
        Ok(())
    }

    /// Publishes, and records whether the event was accepted.
    async fn publish(&mut self, mut next: Published) -> Result<()> {
        let accepted = match next.way {
            Way::Bus => self.stack.emit(detail_type(&next.event), next.data.clone()).await,
            Way::Outbox => {
                let key = format!("outbox-{}", next.number);
                let backend = self.stack.backend().await?;
                backend.put_into_outbox(&key, &next.channel, &next.event, &next.data).await
            }
        };
        next.is_accepted = accepted.is_ok();
        self.published.push(next);
        Ok(())
    }

    /// Draws a series of events about one thing.
    fn draw(&mut self) -> Vec<Published> {
        let way = if self.random.random_bool(0.7) { Way::Bus } else { Way::Outbox };
        let subject = match way {
            Way::Bus => ON_THE_BUS[self.random.random_range(0..ON_THE_BUS.len())],
            Way::Outbox => IN_THE_OUTBOX[self.random.random_range(0..IN_THE_OUTBOX.len())],
        };
        let about = self.random.random_range(0..=usize::MAX);
        let length = self.random.random_range(1..=SERIES_MAX);
        let mut series = Vec::new();
        for _ in 0..length {
            let number =
                if self.plan.has(Part::Late) { self.times.draw(&mut self.random) } else { self.times.next() };
            let mut next = one(subject, way, number, about, &self.world);
            if self.random.random_bool(POISON) && self.plan.has(Part::Poison) {
                let poisons = [Poison::UnknownField, Poison::Null, Poison::OutOfRange];
                let poison = poisons[self.random.random_range(0..poisons.len())];
                poison.spoil(&next.event, &mut next.data);
                next.poison = Some(poison);
            }
            series.push(next);
        }
        series
    }
}

impl Times {
    /// A number above all previous ones.
    const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The next number or, sometimes, one that was left out and is lower than numbers in use.
    fn draw(&mut self, random: &mut StdRng) -> u64 {
        if !self.spare.is_empty() && random.random_bool(LATE) {
            return self.spare.swap_remove(random.random_range(0..self.spare.len()));
        }
        if random.random_bool(LATE) {
            let spare = self.next();
            self.spare.push(spare);
        }
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use serde_json::json;

    use super::subject::timestamp;
    use super::*;

    #[test]
    fn times_rise_with_numbers() {
        let times: Vec<String> = (0..100_000).step_by(59).map(timestamp).collect();
        assert!(times.is_sorted() && times.iter().all(|time| crate::is_timestamp(&json!(time))));
    }

    #[test]
    fn some_come_late_and_none_twice() {
        let (mut times, mut random) = (Times::default(), StdRng::seed_from_u64(1));
        let mut drawn: Vec<u64> = (0..1_000).map(|_| times.draw(&mut random)).collect();
        assert!(!drawn.is_sorted());
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 1_000);
    }

    #[test]
    fn everything_can_be_said_and_each_by_its_mark() {
        let world = World::of(8, 3);
        let subjects = ON_THE_BUS.into_iter().chain(IN_THE_OUTBOX);
        let all: Vec<Published> = subjects
            .flat_map(|subject| (0..40).map(move |about| (subject, about)))
            .map(|(subject, about)| one(subject, Way::Bus, 1, about, &world))
            .collect();
        for wanted in world.channels() {
            assert!(all.iter().any(|one| one.channel == wanted), "{wanted}");
        }
        assert!(all.iter().all(|one| one.data["timestamp"] == one.mark));
    }

    #[test]
    fn poison_has_a_field_that_is_wrong() {
        let world = World::of(6, 0);
        for subject in ON_THE_BUS.into_iter().chain(IN_THE_OUTBOX) {
            let sound = one(subject, Way::Bus, 1, 0, &world);
            for poison in [Poison::UnknownField, Poison::Null, Poison::OutOfRange] {
                let mut data = sound.data.clone();
                poison.spoil(&sound.event, &mut data);
                let field = poison.field(&sound.event);
                assert_ne!(data[field], sound.data[field], "{poison:?} of {}", sound.event);
            }
        }
    }
}
