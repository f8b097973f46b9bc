//! The request that opens a connection, as events carry it.

use std::net::SocketAddr;

use http::{HeaderMap, Uri, header};
use serde_json::{Map, Value, json};

/// The headers and query of the request, as events carry them.
#[derive(Debug)]
pub(super) struct Handshake {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Handshake {
    /// The handshake of an upgrade request from `peer`.
    pub(super) fn new(uri: &Uri, headers: &HeaderMap, peer: SocketAddr) -> Self {
        let sent = headers.iter().filter(|(name, _)| *name != header::CONNECTION && *name != header::UPGRADE);
        let mut headers: Vec<_> = sent
            .map(|(name, value)| {
                (spelled(name.as_str()), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        headers.push(("X-Forwarded-For".to_owned(), peer.ip().to_string()));
        headers.push(("X-Forwarded-Proto".to_owned(), "http".to_owned()));
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { headers, query }
    }

    /// Whether the request has what an identity source, such as `route.request.querystring.token`, names.
    pub(super) fn has(&self, identity_source: &str) -> bool {
        let is_sent = |pairs: &[(String, String)], same: fn(&str, &str) -> bool, name: &str| {
            pairs.iter().any(|(key, value)| same(key, name) && !value.is_empty())
        };
        match identity_source.strip_prefix("route.request.").and_then(|source| source.split_once('.')) {
            Some(("header", name)) => is_sent(&self.headers, str::eq_ignore_ascii_case, name),
            Some(("querystring", name)) => is_sent(&self.query, |a, b| a == b, name),
            _ => false,
        }
    }

    /// The members that the events of the authorizer and of `$connect` have in common.
    pub(super) fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut add = |name: &str, pairs: &[(String, String)]| {
            let mut single = Map::new();
            let mut multi = Map::new();
            for (key, value) in pairs {
                single.insert(key.clone(), Value::from(value.as_str()));
                if let Some(values) = multi.entry(key.clone()).or_insert_with(|| json!([])).as_array_mut() {
                    values.push(Value::from(value.as_str()));
                }
            }
            let capitalised = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
            members.insert(name.to_owned(), Value::Object(single));
            members.insert(format!("multiValue{capitalised}"), Value::Object(multi));
        };
        add("headers", &self.headers);
        if !self.query.is_empty() {
            add("queryStringParameters", &self.query);
        }
        members
    }
}

/// A header's name as browsers spell it. In HTTP the case does not matter, but a function may look a name up in a map.
fn spelled(name: &str) -> String {
    let parts = name.split('-').map(|part| match part {
        "websocket" => "WebSocket".to_owned(),
        _ => part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect(),
    });
    parts.collect::<Vec<String>>().join("-")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn names_are_spelled_as_browsers_do() {
        assert_eq!(spelled("sec-websocket-protocol"), "Sec-WebSocket-Protocol");
        assert_eq!(spelled("x-whop-user-token"), "X-Whop-User-Token");
    }

    #[test]
    fn an_identity_source_must_be_present_and_not_empty() {
        let headers =
            HeaderMap::from_iter([(header::SEC_WEBSOCKET_PROTOCOL, "funnelcast.v1".parse().unwrap())]);
        let uri = "/dev?token=x&empty=".parse().unwrap();
        let handshake = Handshake::new(&uri, &headers, (Ipv4Addr::LOCALHOST, 1).into());
        assert!(handshake.has("route.request.querystring.token"));
        assert!(handshake.has("route.request.header.sec-websocket-protocol"));
        assert!(!handshake.has("route.request.querystring.empty"));
        assert!(!handshake.has("route.request.header.Authorization"));
        assert!(!handshake.has("something.else"));
    }
}
