//! The connection of an app's client, and the faults of its network.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::App;
use super::calls::Call;
use super::socket::Socket;

/// How long before its expiry a token is renewed on its socket.
const RENEWAL_MS: u64 = 12_000;

impl App {
    pub(super) fn connect(&mut self) {
        self.is_closed = false;
        self.call("connect", json!([]), Call::Other("connect".to_owned()));
    }

    /// Closes the client. With `drains`, the send queue is delivered first; otherwise what waits in it fails.
    pub(super) fn close(&mut self, drains: bool) {
        self.is_closed = true;
        let (method, args) =
            if drains { ("drain", json!([{"timeoutMs": 3_000}])) } else { ("close", json!([])) };
        self.call(method, args, Call::Other(method.to_owned()));
    }

    pub(super) fn reconnect(&mut self) {
        self.call("reconnect", json!([]), Call::Other("reconnect".to_owned()));
    }

    /// Causes a fault of the client's network.
    pub(super) fn harm(&mut self, how: &str, fields: Value) {
        self.line.command(how, fields);
    }

    /// Sends a frame on the client's socket that the client knows nothing of.
    pub(super) fn inject(&mut self, action: &str, mut fields: Value) {
        self.injected += 1;
        fields["action"] = action.into();
        fields["id"] = format!("soak-{}", self.injected).into();
        self.line.command("inject", json!({"text": fields.to_string()}));
    }

    /// Asks the server for the connection's channels.
    pub(super) fn ask_status(&mut self) {
        self.inject("status", json!({}));
    }

    /// Whether the connection's token expires soon, and it has not been decided yet whether it is renewed.
    pub(super) fn is_renewal_due(&self, now: Instant) -> bool {
        let ends_soon = self.settings.clock.ms(now) + RENEWAL_MS;
        self.socket().is_some_and(|(number, socket)| {
            socket.token_until_ms < ends_soon && !self.renewed.contains(&(number, socket.token_until_ms))
        })
    }

    /// Renews the token on the connection or, without `renews`, lets it expire.
    pub(super) fn renew_token(&mut self, renews: bool) {
        let Some(due) = self.socket().map(|(number, socket)| (number, socket.token_until_ms)) else { return };
        self.renewed.insert(due);
        if let Some(token) = self.settings.token(self.is_quiet).filter(|_| renews) {
            self.inject("ping", json!({"token": token.text}));
        }
    }

    /// The newest open socket.
    pub(super) fn socket(&self) -> Option<(u64, &Socket)> {
        let open = self.sockets.iter().rfind(|(_, socket)| socket.is_open);
        open.map(|(number, socket)| (*number, socket))
    }
}
