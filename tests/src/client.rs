//! The reference client: small, and without hidden steps, so that a test reads like the exchange on the wire.
//!
//! Frames that a call does not wait for stay in the inbox, in order, for later calls. A `batch` is unpacked into its events. Each
//! wait fails after [`PATIENCE`](crate::PATIENCE), and says what has arrived so far.

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

/// The result of reading from the socket.
enum Next {
    Frame,
    /// The close code, if the peer sent one.
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

    /// Joins a channel. Returns the data of the reply.
    pub async fn join(&mut self, channel: &str) -> Result<Value> {
        self.call("join", json!({"channel": channel})).await
    }

    /// Joins a channel again after the last `seq` that was seen. Returns the data of the reply.
    pub async fn join_since(&mut self, channel: &str, since: u64) -> Result<Value> {
        self.call("join", json!({"channel": channel, "since": since})).await
    }

    /// Leaves a channel.
    pub async fn leave(&mut self, channel: &str) -> Result<Value> {
        self.call("leave", json!({"channel": channel})).await
    }

    /// Sends a chat message with a new key. Returns the data of the reply.
    pub async fn say(&mut self, channel: &str, content: &str) -> Result<Value> {
        self.say_as(&unique("key"), channel, content).await
    }

    /// Sends a chat message with this key. Returns the data of the reply.
    pub async fn say_as(&mut self, key: &str, channel: &str, content: &str) -> Result<Value> {
        self.call("send", chat(key, channel, content)).await
    }

    /// Sends an event without a key. Returns the data of the reply.
    pub async fn send(&mut self, channel: &str, event: &str, data: Value) -> Result<Value> {
        self.call("send", json!({"channel": channel, "event": event, "data": data})).await
    }

    /// Makes a request and waits for its reply. Returns the reply's data, and fails if the request is refused.
    pub async fn call(&mut self, action: &str, fields: Value) -> Result<Value> {
        let id = self.request(action, fields.clone()).await?;
        match self.reply(&id).await? {
            Ok(data) => Ok(data),
            Err(Refusal { code, message, .. }) => bail!("{action} {fields} was refused: {code}: {message}"),
        }
    }

    /// Makes a request that must be refused. Returns the refusal.
    pub async fn refused(&mut self, action: &str, fields: Value) -> Result<Refusal> {
        let id = self.request(action, fields.clone()).await?;
        match self.reply(&id).await? {
            Ok(data) => bail!("{action} {fields} was not refused: {data}"),
            Err(refusal) => Ok(refusal),
        }
    }

    /// Makes a request without waiting for its reply. Returns its `id`.
    pub async fn request(&mut self, action: &str, mut fields: Value) -> Result<String> {
        self.requests += 1;
        let id = self.requests.to_string();
        let frame = fields.as_object_mut().context("the fields must be an object")?;
        frame.insert("action".to_owned(), action.into());
        frame.insert("id".to_owned(), id.as_str().into());
        self.text(&fields.to_string()).await?;
        Ok(id)
    }

    /// Waits for the reply to the request with this `id`.
    pub async fn reply(&mut self, id: &str) -> Result<Result<Value, Refusal>> {
        let frame =
            self.take(&format!("the reply {id}"), |frame| is_reply(frame) && frame["id"] == id).await?;
        read_reply(&frame)
    }

    /// Waits for the next reply, whatever its `id`. Returns it as `(id, outcome)`.
    pub async fn any_reply(&mut self) -> Result<(Option<String>, Result<Value, Refusal>)> {
        let frame = self.take("a reply", is_reply).await?;
        Ok((frame["id"].as_str().map(str::to_owned), read_reply(&frame)?))
    }

    /// The connection's own id, from `status`.
    pub async fn connection_id(&mut self) -> Result<String> {
        let status = self.call("status", json!({})).await?;
        Ok(status["connectionId"].as_str().context("`status` has no connectionId")?.to_owned())
    }

    // ------------------------------------------------------------ frames

