//! Connections in the [journal](crate::journal): each has a row from before its `$connect` until after its `$disconnect`.
//! The rows that a killed stack leaves are connections whose sockets ended with it.

use rusqlite::{Connection, Result, Transaction, types::Type};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::Client;

/// What the event of `$disconnect` says about a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) client: Client,
    /// The context that the authorizer returned.
    pub(super) authorizer: Option<Map<String, Value>>,
}

/// Adds a connection.
pub(super) fn insert(to: &Transaction<'_>, peer: &Peer) -> Result<()> {
    let record = serde_json::to_string(peer)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut statement = to.prepare_cached("INSERT INTO connections VALUES (?, ?)")?;
    statement.execute((&peer.client.connection_id, record)).map(drop)
}

/// Removes a connection that has ended.
pub(super) fn delete(to: &Transaction<'_>, connection_id: &str) -> Result<()> {
    let mut statement = to.prepare_cached("DELETE FROM connections WHERE id = ?")?;
    statement.execute([connection_id]).map(drop)
}

/// All connections that have not ended.
pub(super) fn load(from: &Connection) -> Result<Vec<Peer>> {
    let mut statement = from.prepare("SELECT record FROM connections")?;
    let peers = statement.query_map([], |row| {
        let record: String = row.get(0)?;
        serde_json::from_str(&record)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    })?;
    peers.collect()
}
