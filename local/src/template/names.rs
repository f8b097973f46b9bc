//! The forms of ids, hosts and ARNs, as AWS generates them.

use super::{ACCOUNT, REGION};

/// The logical id of the HTTP API that SAM generates for routes which name none.
pub(super) const IMPLICIT_HTTP_API: &str = "ServerlessHttpApi";
/// The bus of rules that name none.
pub(super) const DEFAULT_BUS: &str = "default";

/// The ARN of `resource` (e.g. `table/x`) of `service`.
pub(super) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// An id as API Gateway generates it, ten lower-case letters and digits; always the same for a logical id.
pub(super) fn api_id(logical_id: &str) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // FNV-1a, which spreads well enough and stays the same from build to build.
    let mut hash = logical_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut id = String::with_capacity(10);
    for _ in 0..10 {
        id.push(char::from(DIGITS[usize::try_from(hash % 36).unwrap_or(0)]));
        hash /= 36;
    }
    id
}

/// The logical id of a route that SAM generates: `WebSocketApi` and `$connect` give `WebSocketApiConnectRoute`.
pub(super) fn route_id(api: &str, key: &str) -> String {
    format!("{api}{}Route", capitalised(key.trim_start_matches('$')))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The host of an API of the template, as on AWS.
pub(super) fn host(api: &str) -> String {
    format!("{}.execute-api.{REGION}.amazonaws.com", api_id(api))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_awss() {
        let id = api_id("WebSocketApi");
        assert_eq!(id, api_id("WebSocketApi"));
        assert_ne!(id, api_id("HttpApi"));
        assert!(id.len() == 10 && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{id}");
        assert_eq!(route_id("WebSocketApi", "$connect"), "WebSocketApiConnectRoute");
        assert_eq!(route_id("Api", "join"), "ApiJoinRoute");
    }
}
