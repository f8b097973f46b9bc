//! `$connect`: keeps a connection that the authorizer has let in, and has its lease looked after. One write, one message.

use funnelcast_aws::{
    Caller, Config, Resource, Store,
    config::Lease,
    errand::{Errand, Errands},
    serve::{RouteResponse, WebSocketEvent},
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

/// Keeps the connection, and chooses the subprotocol where it was offered: a browser that offered some and gets none
/// back ends the connection (RFC 6455, 4.1).
///
/// # Errors
/// [`Error::Internal`] where the table or the queue fails; the client then gets a 5xx and tries again. What was kept of
/// this one ends with its lease, or by the TTL.
pub async fn handle(reception: &Reception, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let Reception { store, errands, lease } = reception;
    let caller = Caller::of(&event.request_context)?;
    let errand = Errand::Lease { user: caller.identity.user.clone(), connection: caller.connection.clone() };
    let looked_at = lease.length().min(caller.identity.expires_at.since(caller.now));
    tokio::try_join!(store.put_connection(&caller), errands.put(&errand, looked_at))?;
    let headers = is_offered(&event).then(|| [("Sec-WebSocket-Protocol", SUBPROTOCOL)].into());
    Ok(RouteResponse { headers, ..RouteResponse::EMPTY })
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
