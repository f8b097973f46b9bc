//! Events as frames: each event is serialised once, and all members share the frames, except the senders of some of
//! the events.

use std::collections::HashMap;

use bytes::Bytes;
use funnelcast_aws::gateway::Frame;
use funnelcast_core::{
    ConnectionId, Error,
    event::EventName,
    frame::{self, Event},
    policy::Lane,
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// An event, and the connection that gets no copy of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addressed {
    /// The event.
    pub event: Event,
    /// The connection that sent the event, which has received the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<ConnectionId>,
}

impl Addressed {
    /// Whether a member whose post failed is owed the event. That is so for events that the log or the latest values
    /// keep, and where the later event counts whenever it arrives: for presence, for inboxes, and for whether a user is muted.
    /// Anything else has no value later.
    pub(super) fn is_owed(&self) -> bool {
        let Event { channel, event, .. } = &self.event;
        let is_of_a_state = matches!(
            event,
            EventName::PresenceJoin
                | EventName::PresenceUpdate
                | EventName::PresenceLeave
                | EventName::AccessMuted
                | EventName::InboxUpdate
        );
        is_of_a_state || !matches!(channel.kind().policy().lane(*event), None | Some(Lane::Ephemeral))
    }
}

/// The frames for each recipient.
#[derive(Debug)]
pub(super) struct Frames {
    all: Vec<Frame>,
    /// The frames for connections that sent some of the events.
    to_senders: HashMap<ConnectionId, Vec<Frame>>,
}

impl Frames {
    /// The frames for these events, in their order.
    pub(super) fn of(addressed: &[Addressed]) -> Result<Self, Error> {
        let broken = |error| Error::internal("an event", &error);
        let events: Vec<(Box<RawValue>, Option<&ConnectionId>)> = addressed
            .iter()
            .map(|out| Ok((to_raw_value(&out.event).map_err(broken)?, out.except.as_ref())))
            .collect::<Result<_, Error>>()?;
        let without = |sender: Option<&ConnectionId>| {
            let kept = events.iter().filter(|(_, except)| sender.is_none() || *except != sender);
            let kept: Vec<&RawValue> = kept.map(|(event, _)| &**event).collect();
            let frames = frame::frames(&kept)?.into_iter().map(|frame| Frame::from(Bytes::from(frame)));
            Ok::<_, Error>(frames.collect::<Vec<_>>())
        };
        let mut to_senders = HashMap::new();
        for sender in addressed.iter().filter_map(|out| out.except.as_ref()) {
            if !to_senders.contains_key(sender) {
                to_senders.insert(sender.clone(), without(Some(sender))?);
            }
        }
        Ok(Self { all: without(None)?, to_senders })
    }

    /// The frames for one connection; none if it sent all of the events itself.
    pub(super) fn to(&self, connection: &ConnectionId) -> &[Frame] {
        self.to_senders.get(connection).unwrap_or(&self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressed(seq: u64, except: Option<&str>) -> Addressed {
        let event = serde_json::json!({"type": "event", "channel": "conversation:c1", "event": "chat.message", "seq": seq,
            "at": "2026-11-23T10:00:00.123Z", "data": {}});
        Addressed {
            event: serde_json::from_value(event).unwrap(),
            except: except.map(|connection| connection.parse().unwrap()),
        }
    }

    fn seqs(frames: &[Frame]) -> Vec<u64> {
        let mut seqs = Vec::new();
        for frame in frames {
            let frame: serde_json::Value = serde_json::from_slice(frame.as_ref()).unwrap();
            match frame["events"].as_array() {
                Some(batch) => seqs.extend(batch.iter().map(|event| event["seq"].as_u64().unwrap())),
                None => seqs.push(frame["seq"].as_u64().unwrap()),
            }
        }
        seqs
    }

    #[test]
    fn a_sender_gets_what_others_sent() {
        let frames =
            Frames::of(&[addressed(1, Some("ann=")), addressed(2, Some("bob=")), addressed(3, Some("ann="))])
                .unwrap();
        let [ann, bob, cid] = ["ann=", "bob=", "cid="].map(|connection| connection.parse().unwrap());
        assert_eq!(seqs(frames.to(&ann)), [2]);
        assert_eq!(seqs(frames.to(&bob)), [1, 3]);
        assert_eq!(seqs(frames.to(&cid)), [1, 2, 3]);
        assert_eq!(frames.to(&cid).len(), 1, "one frame");
        let own = Frames::of(&[addressed(1, Some("ann="))]).unwrap();
        assert!(own.to(&ann).is_empty());
    }
}
