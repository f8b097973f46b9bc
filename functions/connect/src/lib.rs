//! `$connect`: keeps a connection that the authorizer has let in, and has its lease looked after. One read, of what its user
//! has cost; one write, one message.

use funnelcast_aws::{
    Caller, Config, Resource, Store,
    config::Lease,
    errand::{Errand, Errands},
    serve::{RouteResponse, WebSocketEvent},
    spending::{self, price},
};
use funnelcast_core::Error;

/// The one subprotocol. Tokens and tickets may be offered beside it; they are never echoed.
pub const SUBPROTOCOL: &str = "funnelcast.v1";

/// The table, and who looks after leases.
#[derive(Debug)]
pub struct Reception {
    store: Store,
    errands: Errands,
    lease: Lease,
}

impl Resource for Reception {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (store, errands) = tokio::try_join!(Store::build(config), Errands::build(config))?;
        Ok(Self { store, errands, lease: config.lease })
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

async fn keep(Reception { store, errands, lease }: &Reception, caller: &Caller) -> Result<(), Error> {
    let errand = Errand::Lease { user: caller.identity.user.clone(), connection: caller.connection.clone() };
    let looked_at = lease.length().min(caller.identity.expires_at.since(caller.now));
    tokio::try_join!(store.put_connection(caller), errands.put(&errand, looked_at)).map(drop)
}

fn is_offered(event: &WebSocketEvent) -> bool {
    event
        .headers
        .get_all("sec-websocket-protocol")
        .iter()
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
            assert_eq!(is_offered(&event), expected, "{offer}");
        }
    }
}
