//! The reference client: small, and nothing hidden, so that a test reads as what was said on the wire.
//!
//! Whatever is not what a call waits for stays in the inbox, in order, for a later call; a `batch` is unpacked into
//! its events. Each wait ends after [`PATIENCE`](crate::PATIENCE) with what has come so far.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wire::{Refusal, is_event, is_presence, is_reply, read_reply};
use crate::{PATIENCE, unique};

/// A connected client.
#[derive(Debug)]
pub struct Client {
    /// Boxed: a TLS stream is large, and tests hold several of them across their awaits.
    socket: Box<WebSocketStream<MaybeTlsStream<TcpStream>>>,
    inbox: VecDeque<Value>,
    requests: u64,
    event_frames: usize,
    largest_frame: usize,
}

/// What came next from the socket.
enum Next {
    Frame,
    /// The close code, where the peer gave one.
    Closed(Option<u16>),
}

impl Client {
    pub(crate) fn new(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self {
            socket: Box::new(socket),
            inbox: VecDeque::new(),
            requests: 0,
            event_frames: 0,
            largest_frame: 0,
        }
    }

    // ------------------------------------------------------------ requests

    /// Joins a channel; returns the reply's data.
    pub async fn join(&mut self, channel: &str) -> Result<Value> {
        self.call("join", json!({"channel": channel})).await
    }

    /// Joins a channel again after the last `seq` that was seen; returns the reply's data.
    pub async fn join_since(&mut self, channel: &str, since: u64) -> Result<Value> {
        self.call("join", json!({"channel": channel, "since": since})).await
    }

    /// Leaves a channel.
    pub async fn leave(&mut self, channel: &str) -> Result<Value> {
        self.call("leave", json!({"channel": channel})).await
    }

    /// Sends a chat message with a key of its own; returns the reply's data.
    pub async fn say(&mut self, channel: &str, content: &str) -> Result<Value> {
        self.say_as(&unique("key"), channel, content).await
    }

    /// Sends a chat message with this key; returns the reply's data.
    pub async fn say_as(&mut self, key: &str, channel: &str, content: &str) -> Result<Value> {
        self.call("send", chat(key, channel, content)).await
    }

    /// Sends an ephemeral event; returns the reply's data.
    pub async fn send(&mut self, channel: &str, event: &str, data: Value) -> Result<Value> {
        self.call("send", json!({"channel": channel, "event": event, "data": data})).await
    }

    /// Makes a request and waits for its reply; returns the reply's data, and fails if it is refused.
    pub async fn call(&mut self, action: &str, fields: Value) -> Result<Value> {
        let id = self.request(action, fields.clone()).await?;
        match self.reply(&id).await? {
            Ok(data) => Ok(data),
            Err(Refusal { code, message, .. }) => bail!("{action} {fields} was refused: {code}: {message}"),
        }
    }

    /// Makes a request that must be refused; returns how it was.
    pub async fn refused(&mut self, action: &str, fields: Value) -> Result<Refusal> {
        let id = self.request(action, fields.clone()).await?;
        match self.reply(&id).await? {
            Ok(data) => bail!("{action} {fields} was not refused: {data}"),
            Err(refusal) => Ok(refusal),
        }
    }

    /// Makes a request and does not wait; returns the `id` of its reply.
    pub async fn request(&mut self, action: &str, mut fields: Value) -> Result<String> {
        self.requests += 1;
        let id = self.requests.to_string();
        let frame = fields.as_object_mut().context("the fields of a request")?;
        frame.insert("action".to_owned(), action.into());
        frame.insert("id".to_owned(), id.as_str().into());
        self.text(&fields.to_string()).await?;
        Ok(id)
    }

    /// The reply to the request of this `id`.
    pub async fn reply(&mut self, id: &str) -> Result<Result<Value, Refusal>> {
        let frame =
            self.take(&format!("the reply {id}"), |frame| is_reply(frame) && frame["id"] == id).await?;
        read_reply(&frame)
    }

    /// The next reply, whatever its `id`, as `(id, outcome)`.
    pub async fn any_reply(&mut self) -> Result<(Option<String>, Result<Value, Refusal>)> {
        let frame = self.take("a reply", is_reply).await?;
        Ok((frame["id"].as_str().map(str::to_owned), read_reply(&frame)?))
    }

    /// The connection's own id, as `status` tells it.
    pub async fn connection_id(&mut self) -> Result<String> {
        let status = self.call("status", json!({})).await?;
        Ok(status["connectionId"].as_str().context("a connectionId")?.to_owned())
    }

    // ------------------------------------------------------------ frames

    /// Sends a text frame as it is.
    pub async fn text(&mut self, text: &str) -> Result<()> {
        self.message(Message::text(text)).await
    }

    /// Sends any WebSocket message or raw frame. That the peer has closed meanwhile is no error here: what it closed
    /// with is read by [`closed`](Self::closed).
    pub async fn message(&mut self, message: Message) -> Result<()> {
        match tokio::time::timeout(PATIENCE, self.socket.send(message))
            .await
            .context("a frame to be taken")?
        {
            Ok(()) => Ok(()),
            Err(error) if is_end(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the peer closes; returns the code. What comes before stays in the inbox.
    pub async fn closed(&mut self) -> Result<Option<u16>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, self.receive()).await {
                Ok(next) => {
                    if let Next::Closed(code) = next? {
                        return Ok(code);
                    }
                }
                Err(_) => bail!("not closed within {PATIENCE:?}; received {}", self.received()),
            }
        }
    }

