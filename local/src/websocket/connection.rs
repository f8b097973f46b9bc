//! One open connection as the rest of the stack sees it: something to post to, and to end.

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
    event::Receipts,
    journal::Peer,
    limits::{FRAMES_IN_FLIGHT_MAX, QUEUE_BYTES_MAX},
};

/// What a queued message costs beside its own bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Every event carries it.
    pub(super) peer: Peer,
    pub(super) receipts: Receipts,
    /// A permit for each frame that is in work.
    pub(super) frames: Arc<Semaphore>,
    active: Mutex<(Instant, Timestamp)>,
    queue: mpsc::UnboundedSender<Outgoing>,
    /// A permit for each byte that may be queued still: what bounds the queue.
    room: Arc<Semaphore>,
    end: watch::Sender<Option<End>>,
}

/// What the writer of a socket is given.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A message, and the room that it takes until it is written.
    Message(Message, OwnedSemaphorePermit),
    /// The last of all; `None` where the client closed or is lost, and there is nothing more to say.
    Close(Option<CloseFrame>),
}

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// Queued for the socket; it is written in the order of the posts.
    Queued,
    /// There is no such connection, or not any more.
    Gone,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The close code; 1005 and 1006 are never on the wire.
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
    pub(super) by: EndedBy,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndedBy {
    /// The client, or its network.
    Client,
    /// We did, and say so with a close frame.
    Server,
    /// We did, as a fault: without a word.
    Fault,
    /// We did because what came cannot be read, so nothing after it can be either.
    Unreadable,
}

impl End {
    /// The client's close frame came.
    pub(super) fn closed(frame: Option<CloseFrame>) -> Self {
        let (code, reason) = match frame {
            Some(frame) => (frame.code.into(), frame.reason.to_string().into()),
            None => (1005, "Client-side close frame status not set".into()),
        };
        Self { code, reason, by: EndedBy::Client }
    }

    /// The network ended before the connection did.
    pub(super) const fn lost() -> Self {
        Self { code: 1006, reason: Cow::Borrowed("Connection closed abnormally"), by: EndedBy::Client }
    }

    /// Idle or old for too long, or the stack stops.
    pub(super) const fn going_away() -> Self {
        Self::by_server(1001, "Going away")
    }

    /// Cut by us, which to either side looks as if the network had ended.
    pub(super) const fn cut() -> Self {
        let reason = Cow::Borrowed("Connection closed abnormally");
        Self { code: 1006, reason, by: EndedBy::Fault }
    }

    /// By DELETE of `@connections`.
    pub(super) const fn deleted() -> Self {
        Self::by_server(1000, "Connection Closed Normally")
    }

    /// More is queued than a reader may be behind.
    pub(super) const fn slow_reader() -> Self {
        Self::by_server(1008, "Reads too slowly")
    }

    /// A binary frame: the API takes text.
    pub(super) const fn binary() -> Self {
        Self::by_server(1003, "Binary frames are not supported")
    }

    /// What came cannot be read, for the reason that `code` stands for.
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
    /// A connection that was just let in, and what its socket's writer takes from.
    pub(super) fn new(peer: Peer) -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (queue, queued) = mpsc::unbounded_channel();
        let connection = Self {
            receipts: Receipts::since(peer.client.connected_at),
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

    /// Queues `message` for the client. One that reads so slowly that there is no room is cut off.
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

    /// Resolves when someone has ended the connection.
    pub(super) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.map(|end| end.clone()) {
            Ok(Some(end)) => end,
            // Cannot be: the sender is this connection's own.
            Ok(None) | Err(_) => End::lost(),
        }
    }

    /// Tells the writer that nothing comes after what is queued.
    pub(super) fn close(&self, end: &End) {
        // A writer that is gone needs not be told.
        let _ = self.queue.send(Outgoing::Close(end.frame()));
    }

    /// Notes that a message went over the connection.
    pub(super) fn touch(&self) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), Timestamp::now());
    }

    /// When a message last went over the connection, in either direction.
    pub(super) fn last_active(&self) -> Instant {
        self.active.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// What `GET @connections/{id}` answers.
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
