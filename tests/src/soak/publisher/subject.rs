//! What the backend publishes, on which channels, and with which payloads.

use serde_json::{Value, json};

use crate::soak::record::{Published, Way};
use crate::soak::world::World;

/// How many things of each kind have latest values of their own.
const THINGS: usize = 3;

/// A kind of event that the backend publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Funnel,
    Resource,
    Analytics,
    UserNotice,
    SystemNotice,
    /// For one company. The bus has no event for it, only the outbox.
    CompanyNotice,
    Bot,
}

/// Makes one event; `about` chooses its channel and the thing that it is about.
pub(super) fn one(subject: Subject, way: Way, number: u64, about: usize, world: &World) -> Published {
    let mark = timestamp(number);
    let (channel, data) = subject.say(number, &mark, about, world);
    let event = subject.event().to_owned();
    Published { number, mark, way, channel, event, data, poison: None, is_accepted: false }
}

impl Subject {
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::Funnel => "funnel.update",
            Self::Resource => "resource.update",
            Self::Analytics => "analytics.update",
            Self::UserNotice => "user.notification",
            Self::SystemNotice | Self::CompanyNotice => "system.notification",
            Self::Bot => "chat.message",
        }
    }

    /// The channel and the payload; `about` chooses the channel and the thing that the event is about.
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
                let active: Vec<_> = world.people.iter().filter(|person| !person.is_crowd).collect();
                let person = active[about % active.len()];
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

/// The `detail-type` of an event on the bus.
pub(super) fn detail_type(event: &str) -> &'static str {
    match event {
        "funnel.update" => "FunnelUpdate",
        "resource.update" => "ResourceUpdate",
        "analytics.update" => "AnalyticsUpdate",
        "user.notification" => "UserNotification",
        "system.notification" => "SystemNotification",
        _ => "ChatMessage",
    }
}

/// The timestamp in an event's payload, which identifies the event: it is unique, it rises with the number, and no clock of a run
/// shows that year.
pub(super) fn timestamp(number: u64) -> String {
    let (minutes, seconds) = (number / 60, number % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    format!("2020-01-{:02}T{:02}:{minutes:02}:{seconds:02}.000Z", 1 + hours / 24 % 31, hours % 24)
}
