//! What became of the requests: answers, refusals, and silence.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Ask, Entry, Event, Link, RETRY, Session, Wire};
use crate::wire::{Refusal, events, read_reply};

/// How long to wait where a refusal does not say it.
const CALM: Duration = Duration::from_secs(1);

impl Session {
    /// An answer, to whichever request.
    pub(super) fn answered(&mut self, frame: &Value, now: Instant) {
        let id = frame["id"].as_str().and_then(|id| id.parse().ok());
        let Some(open) = id.and_then(|id| self.requests.take(id)) else { return };
        match read_reply(frame) {
            Ok(Ok(data)) => self.done(open.ask, &data, open.asked_at, now),
            Ok(Err(refusal)) => self.refused(open.ask, &refusal, open.asked_at, now),
            Err(error) => self.entries.push(Entry::Unexpected(format!("{error:#}"))),
        }
    }

    /// No answer came. Where it may still take effect, and would then contradict what is asked for next, only a new
    /// connection is safe; a join or a leave that is numbered cannot.
    pub(super) fn unanswered(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Join { .. } | Ask::Leave { .. } if self.settings.gives_order => self.again(ask, now, now),
            Ask::Join { .. } | Ask::Leave { .. } | Ask::Ping(_) => self.link = Link::Spent,
            other => self.again(other, now, now),
        }
    }

    /// It failed for no fault of the request: it is made again, not before `at`.
    pub(super) fn again(&mut self, ask: Ask, at: Instant, now: Instant) {
        match ask {
            Ask::Join { .. } | Ask::Leave { .. } if !self.is_last(&ask) => {}
            Ask::Join { .. } => self.ask_again(&ask, at),
            Ask::Leave { .. } if self.settings.gives_order => self.ask_again(&ask, at),
            Ask::Leave { .. } => self.link = Link::Spent,
            Ask::Send { key, .. } => self.outbox.again(&key, at),
            Ask::Fetch { channel, .. } => {
                if let Some(cursor) = self.cursors.get_mut(&channel) {
                    cursor.fetch_failed(now);
                }
            }
            Ask::Ping(_) => self.beat_at = at,
            // It may have been done, or not.
            Ask::Say { channel, .. } => drop(self.statuses.insert(channel, None)),
            Ask::Repeat { .. } | Ask::Trespass(_) | Ask::Roster(_) | Ask::Status | Ask::Other(_) => {}
        }
    }

    fn done(&mut self, ask: Ask, data: &Value, asked_at: Instant, now: Instant) {
        let asked_ms = self.settings.clock.ms(asked_at);
        match ask {
            Ask::Join { .. } | Ask::Leave { .. } if !self.is_last(&ask) => {}
            Ask::Join { .. } => self.joined_now(ask, data, asked_at, now),
            Ask::Trespass(channel) => self.entries.push(Entry::Opened { channel }),
            Ask::Leave { channel, .. } => self.left_now(channel, now),
            Ask::Send { channel, key } => self.acked(channel, key, data, now),
            Ask::Repeat { channel, key } => {
                let (seq, duplicate) = place(data);
                let at_ms = self.settings.clock.ms(now);
                self.entries.push(Entry::Acked { channel, key, seq, duplicate, at_ms });
            }
            Ask::Fetch { channel, after } => self.page(&channel, after, data, now),
            Ask::Ping(token_until_ms) => {
                self.beat_at = now + self.settings.beat;
                self.note(Wire::Alive { asked_ms }, now);
                if let Some(until_ms) = token_until_ms {
                    self.token_until_ms = until_ms;
                    self.note(Wire::Token { until_ms }, now);
                }
            }
            Ask::Status => {
                self.note(Wire::Alive { asked_ms }, now);
                self.status(data, asked_at);
            }
            Ask::Roster(channel) => {
                if let Some(told) = self.told.get_mut(&channel) {
                    told.asked(data);
                }
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let users = data["users"].as_array().into_iter().flatten();
                let roster = users.map(|user| (text(&user["userId"]), text(&user["status"])));
                self.rosters.insert(channel, roster.collect());
            }
            Ask::Say { channel, status } => {
                // An earlier one whose answer was lost may still be done.
                if let Some(own @ Some(_)) = self.statuses.get_mut(&channel) {
                    *own = Some(status);
                }
            }
            Ask::Other(_) => {}
        }
    }

    /// The own message takes its place in the channel like any other.
    fn acked(&mut self, channel: String, key: String, data: &Value, now: Instant) {
        let (seq, duplicate) = place(data);
        let (at_ms, name) = (self.settings.clock.ms(now), key.clone());
        self.entries.push(Entry::Acked { channel: channel.clone(), key: name, seq, duplicate, at_ms });
        let Some(content) = self.outbox.keep(&key, seq) else { return };
        let (user, data) = (Some(self.settings.person.id.clone()), json!({"content": content}));
        let event = "chat.message".to_owned();
        let at = String::new();
        self.event(Event { channel, event, seq: Some(seq), user, key: Some(key), at, data }, now);
    }

    fn page(&mut self, name: &str, after: u64, data: &Value, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(name) else { return };
        let found = events(data, "events");
        let more = data["more"] == true;
        let due: Vec<_> = found.iter().flat_map(|event| cursor.take(Event::of(event), now)).collect();
        let first = found.first().map(|event| event["seq"].as_u64().unwrap_or_default());
        if first.is_some_and(|first| first != after + 1) {
            let what = format!("after {after} came {first:?}");
            self.entries.push(Entry::Partial { channel: name.to_owned(), what });
        }
        cursor.fetched(more, now);
        self.hear(due);
    }

    fn refused(&mut self, ask: Ask, refusal: &Refusal, asked_at: Instant, now: Instant) {
        match refusal.code.as_str() {
            "unauthorized" => self.link = Link::Spent,
            "internal" => self.again(ask, now + RETRY, now),
            "rate_limited" => {
                self.calm_until = now + refusal.retry_after_ms.map_or(CALM, Duration::from_millis);
                self.again(ask, self.calm_until, now);
            }
            "not_joined" => {
                self.denied(&ask, asked_at, now);
                self.again(ask, now, now);
            }
            // What has been overtaken is refused, or not; either is right.
            _ if !self.is_last(&ask) => {}
            "conflict" => self.conflict(ask, now),
            code => self.refused_for_good(ask, code, &refusal.message, asked_at, now),
        }
    }

    /// `base` is too far behind: what came since is heard, so the next try knows more.
    fn conflict(&mut self, ask: Ask, now: Instant) {
        if matches!(ask, Ask::Join { .. } | Ask::Leave { .. } | Ask::Ping(_)) {
            self.entries.push(Entry::Unexpected(format!("{ask:?}: conflict, and nothing came after it")));
        }
        if let Ask::Send { key, .. } = &ask
            && let Some(open) = self.outbox.open_mut(key)
        {
            open.base = None;
        }
        self.again(ask, now + RETRY, now);
    }

    fn refused_for_good(&mut self, ask: Ask, code: &str, message: &str, asked_at: Instant, now: Instant) {
        let code = code.to_owned();
        match ask {
            Ask::Trespass(_) => {} // as it should be
            Ask::Join { channel, until_ms, .. } => {
                self.barred(&channel, now);
                let (asked_ms, at_ms) = (self.settings.clock.ms(asked_at), self.settings.clock.ms(now));
                if until_ms.is_some_and(|until_ms| until_ms < at_ms + 2_000) {
                    return; // its grant had ended on the way
                }
                self.entries.push(Entry::TurnedAway { what: channel, code, asked_ms, at_ms });
            }
            // Who has been put out of it meanwhile gives it up; an earlier try may have been kept.
            Ask::Send { channel, .. } | Ask::Repeat { channel, .. } if self.may_be_out(&channel, &code) => {
                self.outbox.give_up(&channel);
            }
            Ask::Fetch { channel, .. } if self.may_be_out(&channel, &code) => {
                if let Some(cursor) = self.cursors.get_mut(&channel) {
                    cursor.fetch_failed(now);
                }
            }
            Ask::Send { channel, key } => {
                if self.outbox.refuse(&key) {
                    let what = format!("{key} was refused: {code}: {message}");
                    self.entries.push(Entry::Unexpected(what));
                }
                self.entries.push(Entry::Refused { channel, key, code });
            }
            other => self.entries.push(Entry::Unexpected(format!("{other:?}: {code}: {message}"))),
        }
    }
}

impl Session {
    /// Whether the backend may have put the user out of a channel, as a refusal says.
    fn may_be_out(&self, channel: &String, code: &str) -> bool {
        code == "forbidden" && self.settings.for_a_time.contains(channel)
    }
}

/// Where a send's reply says that it is, and whether it was there before.
fn place(data: &Value) -> (u64, bool) {
    (data["seq"].as_u64().unwrap_or_default(), data["duplicate"] == true)
}