    /// Cuts the TCP connection: no close frame, no goodbye.
    pub fn cut(self) {
        drop(self.socket);
    }

    /// Closes as a browser does, and waits for the peer's answer.
    pub async fn close(mut self) -> Result<()> {
        self.message(Message::Close(None)).await?;
        self.closed().await.map(drop)
    }

    // ------------------------------------------------------------ events

    /// The next event of this name; others stay in the inbox.
    pub async fn event(&mut self, name: &str) -> Result<Value> {
        self.take(name, |frame| is_event(frame) && frame["event"] == name).await
    }

    /// The next event, beside news of who comes and goes. `Err` if it has another name: so nothing else came before it.
    pub async fn only(&mut self, name: &str) -> Result<Value> {
        let event = self.take("an event", |frame| is_event(frame) && !is_presence(frame)).await?;
        ensure!(event["event"] == name, "expected {name} and nothing before it, got {event}");
        Ok(event)
    }

    /// The next frame, whatever it is; `None` once the peer has closed. It may be given up while it waits, and
    /// nothing is lost: for one who waits for other things at the same time.
    pub async fn frame(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(frame) = self.inbox.pop_front() {
                return Ok(Some(frame));
            }
            if let Next::Closed(_) = self.receive().await? {
                return Ok(None);
            }
        }
    }

    /// A frame that is neither reply nor event.
    pub async fn raw(&mut self) -> Result<Value> {
        self.take("a frame of no known type", |frame| !is_reply(frame) && !is_event(frame)).await
    }

    /// Asserts that no event has been posted to this connection, beside news of who comes and goes: everything posted
    /// before a `ping` comes before its reply, so nothing needs to be waited out.
    pub async fn silence(&mut self) -> Result<()> {
        self.call("ping", json!({})).await?;
        let is_silent = !self.inbox.iter().any(|frame| is_event(frame) && !is_presence(frame));
        ensure!(is_silent, "expected silence, got {}", self.received());
        Ok(())
    }

    /// All news of who comes and goes that have been posted to this connection by now, as `(event, data)`.
    pub async fn presence_news(&mut self) -> Result<Vec<(String, Value)>> {
        self.call("ping", json!({})).await?;
        let (news, rest) = std::mem::take(&mut self.inbox).into_iter().partition(is_presence);
        self.inbox = rest;
        let read =
            |event: Value| (event["event"].as_str().unwrap_or_default().to_owned(), event["data"].clone());
        Ok(<VecDeque<Value>>::into_iter(news).map(read).collect())
    }

    /// Takes all frames that have come and that no call was waiting for.
    pub fn inbox(&mut self) -> Vec<Value> {
        self.inbox.drain(..).collect()
    }

    /// How many frames that carry events have come, however many events are in each.
    pub fn event_frames(&self) -> usize {
        self.event_frames
    }

    /// The bytes of the largest message that has come since the last call.
    pub fn take_largest_frame(&mut self) -> usize {
        std::mem::take(&mut self.largest_frame)
    }

    // ------------------------------------------------------------ the inbox

    /// The first frame that is wanted, from the inbox or from the socket.
    async fn take(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) =
                self.inbox.iter().position(&wanted).and_then(|place| self.inbox.remove(place))
            {
                return Ok(frame);
            }
            match timeout_at(deadline, self.receive()).await {
                Ok(Ok(Next::Frame)) => {}
                Ok(Ok(Next::Closed(code))) => {
                    bail!("closed with {code:?} instead of {what}; received {}", self.received())
                }
                Ok(Err(error)) => return Err(error.context(format!("waiting for {what}"))),
                Err(_) => bail!("{what} did not come within {PATIENCE:?}; received {}", self.received()),
            }
        }
    }

    /// Puts the next frame of the socket into the inbox.
    async fn receive(&mut self) -> Result<Next> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value =
                        serde_json::from_str(&text).with_context(|| format!("a JSON frame: {text}"))?;
                    self.largest_frame = self.largest_frame.max(text.len());
                    self.event_frames += usize::from(!is_reply(&frame));
                    match frame["type"].as_str() {
                        Some("batch") => {
                            self.inbox.extend(frame["events"].as_array().into_iter().flatten().cloned());
                        }
                        _ => self.inbox.push_back(frame),
                    }
                    return Ok(Next::Frame);
                }
                Some(Ok(Message::Close(close))) => {
                    return Ok(Next::Closed(close.map(|close| close.code.into())));
                }
                Some(Ok(Message::Binary(bytes))) => bail!("a binary frame of {} bytes", bytes.len()),
                Some(Ok(_)) => {} // pings and pongs, which the library answers
                None => return Ok(Next::Closed(None)),
                Some(Err(error)) if is_end(&error) => return Ok(Next::Closed(None)),
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn received(&self) -> String {
        self.inbox.iter().map(Value::to_string).collect::<Vec<_>>().join("\n  ")
    }
}

/// The fields of a `send` of a chat message.
pub(crate) fn chat(key: &str, channel: &str, content: &str) -> Value {
    json!({"channel": channel, "event": "chat.message", "key": key, "data": {"content": content}})
}

/// Whether a socket's error only says that the peer is gone.
fn is_end(error: &tokio_tungstenite::tungstenite::Error) -> bool {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(
        error,
        Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing)
    )
}
