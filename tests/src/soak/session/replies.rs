//! What became of the requests: answers, refusals, and silence.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::cursor::Membership;
use super::{Ask, BEAT, Entry, Event, Link, RETRY, Session};
use crate::wire::{Refusal, events, read_reply};

/// How long to wait where a refusal does not say it.
const CALM: Duration = Duration::from_secs(1);

impl Session {
    /// An answer, to whichever request.
    pub(super) fn answered(&mut self, frame: &Value, now: Instant) {
        let id = frame["id"].as_str().and_then(|id| id.parse().ok());
        let Some(ask) = id.and_then(|id| self.requests.take(id)) else { return };
        match read_reply(frame) {
            Ok(Ok(data)) => self.done(ask, &data, now),
            Ok(Err(refusal)) => self.refused(ask, &refusal, now),
            Err(error) => self.entries.push(Entry::Unexpected(format!("{error:#}"))),
        }
    }

    /// No answer came. Where it may still take effect, and would then contradict what is asked for next, only a new
    /// connection is safe.
    pub(super) fn unanswered(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Join { .. } | Ask::Leave(_) | Ask::Ping => self.link = Link::Spent,
            other => self.again(other, now, now),
        }
    }

    /// It failed for no fault of the request: it is made again, not before `at`.
    pub(super) fn again(&mut self, ask: Ask, at: Instant, now: Instant) {
        match ask {
            Ask::Join { channel, .. } => {
                if let Some(cursor) = self.cursors.get_mut(&channel) {
                    cursor.membership = Membership::Wanted(at);
                }
            }
            Ask::Leave(_) => self.link = Link::Spent,
            Ask::Send { key, .. } => self.outbox.again(&key, at),
            Ask::Fetch { channel, .. } => {
                if let Some(cursor) = self.cursors.get_mut(&channel) {
                    cursor.fetch_failed(now);
                }
            }
            Ask::Ping => self.beat_at = at,
            Ask::Repeat { .. } | Ask::Trespass(_) | Ask::Roster(_) | Ask::Other(_) => {}
        }
    }

    fn done(&mut self, ask: Ask, data: &Value, now: Instant) {
        match ask {
            Ask::Join { channel, since } => self.joined_now(&channel, since, data, now),
            Ask::Trespass(channel) => self.entries.push(Entry::Opened { channel }),
            Ask::Leave(channel) => {
                if let Some(cursor) = self.cursors.get_mut(&channel) {
                    cursor.membership = Membership::Left;
                }
            }
            Ask::Send { channel, key } => self.acked(channel, key, data, now),
            Ask::Repeat { channel, key } => {
                let (seq, duplicate) = place(data);
                self.entries.push(Entry::Acked { channel, key, seq, duplicate });
            }
            Ask::Fetch { channel, after } => self.page(&channel, after, data, now),
            Ask::Ping => self.beat_at = now + BEAT,
            Ask::Roster(channel) => {
                let users = data["users"].as_array().into_iter().flatten();
                let names = users.filter_map(|user| user["userId"].as_str().map(str::to_owned));
                self.rosters.insert(channel, names.collect());
            }
            Ask::Other(_) => {}
        }
    }

    fn joined_now(&mut self, name: &str, since: Option<u64>, data: &Value, now: Instant) {
        let Some(cursor) = self.cursors.get_mut(name) else { return };
        cursor.membership = Membership::Joined;
        let channel = name.to_owned();
        let head = data["head"].as_u64().unwrap_or_default();
        let more = data["more"] == true;
        let mut due = Vec::new();
        match since {
            None => {
                self.entries.push(Entry::Began { channel, at: head });
                due.extend(cursor.start_after(head, now));
            }
            Some(since) if data["recovered"] != true => {
                // What came live meanwhile has been heard all the same.
                let at = cursor.last().map_or(head, |last| last.max(head));
                self.entries.push(Entry::Reset { channel, since, at });
                due.extend(cursor.start_after(at, now));
            }
            Some(_) => {
                let missed = events(data, "events");
                self.entries.push(Entry::Recovered { channel, events: missed.len() });
                due.extend(missed.iter().flat_map(|event| cursor.take(Event::of(event), now)));
                if !more && cursor.last() < Some(head) {
                    let (channel, what) = (name.to_owned(), format!("head {head}, {:?}", cursor.last()));
                    self.entries.push(Entry::Partial { channel, what });
                }
            }
        }
        cursor.fetched(more, now);
        self.hear(due);
        self.entries.extend(events(data, "latest").iter().map(|event| Entry::Heard(Event::of(event))));
    }

    /// The own message takes its place in the channel like any other.
    fn acked(&mut self, channel: String, key: String, data: &Value, now: Instant) {
        let (seq, duplicate) = place(data);
        self.entries.push(Entry::Acked { channel: channel.clone(), key: key.clone(), seq, duplicate });
        let Some(content) = self.outbox.keep(&key, seq) else { return };
        let (user, data) = (Some(self.user.clone()), json!({"content": content}));
        let event = "chat.message".to_owned();
        self.event(Event { channel, event, seq: Some(seq), user, key: Some(key), data }, now);
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

    fn refused(&mut self, ask: Ask, refusal: &Refusal, now: Instant) {
        match refusal.code.as_str() {
            "unauthorized" => self.link = Link::Spent,
            "internal" => self.again(ask, now + RETRY, now),
            "rate_limited" => {
                self.calm_until = now + refusal.retry_after_ms.map_or(CALM, Duration::from_millis);
                self.again(ask, self.calm_until, now);
            }
            "not_joined" => self.not_joined(ask, now),
            "conflict" => self.conflict(ask, now),
            code => self.refused_for_good(ask, code, &refusal.message),
        }
    }

    /// The server does not know the membership. Where it should, the channel is joined again, and all that was missed
    /// comes with it.
    fn not_joined(&mut self, ask: Ask, now: Instant) {
        if let Some(cursor) = ask.channel().and_then(|channel| self.cursors.get_mut(channel))
            && cursor.membership == Membership::Joined
        {
            cursor.membership = Membership::Wanted(now);
        }
        self.again(ask, now, now);
    }

    /// `base` is too far behind: what came since is heard, so the next try knows more.
    fn conflict(&mut self, ask: Ask, now: Instant) {
        if let Ask::Send { key, .. } = &ask
            && let Some(open) = self.outbox.open_mut(key)
        {
            open.base = None;
        }
        self.again(ask, now + RETRY, now);
    }

    fn refused_for_good(&mut self, ask: Ask, code: &str, message: &str) {
        let code = code.to_owned();
        match ask {
            Ask::Trespass(_) => {} // as it should be
            Ask::Join { channel: what, .. } => self.entries.push(Entry::TurnedAway { what, code }),
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

/// Where a send's reply says that it is, and whether it was there before.
fn place(data: &Value) -> (u64, bool) {
    (data["seq"].as_u64().unwrap_or_default(), data["duplicate"] == true)
}
