//! The servers by which browsers find a way to one another (RFC 8445): STUN tells them their addresses, TURN relays where no
//! direct way exists.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Channel, Timestamp};

/// Asks for the servers of a call.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IceQuery {
    /// The channel: a conversation that the user may join.
    pub channel: Channel,
}

/// The servers of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct IceReply {
    /// The servers, as `RTCPeerConnection` takes them; none if the stack has none.
    pub ice_servers: Vec<IceServer>,
    /// When the credentials expire. A TURN server takes them to begin a relay, and to prolong one.
    pub expires_at: Timestamp,
}

/// Some servers that share their credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IceServer {
    /// The URLs.
    pub urls: Vec<IceUrl>,
    /// The user name, which TURN servers need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// The URL of a server: `stun:`, `stuns:`, `turn:` or `turns:`, a host, a port if need be, and for TURN how to get there (RFC 7064
/// and 7065).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(inline, extend("pattern" = "^(stuns?:|turns?:)"))
)]
#[serde(try_from = "String")]
pub struct IceUrl(String);

impl IceUrl {
    /// Whether it is that of a TURN server, which needs credentials.
    pub fn is_turn(&self) -> bool {
        self.0.starts_with("turn")
    }
}

impl TryFrom<String> for IceUrl {
    type Error = String;

    fn try_from(url: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be URLs such as stun:stun.example:3478 or turns:turn.example:443?transport=tcp; {url:?} is none"
            )
        };
        let (scheme, rest) = url.split_once(':').ok_or_else(wrong)?;
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_turn = matches!(scheme, "turn" | "turns");
        let is_known = is_turn || matches!(scheme, "stun" | "stuns");
        let query_fits = match query {
            "" => !rest.ends_with('?'),
            "transport=udp" | "transport=tcp" => is_turn,
            _ => false,
        };
        // The last colon is that of a port, unless it is inside of an IPv6 address.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (address, None),
        };
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_fits = inside.map_or_else(
            || !host.is_empty() && host.bytes().all(is_host_byte),
            |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
        );
        if is_known && query_fits && port_fits && host_fits { Ok(Self(url)) } else { Err(wrong()) }
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_the_rfcs() {
        for (good, is_turn) in [
            ("stun:stun.example", false),
            ("stuns:stun.example:5349", false),
            ("turn:192.0.2.1:3478?transport=udp", true),
            ("turns:turn.example:443?transport=tcp", true),
            ("stun:[2001:db8::1]:3478", false),
            ("turn:[2001:db8::1]", true),
        ] {
            assert_eq!(IceUrl::try_from(good.to_owned()).unwrap().is_turn(), is_turn, "{good}");
        }
        for bad in [
            "",
            "stun:",
            "http://x",
            "stun:a b",
            "stun:x:0",
            "stun:x:70000",
            "stun:x:",
            "stun:x?transport=udp",
            "turn:x?",
            "turn:x?transport=quic",
            "turn:user@x",
            "turn://x",
            "stun:[::1",
            "stun:[x]",
            "STUN:x",
        ] {
            assert!(IceUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
