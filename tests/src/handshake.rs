//! How a client connects, or is refused: the HTTP upgrade, with what a browser can put into it.

use anyhow::{Context as _, Result, bail};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::{Client, Stack, User};

/// An upgrade request, before it is sent.
#[derive(Debug)]
pub struct Handshake<'a> {
    stack: &'a Stack,
    query: String,
    origin: Option<String>,
    /// The subprotocols in each `Sec-WebSocket-Protocol` header, of which there may be several.
    subprotocols: Vec<Vec<String>>,
}

/// The outcome of an upgrade request.
#[derive(Debug)]
pub enum Outcome {
    /// Connected, with the chosen subprotocol.
    Connected(Client, Option<String>),
    /// Refused with this HTTP status.
    Refused(u16),
    /// Accepted, but without any of the offered subprotocols. A browser would close such a connection.
    NoSubprotocol,
}

impl Stack {
    /// An upgrade request with nothing in it yet.
    pub fn handshake(&self) -> Handshake<'_> {
        Handshake { stack: self, query: String::new(), origin: None, subprotocols: Vec::new() }
    }

    /// Connects as a user, with the token in the query.
    pub async fn connect(&self, user: &User) -> Result<Client> {
        match self.handshake().token(&user.token()?).send().await? {
            Outcome::Connected(client, _) => Ok(client),
            other => bail!("connecting as {}: {other:?}", user.id),
        }
    }
}

impl Handshake<'_> {
    /// With `?token=`.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.query = format!("?token={token}");
        self
    }

    /// With `?ticket=`.
    #[must_use]
    pub fn ticket(mut self, ticket: &str) -> Self {
        self.query = format!("?ticket={ticket}");
        self
    }

    /// With the `Origin` that a browser would send.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// Offers another subprotocol in the last header.
    #[must_use]
    pub fn offer(mut self, subprotocol: &str) -> Self {
        match self.subprotocols.last_mut() {
            Some(line) => line.push(subprotocol.to_owned()),
            None => self.subprotocols.push(vec![subprotocol.to_owned()]),
        }
        self
    }

    /// Begins another header of subprotocols. Later offers go there.
    #[must_use]
    pub fn next_line(mut self) -> Self {
        self.subprotocols.push(Vec::new());
        self
    }

    /// Sends the request. Only an answer that no server should give is an error.
    pub async fn send(self) -> Result<Outcome> {
        let mut request =
            format!("{}{}", self.stack.addresses.websocket, self.query).into_client_request()?;
        let headers = request.headers_mut();
        if let Some(origin) = &self.origin {
            headers.insert("Origin", HeaderValue::from_bytes(origin.as_bytes())?);
        }
        for line in &self.subprotocols {
            headers.append("Sec-WebSocket-Protocol", HeaderValue::from_str(&line.join(", "))?);
        }
        match tokio::time::timeout(crate::PATIENCE, connect_async(request)).await.context("no response")? {
            Ok((socket, response)) => {
                let chosen = response.headers().get("Sec-WebSocket-Protocol");
                let chosen = chosen.map(|value| value.to_str().map(str::to_owned)).transpose()?;
                Ok(Outcome::Connected(Client::new(socket), chosen))
            }
            Err(Error::Http(response)) => Ok(Outcome::Refused(response.status().as_u16())),
            Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            ))) => Ok(Outcome::NoSubprotocol),
            Err(error) => Err(error).context("the upgrade failed"),
        }
    }
}

impl Outcome {
    /// The status of a refusal.
    pub fn refused(self) -> Result<u16> {
        match self {
            Self::Refused(status) => Ok(status),
            other => bail!("expected a refusal, got {other:?}"),
        }
    }

    /// The client of a connection, and its subprotocol.
    pub fn connected(self) -> Result<(Client, Option<String>)> {
        match self {
            Self::Connected(client, subprotocol) => Ok((client, subprotocol)),
            other => bail!("expected a connection, got {other:?}"),
        }
    }
}
