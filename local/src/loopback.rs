//! Who may ask for what is only for this machine: its own pages, and programs that are no browser.
//!
//! That we listen on 127.0.0.1 keeps other machines out, but no page that this machine's browser shows. A page of
//! elsewhere gives itself away by its `Origin`; one that has let its own name resolve to 127.0.0.1 ("DNS rebinding", to
//! be of the same origin as we) gives itself away by its `Host`.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};
use thiserror::Error;

/// A request that does not come from this machine's own.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{header} is not this machine's: only localhost and loopback addresses may ask")]
pub(crate) struct Foreign {
    header: header::HeaderName,
}

/// Refuses a request whose `Host`, or whose `Origin` where it has one, names another than this machine.
pub(crate) fn check_host(headers: &HeaderMap) -> Result<(), Foreign> {
    if !headers.contains_key(header::HOST) {
        return Err(Foreign { header: header::HOST });
    }
    for header in [header::HOST, header::ORIGIN] {
        if !headers.get_all(&header).iter().all(|value| value.to_str().is_ok_and(is_loopback)) {
            return Err(Foreign { header });
        }
    }
    Ok(())
}

/// Whether `text`, `host:port` or `http://host:port`, is a place on this machine.
fn is_loopback(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: Option<&str>, origin: Option<&str>) -> Result<(), header::HeaderName> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        check_host(&headers).map_err(|foreign| foreign.header)
    }

    #[test]
    fn this_machines_own_pages_and_programs_may_ask() {
        for host in ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.8.8.8"] {
            assert_eq!(of(Some(host), None), Ok(()), "{host}");
        }
        for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]"] {
            assert_eq!(of(Some("localhost:3000"), Some(origin)), Ok(()), "{origin}");
        }
    }

    #[test]
    fn a_page_of_elsewhere_may_not() {
        for origin in
            ["https://evil.example", "null", "http://localhost.evil.example", "http://10.0.0.1:3000", ""]
        {
            assert_eq!(of(Some("localhost:3000"), Some(origin)), Err(header::ORIGIN), "{origin}");
        }
    }

    #[test]
    fn a_name_that_was_let_point_here_may_not() {
        for host in ["evil.example:3000", "127.0.0.1.evil.example", "localhost@evil.example", ""] {
            assert_eq!(of(Some(host), None), Err(header::HOST), "{host}");
        }
        assert_eq!(of(None, None), Err(header::HOST));
    }
}
