//! Who is in a channel by what a device was told: the roster of its join, and the news since, each in its place by the
//! time that the server gives it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::soak::record::{Event, Roster};

/// What a device was told of one channel since it joined.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// The time at which the roster was read; older news are in it. A server that does not say it orders by `lastSeen`.
    read_at: Option<String>,
    /// Of each user, the order of the last word, and the status unless that was a leave.
    users: BTreeMap<String, (String, Option<String>)>,
    /// News that came before the roster: it is not known yet which are in it.
    early: Vec<Event>,
    has_roster: bool,
    /// Whether the users were too many to name when it was told last, so that it has to ask who they are.
    is_counted: bool,
}

impl Told {
    /// The roster of a join's reply.
    pub(super) fn joined(&mut self, reply: &Value) {
        self.take(reply, &reply["presence"]);
    }

    /// The roster that it asked for. It counts where the users had been too many to name.
    pub(super) fn asked(&mut self, reply: &Value) {
        if self.is_counted {
            self.take(reply, &reply["users"]);
        }
    }

    fn take(&mut self, reply: &Value, users: &Value) {
        let users = users.as_array().map_or(&[][..], Vec::as_slice);
        // Who asks is among them.
        self.is_counted = users.is_empty();
        self.read_at = reply["at"].as_str().map(str::to_owned);
        // Of a join while it is a member: what is newer than the roster stays.
        self.users.retain(|_, (order, _)| self.read_at.as_ref().is_some_and(|read_at| *order > *read_at));
        for user in users {
            let Some(id) = user["userId"].as_str() else { continue };
            let seen = user["lastSeen"].as_str().unwrap_or_default();
            let order = self.read_at.clone().unwrap_or_else(|| seen.to_owned());
            let status = user["status"].as_str().unwrap_or_default().to_owned();
            self.users.entry(id.to_owned()).or_insert((order, Some(status)));
        }
        self.has_roster = true;
        for event in std::mem::take(&mut self.early) {
            self.news(event);
        }
    }

    /// A piece of news. Of one user the one with the later time is right, in whatever order they come.
    pub(super) fn news(&mut self, event: Event) {
        if !self.has_roster {
            return self.early.push(event);
        }
        if event.event == "presence.count" {
            self.is_counted = true;
            self.users.clear();
        }
        let Some(user) = event.data["userId"].as_str() else { return };
        let order = match &self.read_at {
            Some(read_at) if event.at <= *read_at => return,
            Some(_) => event.at.clone(),
            None => event.data["lastSeen"].as_str().unwrap_or_default().to_owned(),
        };
        if self.users.get(user).is_some_and(|(known, _)| *known > order) {
            return;
        }
        let status = event.data["status"].as_str().unwrap_or_default().to_owned();
        let status = (event.event != "presence.leave").then_some(status);
        self.users.insert(user.to_owned(), (order, status));
    }

    /// Who is there by that.
    pub(super) fn roster(&self) -> Roster {
        let present =
            self.users.iter().filter_map(|(user, (_, status))| Some((user.clone(), status.clone()?)));
        present.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn news(name: &str, user: &str, status: &str, at: u64, seen: u64) -> Event {
        let frame = json!({"channel": "conversation:c", "event": format!("presence.{name}"),
            "at": time(at), "data": {"userId": user, "status": status, "lastSeen": time(seen)}});
        Event::of(&frame)
    }

    fn time(second: u64) -> String {
        format!("2026-11-23T10:00:{second:02}.000Z")
    }

    fn joined(at: Option<u64>) -> Told {
        let mut told = Told::default();
        let ann = json!({"userId": "ann", "status": "online", "lastSeen": time(3)});
        told.joined(&json!({"at": at.map(time), "presence": [ann]}));
        told
    }

    fn roster(told: &Told) -> Vec<(String, String)> {
        told.roster().into_iter().collect()
    }

    fn is(user: &str, status: &str) -> (String, String) {
        (user.to_owned(), status.to_owned())
    }

    #[test]
    fn of_a_user_the_later_word_is_right_in_whatever_order_they_come() {
        let mut told = joined(Some(5));
        told.news(news("update", "ann", "away", 9, 2));
        told.news(news("leave", "ann", "offline", 8, 8));
        told.news(news("join", "bob", "online", 6, 9));
        told.news(news("leave", "bob", "offline", 7, 7));
        assert_eq!(roster(&told), [is("ann", "away")]);
    }

    #[test]
    fn what_is_not_later_than_the_roster_is_in_it() {
        let mut told = joined(Some(5));
        told.news(news("leave", "ann", "offline", 5, 9));
        told.news(news("join", "bob", "online", 4, 9));
        assert_eq!(roster(&told), [is("ann", "online")]);
    }

    #[test]
    fn what_comes_before_the_roster_waits_for_it() {
        let mut told = Told::default();
        told.news(news("join", "bob", "online", 6, 6));
        told.news(news("join", "cid", "online", 5, 5));
        told.joined(&json!({"at": time(5), "presence": []}));
        assert_eq!(roster(&told), [is("bob", "online")]);
    }

    #[test]
    fn who_was_told_a_number_learns_the_names_by_asking() {
        let mut told = joined(Some(5));
        let roster_at = |second| json!({"at": time(second), "users": [{"userId": "bob", "status": "away"}]});
        told.asked(&roster_at(6));
        assert_eq!(roster(&told), [is("ann", "online")], "it knows them");
        told.news(Event::of(&json!({"channel": "conversation:c", "event": "presence.count", "at": time(7),
            "data": {"count": 101}})));
        assert_eq!(roster(&told), []);
        told.news(news("join", "cid", "online", 9, 9));
        told.asked(&roster_at(8));
        assert_eq!(roster(&told), [is("bob", "away"), is("cid", "online")]);
    }

    #[test]
    fn where_the_roster_has_no_time_the_later_last_seen_is_right() {
        let mut told = joined(None);
        told.news(news("leave", "ann", "offline", 1, 2));
        assert_eq!(roster(&told), [is("ann", "online")]);
        told.news(news("leave", "ann", "offline", 1, 4));
        assert_eq!(roster(&told), []);
    }
}
