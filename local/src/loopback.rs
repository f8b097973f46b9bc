//! Refuses requests of foreign pages to what is meant for this machine only.
//!
//! Listening on 127.0.0.1 keeps other machines out, but not a foreign page in this machine's browser. Such a page is
//! recognised by its `Origin`, and a page whose own name resolves to 127.0.0.1 ("DNS rebinding", which makes it the same
//! origin) by its `Host`. A program that is not a browser sends no `Origin`.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};
use thiserror::Error;

/// The refusal of a request that a foreign page may have sent.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{header} must be localhost or a loopback address")]
pub(crate) struct Foreign {
    header: header::HeaderName,
}

/// Fails if the `Host`, or the `Origin` of a request that has one, does not name this machine.
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

/// Whether `text`, which is `host:port` or `http://host:port`, names this machine.
fn is_loopback(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let host = host.to_ascii_lowercase();
    // Browsers resolve names below .localhost to this machine without asking anybody (RFC 6761, section 6.3).
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
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
    fn local_pages_and_programs_are_accepted() {
        for host in [
            "127.0.0.1:3000",
            "localhost:3000",
            "LOCALHOST",
            "stack.localhost:3000",
            "[::1]:3000",
            "127.8.8.8",
        ] {
            assert_eq!(of(Some(host), None), Ok(()), "{host}");
        }
        for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]"] {
            assert_eq!(of(Some("localhost:3000"), Some(origin)), Ok(()), "{origin}");
        }
    }

    #[test]
    fn a_foreign_page_is_refused() {
        for origin in
            ["https://evil.example", "null", "http://localhost.evil.example", "http://10.0.0.1:3000", ""]
        {
            assert_eq!(of(Some("localhost:3000"), Some(origin)), Err(header::ORIGIN), "{origin}");
        }
    }

    #[test]
    fn a_foreign_name_that_resolves_to_this_machine_is_refused() {
        for host in
            ["evil.example:3000", "127.0.0.1.evil.example", "localhost@evil.example", "notlocalhost", ""]
        {
            assert_eq!(of(Some(host), None), Err(header::HOST), "{host}");
        }
        assert_eq!(of(None, None), Err(header::HOST));
    }
}
