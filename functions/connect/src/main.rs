//! `$connect`: stores a connection that the authorizer has admitted, and selects the subprotocol. See
//! [`funnelcast_realtime::membership::connection::open`].

use funnelcast_aws::{
    Config, Resource,
    config::Lease,
    gateway::Gateway,
    serve::{EventType, RouteResponse, WebSocketEvent, serve_route, socket_caller},
};
use funnelcast_core::Error;
use funnelcast_realtime::{access::Access, membership::connection, timer::Timers};

/// The only subprotocol. Tokens and tickets may be offered beside it; they are never echoed.
const SUBPROTOCOL: &str = "funnelcast.v1";

struct Resources {
    access: Access,
    timers: Timers,
    gateway: Gateway,
    lease: Lease,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (access, timers) = tokio::try_join!(Access::build(config), Timers::build(config))?;
        Ok(Self { access, timers, gateway: Gateway::new(config)?, lease: config.lease })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve_route(EventType::Connect, handle).await
}

/// Answers 429 if the user has cost too much. The subprotocol is selected if it was offered: a browser that offered
/// some and gets none back closes the connection (RFC 6455, 4.1). After an error the client gets a 5xx and retries.
async fn handle(resources: &Resources, event: WebSocketEvent) -> Result<RouteResponse, Error> {
    let Resources { access, timers, gateway, lease } = resources;
    let caller = socket_caller(&event.request_context)?;
    match connection::open(access, timers, gateway, *lease, &caller).await {
        Err(Error::RateLimited { .. }) => Ok(RouteResponse { status_code: 429, ..RouteResponse::EMPTY }),
        opened => {
            opened?;
            let headers = is_offered(&event).then(|| [("Sec-WebSocket-Protocol", SUBPROTOCOL)].into());
            Ok(RouteResponse { headers, ..RouteResponse::EMPTY })
        }
    }
}

fn is_offered(event: &WebSocketEvent) -> bool {
    // `headers` has only one value of a header that was sent twice.
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
    fn only_the_stacks_own_subprotocol_is_echoed() {
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
