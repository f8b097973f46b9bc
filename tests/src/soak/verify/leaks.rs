//! Nobody heard what is for others: judged by the channel of an event, by the owner that its payload names, and by the channel
//! that it was published on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Breach, Kind};
use crate::soak::record::{DeviceRecord, Entry, Event, Published, Record};
use crate::soak::world::World;

pub(super) fn check(record: &Record) -> Vec<Breach> {
    let published = record.published_by_mark();
    record.entries().filter_map(|(device, entry)| leak(device, entry, &record.world, &published)).collect()
}

fn leak(
    device: &DeviceRecord,
    entry: &Entry,
    world: &World,
    published: &BTreeMap<&str, &Published>,
) -> Option<Breach> {
    let is_leak = match entry {
        Entry::Opened { .. } | Entry::Stray(_) => true,
        Entry::Saw(event) | Entry::Heard(event) => {
            let said = event.mark().filter(|_| event.user.is_none()).and_then(|mark| published.get(mark));
            !world.may_join(&device.user, &event.channel)
                || !is_owned_by_its_channel(event)
                || said.is_some_and(|one| one.channel != event.channel)
        }
        _ => false,
    };
    is_leak.then(|| Kind::Leak.because(format!("{} of {}: {entry:?}", device.device, device.user)))
}

/// Whether the owner in the payload is the owner in the channel's name.
fn is_owned_by_its_channel(event: &Event) -> bool {
    let (kind, id) = event.channel.split_once(':').unwrap_or((&event.channel, ""));
    let names = |field: &str| match &event.data[field] {
        Value::Null => true,
        owner => *owner == id,
    };
    match kind {
        "conversation" => names("conversationId"),
        "user" => names("userId"),
        "system" => true,
        _ => names("companyId"),
    }
}