    /// Sends a text frame unchanged.
    pub async fn text(&mut self, text: &str) -> Result<()> {
        self.message(Message::text(text)).await
    }

    /// Sends any WebSocket message or raw frame. It is no error if the peer has closed meanwhile; [`closed`](Self::closed)
    /// returns the close code.
    pub async fn message(&mut self, message: Message) -> Result<()> {
        match tokio::time::timeout(PATIENCE, self.socket.send(message))
            .await
            .context("the frame could not be sent in time")?
        {
            Ok(()) => Ok(()),
            Err(error) if is_end(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the peer closes. Returns the close code. Frames that arrive before stay in the inbox.
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

    /// Drops the TCP connection without a close frame.
    pub fn cut(self) {
        drop(self.socket);
    }

    /// Closes as a browser does, and waits for the peer's close frame.
    pub async fn close(mut self) -> Result<()> {
        self.message(Message::Close(None)).await?;
        self.closed().await.map(drop)
    }

    // ------------------------------------------------------------ events

    /// Waits for the next event with this name. Others stay in the inbox.
    pub async fn event(&mut self, name: &str) -> Result<Value> {
        self.take(name, |frame| is_event(frame) && frame["event"] == name).await
    }

    /// Waits for the next event that is not about presence. Fails if it has another name, so nothing else can have been posted
    /// before it.
    pub async fn only(&mut self, name: &str) -> Result<Value> {
        let event = self.take("an event", |frame| is_event(frame) && !is_presence(frame)).await?;
        ensure!(event["event"] == name, "expected {name} and nothing before it, got {event}");
        Ok(event)
    }

    /// The next frame of any kind; `None` once the peer has closed. The call can be cancelled without losing a frame.
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

    /// Waits for a frame that is neither a reply nor an event.
    pub async fn raw(&mut self) -> Result<Value> {
        self.take("a frame of no known type", |frame| !is_reply(frame) && !is_event(frame)).await
    }

    /// Asserts that no event except those about presence has been posted to this connection. What was posted before a `ping`
    /// arrives before its reply, so there is no need to wait.
    pub async fn silence(&mut self) -> Result<()> {
        self.call("ping", json!({})).await?;
        let is_silent = !self.inbox.iter().any(|frame| is_event(frame) && !is_presence(frame));
        ensure!(is_silent, "expected silence, got {}", self.received());
        Ok(())
    }

    /// The events about presence that have been posted to this connection so far, as `(event, data)`.
    pub async fn presence_news(&mut self) -> Result<Vec<(String, Value)>> {
        self.call("ping", json!({})).await?;
        let (news, rest) = std::mem::take(&mut self.inbox).into_iter().partition(is_presence);
        self.inbox = rest;
        let read =
            |event: Value| (event["event"].as_str().unwrap_or_default().to_owned(), event["data"].clone());
        Ok(<VecDeque<Value>>::into_iter(news).map(read).collect())
    }

    /// Takes all frames from the inbox.
    pub fn inbox(&mut self) -> Vec<Value> {
        self.inbox.drain(..).collect()
    }

    /// How many frames with events have arrived, however many events each contains.
    pub fn event_frames(&self) -> usize {
        self.event_frames
    }

    /// The size in bytes of the largest message since the last call.
    pub fn take_largest_frame(&mut self) -> usize {
        std::mem::take(&mut self.largest_frame)
    }

    // ------------------------------------------------------------ the inbox

    /// Waits for the first matching frame, from the inbox or from the socket.
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
                Err(_) => bail!("{what} did not arrive within {PATIENCE:?}; received {}", self.received()),
            }
        }
    }

    /// Reads the next frame from the socket into the inbox.
    async fn receive(&mut self) -> Result<Next> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value =
                        serde_json::from_str(&text).with_context(|| format!("not a JSON frame: {text}"))?;
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
                Some(Ok(Message::Binary(bytes))) => bail!("received a binary frame of {} bytes", bytes.len()),
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

/// Whether a socket's error only means that the peer has closed.
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
