//! An open connection, which can be posted to and ended.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::Instant,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    journal::Peer,
    limits::{FRAMES_IN_FLIGHT_MAX, QUEUE_BYTES_MAX},
};

/// The memory that a queued message takes in addition to its bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// What every event of the connection carries.
    pub(super) peer: Peer,
    /// A permit for each frame that is being handled.
    pub(super) frames: Arc<Semaphore>,
    active: Mutex<(Instant, Timestamp)>,
    queue: mpsc::UnboundedSender<Outgoing>,
    /// A permit for each byte that may still be queued, which bounds the queue.
    room: Arc<Semaphore>,
    end: watch::Sender<Option<End>>,
}

/// What a socket's writer receives.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A message, and the permits for its bytes, which are released when it is written.
    Message(Message, OwnedSemaphorePermit),
    /// The end of the queue, with the close frame to send; `None` if the client closed the connection or is lost.
    Close(Option<CloseFrame>),
}

/// The outcome of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The message is queued for the socket; messages are written in the order of the posts.
    Queued,
    /// There is no such connection, or it has ended.
    Gone,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The close code; 1005 and 1006 are never sent.
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
    pub(super) by: EndedBy,
}

/// Which side ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// The client, or the network.
    Client,
    /// The server, with a close frame.
    Server,
    /// The server, as a fault, without a close frame.
    Fault,
    /// The server, because the client sent something that cannot be read, and so nothing after it can be read either.
    Unreadable,
}

impl End {
    /// The client sent a close frame.
    pub(super) fn closed(frame: Option<CloseFrame>) -> Self {
        let (code, reason) = match frame {
            Some(frame) => (frame.code.into(), frame.reason.to_string().into()),
            None => (1005, "Client-side close frame status not set".into()),
        };
        Self { code, reason, by: EndedBy::Client }
    }

    /// The socket ended without a close frame.
    pub(super) const fn lost() -> Self {
        Self { code: 1006, reason: Cow::Borrowed("Connection closed abnormally"), by: EndedBy::Client }
    }

    /// The connection is idle for too long or too old, or the stack is stopping.
    pub(super) const fn going_away() -> Self {
        Self::by_server(1001, "Going away")
    }

    /// Cut by a fault, which looks to either side as if the network had failed.
    pub(super) const fn cut() -> Self {
        let reason = Cow::Borrowed("Connection closed abnormally");
        Self { code: 1006, reason, by: EndedBy::Fault }
    }

    /// Closed by `DELETE @connections/{id}`.
    pub(super) const fn deleted() -> Self {
        Self::by_server(1000, "Connection Closed Normally")
    }

    /// The client reads so slowly that the queue is full.
    pub(super) const fn slow_reader() -> Self {
        Self::by_server(1008, "Reads too slowly")
    }

    /// The client sent a binary frame; the API supports only text.
    pub(super) const fn binary() -> Self {
        Self::by_server(1003, "Binary frames are not supported")
    }

    /// The client sent something that cannot be read, for the reason that `code` stands for.
    pub(super) const fn unreadable(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason), by: EndedBy::Unreadable }
    }

    const fn by_server(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason), by: EndedBy::Server }
    }

    fn frame(&self) -> Option<CloseFrame> {
        let reason = self.reason.as_ref().into();
        match self.by {
            EndedBy::Client | EndedBy::Fault => None,
            EndedBy::Server | EndedBy::Unreadable => {
                Some(CloseFrame { code: CloseCode::from(self.code), reason })
            }
        }
    }
}

impl Connection {
    /// A new connection, and the queue that its socket's writer reads.
    pub(super) fn new(peer: Peer) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (queue, queued) = mpsc::unbounded_channel();
        let connection = Self {
            peer,
            frames: Arc::new(Semaphore::new(FRAMES_IN_FLIGHT_MAX)),
            active: Mutex::new((Instant::now(), Timestamp::now())),
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            end: watch::Sender::new(None),
        };
        (connection, queued)
    }

    /// The connection's id.
    pub(super) fn id(&self) -> &str {
        &self.peer.client.connection_id
    }

    /// Queues `message` for the client. If the queue is full, because the client reads too slowly, the connection ends.
    pub(super) fn post(&self, message: Message) -> Posted {
        let bytes = u32::try_from(message.len() + MESSAGE_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) else {
            self.end(End::slow_reader());
            return Posted::Gone;
        };
        self.touch();
        match self.queue.send(Outgoing::Message(message, room)) {
            Ok(()) => Posted::Queued,
            Err(_) => Posted::Gone,
        }
    }

    /// Ends the connection, unless it is ending already.
    pub(super) fn end(&self, end: End) {
        self.end.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(end);
            first
        });
    }

    /// Resolves when the connection has been ended.
    pub(super) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.map(|end| end.clone()) {
            Ok(Some(end)) => end,
            // Cannot happen: this connection owns the sender.
            Ok(None) | Err(_) => End::lost(),
        }
    }

    /// Tells the writer that nothing follows what is queued.
    pub(super) fn close(&self, end: &End) {
        // The writer may have ended already.
        let _ = self.queue.send(Outgoing::Close(end.frame()));
    }

    /// Records that a message was sent or received.
    pub(super) fn touch(&self) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), Timestamp::now());
    }

    /// When a message was last sent or received.
    pub(super) fn last_active(&self) -> Instant {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The response to `GET @connections/{id}`.
    pub(super) fn describe(&self) -> Value {
        let last_active = self.active.lock().unwrap_or_else(PoisonError::into_inner).1;
        json!({
            "connectedAt": self.peer.client.connected_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "identity": self.peer.client.identity(),
            "lastActiveAt": last_active.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
