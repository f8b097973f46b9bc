//! Callers.

use std::time::Duration;

use funnelcast_core::{Identity, JoinOrder, SocketCaller, Timestamp, identity::CompaniesBy};

/// A user without companies, on a connection that was opened at `now`, whose token is valid for an hour.
pub fn caller(user: &str, connection: &str, now: Timestamp) -> SocketCaller {
    SocketCaller {
        identity: Identity {
            user: user.parse().unwrap(),
            name: "Ann".to_owned().try_into().unwrap(),
            companies: vec![],
            companies_by: CompaniesBy::Token,
            experiences: vec![],
            rooms: vec![],
            expires_at: now + Duration::from_hours(1),
        },
        connection: connection.parse().unwrap(),
        connected_at: now,
        now,
        order: JoinOrder::FIRST,
    }
}
