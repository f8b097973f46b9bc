//! How a client stands: what it has joined and heard, and what it knows of the others and of itself.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Membership};
use super::{Link, Session};
use crate::soak::record::Standing;
use crate::soak::world::has_presence;

impl Session {
    /// How it stands.
    pub(in crate::soak) fn standing(&self) -> Standing {
        let is_up = self.link == Link::Up;
        let is_settled = |cursor: &Cursor| {
            cursor.membership == Membership::Left || cursor.is_barred() || cursor.is_caught_up()
        };
        let joined: BTreeMap<_, _> = self.cursors.iter().filter(|(_, cursor)| cursor.is_in()).collect();
        let barred = self.cursors.iter().filter(|(_, cursor)| cursor.is_barred());
        // What is being joined or left may be known or not.
        let is_at_rest = |channel: &&String| {
            let cursor = self.cursors.get(*channel);
            cursor.is_none_or(|cursor| {
                cursor.is_at_rest() || cursor.is_in() || matches!(cursor.membership, Membership::Barred(_))
            })
        };
        let unposted = joined.iter().filter(|(_, cursor)| !cursor.unposted().is_empty());
        let told = self.told.iter();
        let told = told.filter(|(channel, _)| has_presence(channel) && joined.contains_key(channel));
        Standing {
            is_up,
            is_settled: is_up && self.outbox.is_empty() && self.cursors.values().all(is_settled),
            has_vanished: false,
            barred: barred.map(|(channel, _)| channel.clone()).collect(),
            known: self.known.as_ref().map(|known| known.iter().filter(is_at_rest).cloned().collect()),
            unposted: unposted
                .map(|(channel, cursor)| ((*channel).clone(), cursor.unposted().clone()))
                .collect(),
            statuses: self.statuses.clone(),
            rosters: self.rosters.clone(),
            told: told.map(|(channel, told)| (channel.clone(), told.roster())).collect(),
            joined: joined
                .into_iter()
                .filter_map(|(channel, cursor)| Some((channel.clone(), cursor.last()?)))
                .collect(),
        }
    }
}
