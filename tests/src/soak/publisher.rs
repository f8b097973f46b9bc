//! The app's backend: events on the bus and items in the outbox, and now and then one that cannot be published.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Phase;
use super::record::{Published, Way};
use super::world::World;
use crate::Stack;

/// The pause between two series of events, at the most.
const PAUSE_MS_MAX: u64 = 400;
/// Events about one thing that come one right after the other, at the most, as the progress of something does.
const SERIES_MAX: u64 = 3;
/// The share of poison on the bus.
const BUS_POISON: f64 = 0.04;
/// And in the outbox, where each is tried for some seconds while what comes behind it waits.
const OUTBOX_POISON: f64 = 0.04;
/// Things of a kind that have values of their own.
const THINGS: usize = 3;

/// What the backend has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Funnel,
    Resource,
    Analytics,
    UserNotice,
    SystemNotice,
    /// To one company; there is no event of the bus for it.
    CompanyNotice,
    Bot,
}

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

/// Publishes until the storm is over. What is in the list was taken by the bus, or is in the outbox.
pub(super) async fn run(
    stack: &Stack,
    world: &World,
    mut random: StdRng,
    mut phase: watch::Receiver<Phase>,
) -> Result<Vec<Published>> {
    let mut published = Vec::new();
    while *phase.borrow_and_update() == Phase::Storm {
        for next in draw(published.len() as u64 + 1, world, &mut random) {
            publish(stack, &next).await?;
            published.push(next);
        }
        let pause = Duration::from_millis(random.random_range(0..PAUSE_MS_MAX));
        tokio::select! {
            () = sleep(pause) => {}
            changed = phase.changed() => changed?,
        }
    }
    Ok(published)
}

async fn publish(stack: &Stack, next: &Published) -> Result<()> {
    match next.way {
        Way::Bus => stack.emit(detail_type(&next.event), next.data.clone()).await,
        Way::Outbox => {
            let key = format!("outbox-{}", next.number);
            let backend = stack.backend().await?;
            backend.put_into_outbox(&key, &next.channel, &next.event, &next.data).await
        }
    }
}

/// A series, numbered from `first` on.
fn draw(first: u64, world: &World, random: &mut StdRng) -> Vec<Published> {
    let way = if random.random_bool(0.7) { Way::Bus } else { Way::Outbox };
    let subject = match way {
        Way::Bus => ON_THE_BUS[random.random_range(0..ON_THE_BUS.len())],
        Way::Outbox => IN_THE_OUTBOX[random.random_range(0..IN_THE_OUTBOX.len())],
    };
    let about = random.random_range(0..=usize::MAX);
    let length = random.random_range(1..=SERIES_MAX);
    let one = |number| {
        let mark = timestamp(number);
        let (channel, mut data) = subject.say(number, &mark, about, world);
        let is_poison = random.random_bool(if way == Way::Bus { BUS_POISON } else { OUTBOX_POISON });
        if is_poison {
            data["antidote"] = "no event has this field".into();
        }
        Published { number, mark, way, channel, event: subject.event().to_owned(), data, is_poison }
    };
    (first..first + length).map(one).collect()
}

impl Subject {
    const fn event(self) -> &'static str {
        match self {
            Self::Funnel => "funnel.update",
            Self::Resource => "resource.update",
            Self::Analytics => "analytics.update",
            Self::UserNotice => "user.notification",
            Self::SystemNotice | Self::CompanyNotice => "system.notification",
            Self::Bot => "chat.message",
        }
    }

    /// The channel that it is for, and the payload; `about` chooses whom and what of all that there is.
    fn say(self, number: u64, timestamp: &str, about: usize, world: &World) -> (String, Value) {
        let companies: Vec<&str> = World::companies().collect();
        let company = companies[about % companies.len()];
        let thing = about / companies.len() % THINGS;
        let notice = json!({"level": "info", "title": "News", "message": "Read it.", "timestamp": timestamp});
        match self {
            Self::Funnel => {
                let data = json!({"type": "generation_progress", "funnelId": format!("funnel_{thing}"),
                    "funnelName": "Spring sale", "progress": number % 101,
                    "timestamp": timestamp, "userId": "user_0", "companyId": company});
                (format!("funnel_updates:{company}"), data)
            }
            Self::Resource => {
                let data = json!({"type": "updated", "resourceId": format!("resource_{thing}"),
                    "resourceType": "product", "resourceName": "E-book",
                    "timestamp": timestamp, "companyId": company});
                (format!("resource_updates:{company}"), data)
            }
            Self::Analytics => {
                let data = json!({"metric": format!("metric_{thing}"), "value": number,
                    "timestamp": timestamp, "companyId": company});
                (format!("analytics:{company}"), data)
            }
            Self::UserNotice => {
                let person = &world.people[about % world.people.len()];
                let mut data = notice;
                data["userId"] = person.id.as_str().into();
                (format!("user:{}", person.id), data)
            }
            Self::SystemNotice => ("system".to_owned(), notice),
            Self::CompanyNotice => (format!("company:{company}"), notice),
            Self::Bot => {
                let talk = &world.conversations[about % world.conversations.len()];
                let data = json!({"conversationId": talk.id, "type": "bot", "content": "How can I help?",
                    "timestamp": timestamp});
                (format!("conversation:{}", talk.id), data)
            }
        }
    }
}

/// The detail-type that an event of the bus has.
fn detail_type(event: &str) -> &'static str {
    match event {
        "funnel.update" => "FunnelUpdate",
        "resource.update" => "ResourceUpdate",
        "analytics.update" => "AnalyticsUpdate",
        "user.notification" => "UserNotification",
        "system.notification" => "SystemNotification",
        _ => "ChatMessage",
    }
}

/// The time that an event says it is of, by which it is known: no other has the same, each is later than all before
/// it, and no clock here shows that year.
fn timestamp(number: u64) -> String {
    let (minutes, seconds) = (number / 60, number % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    format!("2020-01-{:02}T{:02}:{minutes:02}:{seconds:02}.000Z", 1 + hours / 24 % 31, hours % 24)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn times_rise_with_numbers() {
        let times: Vec<String> = (0..100_000).step_by(59).map(timestamp).collect();
        assert!(times.is_sorted() && times.iter().all(|time| crate::is_timestamp(&json!(time))));
    }

    #[test]
    fn everything_is_said_sooner_or_later_and_each_by_its_mark() {
        let world = World::of(6);
        let mut random = StdRng::seed_from_u64(1);
        let all: Vec<Published> = (1..=20_000).flat_map(|number| draw(number, &world, &mut random)).collect();
        for wanted in world.channels() {
            for is_poison in [false, true] {
                let said = all.iter().any(|one| one.channel == wanted && one.is_poison == is_poison);
                assert!(said, "{wanted}, poison {is_poison}");
            }
        }
        for one in &all {
            assert_eq!(one.data["timestamp"], one.mark, "{one:?}");
        }
    }
}
