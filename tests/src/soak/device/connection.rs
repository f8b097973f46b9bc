//! What an app does with its client's connection, and what happens to that on the way.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::app::App;
use super::calls::Call;
use super::socket::Socket;

/// How long before its end a token is renewed on the socket that has it.
const RENEWAL_MS: u64 = 12_000;

impl App {
    pub(super) fn connect(&mut self) {
        self.is_closed = false;
        self.call("connect", json!([]), Call::Other("connect".to_owned()));
    }

    /// Closes; what waits fails, or with `drains` is delivered before.
    pub(super) fn close(&mut self, drains: bool) {
        self.is_closed = true;
        let (method, args) =
            if drains { ("drain", json!([{"timeoutMs": 3_000}])) } else { ("close", json!([])) };
        self.call(method, args, Call::Other(method.to_owned()));
    }

    pub(super) fn reconnect(&mut self) {
        self.call("reconnect", json!([]), Call::Other("reconnect".to_owned()));
    }

    /// Does something to the client's network.
    pub(super) fn harm(&mut self, how: &str, fields: Value) {
        self.line.command(how, fields);
    }

    /// Sends a frame of one's own on the client's socket.
    pub(super) fn inject(&mut self, action: &str, mut fields: Value) {
        self.injected += 1;
        fields["action"] = action.into();
        fields["id"] = format!("soak-{}", self.injected).into();
        self.line.command("inject", json!({"text": fields.to_string()}));
    }

    /// Asks what the server knows of the connection.
    pub(super) fn ask_status(&mut self) {
        self.inject("status", json!({}));
    }

    /// Whether the token of the connection ends soon, and it has not been decided yet whether it is renewed.
    pub(super) fn is_renewal_due(&self, now: Instant) -> bool {
        let ends_soon = self.settings.clock.ms(now) + RENEWAL_MS;
        self.socket().is_some_and(|(number, socket)| {
            socket.token_until_ms < ends_soon && !self.renewed.contains(&(number, socket.token_until_ms))
        })
    }

    /// Renews it on that connection, or has it end.
    pub(super) fn renew_token(&mut self, renews: bool) {
        let Some(due) = self.socket().map(|(number, socket)| (number, socket.token_until_ms)) else { return };
        self.renewed.insert(due);
        if let Some(token) = self.settings.token(self.is_quiet).filter(|_| renews) {
            self.inject("ping", json!({"token": token.text}));
        }
    }

    /// The newest socket that is open.
    pub(super) fn socket(&self) -> Option<(u64, &Socket)> {
        let open = self.sockets.iter().rfind(|(_, socket)| socket.is_open);
        open.map(|(number, socket)| (*number, socket))
    }
}
