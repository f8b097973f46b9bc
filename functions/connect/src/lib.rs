//! `$connect`: keeps a connection that the authorizer has let in, and has its lease looked after. Two reads, of what its user
//! has cost and of their connections; one write, one message.
//!
//! A user has at most [`CONNECTIONS_MAX`] connections. One more is not refused: the one that was heard of longest ago is told so,
//! and closed. It is the likeliest to be dead, and nobody is locked out by connections that ended without a word.

use funnelcast_aws::{
    Caller, Config, Resource, Store,
    config::Lease,
    errand::{Errand, Errands},
    gateway::{Delivered, Gateway},
    serve::{RouteResponse, WebSocketEvent},
    spending::{self, price},
    store::connections::CONNECTIONS_MAX,
};
use funnelcast_core::Error;

/// The one subprotocol. Tokens and tickets may be offered beside it; they are never echoed.
pub const SUBPROTOCOL: &str = "funnelcast.v1";

/// The table, who looks after leases, and the way to those who have to go.
#[derive(Debug)]
pub struct Reception {
    store: Store,
    errands: Errands,
    gateway: Gateway,
    lease: Lease,
}

impl Resource for Reception {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (store, errands) = tokio::try_join!(Store::build(config), Errands::build(config))?;
        Ok(Self { store, errands, gateway: Gateway::new(config)?, lease: config.lease })
    }
}

/// Keeps the connection, unless its user has cost too much (429), and chooses the subprotocol where it was offered: a browser that offered some and gets none
/// back ends the connection (RFC 6455, 4.1).
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails; the client then gets a 5xx and tries again. What was kept of
/// this one ends with its lease, or by the TTL.
pub async fn handle(reception: &Reception, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let Reception { store, .. } = reception;
    let caller = Caller::of(&event.request_context)?;
    let (user, now) = (&caller.identity.user, caller.now);
    match store.check_spending(user, now).await {
        Err(Error::RateLimited { .. }) => {
            return Ok(RouteResponse { status_code: 429, ..RouteResponse::EMPTY });
        }
        checked => checked?,
    }
    let (kept, dollars) = spending::counted(Box::pin(keep(reception, &caller))).await;
    store.charge(user, dollars + price::INVOCATION + price::CONNECTION, now).await;
    kept?;
    let headers = is_offered(&event).then(|| [("Sec-WebSocket-Protocol", SUBPROTOCOL)].into());
    Ok(RouteResponse { headers, ..RouteResponse::EMPTY })
}

async fn keep(reception: &Reception, caller: &Caller) -> Result<(), Error> {
    let Reception { store, errands, lease, .. } = reception;
    let errand = Errand::Lease { user: caller.identity.user.clone(), connection: caller.connection.clone() };
    let looked_at = lease.length().min(caller.identity.expires_at.since(caller.now));
    tokio::try_join!(store.put_connection(caller), errands.put(&errand, looked_at))?;
    make_room(reception, caller).await
}

/// Ends the connections that this one takes the place of. One that cannot be told so now is left to the next that comes: if it
/// only found itself closed, it would connect again.
async fn make_room(Reception { store, gateway, .. }: &Reception, newest: &Caller) -> Result<(), Error> {
    for displaced in store.displaced_by(newest).await? {
        let why = format!("this connection has ended: its user has more than {CONNECTIONS_MAX}");
        if gateway.end(&displaced, &Error::Conflict(why.into())).await? != Delivered::Failed {
            store.remove_connection(&newest.identity.user, &displaced).await?;
        }
    }
    Ok(())
}

fn is_offered(event: &WebSocketEvent) -> bool {
    // Of a header that was sent twice, `headers` has one value.
    let [all, single] =
        [&event.multi_value_headers, &event.headers].map(|map| map.get_all("sec-websocket-protocol"));
    all.iter()
        .chain(single)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|protocol| protocol.trim() == SUBPROTOCOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_protocol_is_echoed() {
        let mut event: WebSocketEvent =
            serde_json::from_str(include_str!("../../../events/connect.json")).unwrap();
        for (offer, expected) in [
            ("funnelcast.v1", true),
            ("token.a.b.c, funnelcast.v1", true),
            ("token.a.b.c", false),
            ("funnelcast.v10", false),
            ("", false),
        ] {
            event.headers.insert("sec-websocket-protocol", offer.parse().unwrap());
            event.multi_value_headers.insert("sec-websocket-protocol", offer.parse().unwrap());
            assert_eq!(is_offered(&event), expected, "{offer}");
            event.multi_value_headers.append("sec-websocket-protocol", "other.v1".parse().unwrap());
            assert_eq!(is_offered(&event), expected, "{offer} in the first of two lines");
        }
    }
}
