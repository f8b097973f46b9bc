//! The ports of a stack for development: the usual ones, or the next that are free.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// How many ports after the usual one are tried.
const TRIES_MAX: u16 = 100;

/// Chooses a port: the given one, of which 0 means any that is free; without one the usual one, or else the next that is
/// free. `except` is taken by the other part of the stack. Says so if it is not the usual one.
pub(super) fn choose(given: Option<u16>, usual: u16, except: Option<u16>, what: &str) -> Result<u16> {
    match given {
        Some(0) => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()),
        Some(port) => Ok(port), // if it is taken, the stack says by what
        None => {
            let candidates = usual..usual.saturating_add(TRIES_MAX);
            let port = candidates.filter(|port| Some(*port) != except).find(|port| is_free(*port));
            let port = port.with_context(|| format!("no port from {usual} on is free for {what}"))?;
            if port != usual {
                tracing::warn!("port {usual} is taken; {what} is on port {port} instead");
            }
            Ok(port)
        }
    }
}

/// Whether nobody listens on the port of this machine, by whatever address: a server of `localhost` may listen on the one
/// of IPv6 alone, and a browser would find it there.
fn is_free(port: u16) -> bool {
    let is_bindable = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let by_v6 = TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, port));
    is_bindable && !matches!(by_v6, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_left_alone() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let usual = taken.local_addr().unwrap().port();
        let chosen = choose(None, usual, None, "a test").unwrap();
        assert!(chosen > usual, "{chosen}");
        assert!(choose(None, usual, Some(chosen), "a test").unwrap() > chosen);
        assert_eq!(choose(Some(usual), 1, None, "a test").unwrap(), usual);
        assert_ne!(choose(Some(0), 1, None, "a test").unwrap(), 0);
    }
}
