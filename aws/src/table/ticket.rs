//! Tickets: the credential by which a browser connects, which can set no header on a WebSocket, and whose URLs end up
//! in logs.
//!
//! A ticket stands for an identity that a token has just proved. It is valid for [`TICKET_LIFE`] and for one
//! connection: taking it deletes it, and a delete returns the old item to only one of any number of callers. The
//! table stores its SHA-256 and nothing else of it, so nobody can connect by reading the table.

use std::{collections::BTreeMap, time::Duration};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use aws_sdk_dynamodb::types::ReturnValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use funnelcast_core::{Error, Identity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    item::{Table, failed, from_item, to_item},
    key,
};

/// How long a ticket is valid: long enough for a slow handshake, which follows at once.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);
/// The number of random bytes of a ticket, so that it cannot be guessed.
const SECRET_BYTES: usize = 32;

/// A new ticket. It is returned to its user once, and is stored nowhere.
#[derive(Debug)]
pub struct Ticket {
    /// The secret: 43 characters of base64url, which need no escaping in a URL or among subprotocols.
    pub secret: String,
    /// When it expires; never later than the token that it was issued for.
    pub expires_at: Timestamp,
}

/// The item of a ticket. It has the same fields of the identity as the authorizer's context.
#[derive(Debug, Serialize, Deserialize)]
struct TicketRow {
    pk: String,
    sk: String,
    identity: BTreeMap<String, String>,
    until: Timestamp,
    ttl: i64,
}

impl Table {
    /// Issues a ticket to a user who has just proved their identity: 1 write.
    pub async fn put_ticket(&self, identity: &Identity, now: Timestamp) -> Result<Ticket, Error> {
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret).map_err(|error| Error::internal("random bytes", &error))?;
        let expires_at = (now + TICKET_LIFE).min(identity.expires_at);
        let row = TicketRow {
            pk: key::ticket(&hash(&secret)),
            sk: key::META.to_owned(),
            identity: identity
                .to_context()
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            until: expires_at,
            ttl: expires_at.as_secs(),
        };
        self.put(to_item(row)?).send().await.map_err(failed("PutItem of a ticket"))?;
        Ok(Ticket { secret: URL_SAFE_NO_PAD.encode(secret), expires_at })
    }

    /// Takes a ticket, so that it cannot be used again: 1 write.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if it is malformed or unknown, has been used, or has expired.
    pub async fn take_ticket(&self, secret: &str, now: Timestamp) -> Result<Identity, Error> {
        let refused = |why| Error::Unauthorized(format!("ticket: {why}").into());
        let secret: [u8; SECRET_BYTES] = URL_SAFE_NO_PAD
            .decode(secret)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| refused("it is none"))?;
        let delete =
            self.delete(key::ticket(&hash(&secret)), key::META.to_owned()).return_values(ReturnValue::AllOld);
        let item = delete.send().await.map_err(failed("DeleteItem of a ticket"))?.attributes;
        let row: TicketRow =
            from_item(item.ok_or_else(|| refused("it has been used, or has never been given"))?)?;
        if now >= row.until {
            return Err(refused("it has expired"));
        }
        let identity = Identity::from_context(|name| row.identity.get(name).map(String::as_str))?;
        identity.check_alive(now)?;
        Ok(identity)
    }
}

fn hash(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret))
}
