//! A socket from the 101 to its end: reads frames, writes what is posted, and enforces the limits.

use std::{sync::Arc, time::Duration};

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};

use super::{
    connection::{Connection, End, EndedBy, Outgoing},
    limits::Limits,
    server::WebSockets,
};

/// How long a client has to read what is queued and to answer a close frame.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Messages that are written together, with one flush.
const WRITE_BATCH_MAX: usize = 64;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The limits that the socket itself enforces.
pub(super) fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_frame_size(Some(limits.frame_bytes_max))
        .max_message_size(Some(limits.message_bytes_max))
}

/// Serves the connection until it ends, closes its socket, and calls `$disconnect`.
pub(super) async fn run(
    api: Arc<WebSockets>,
    connection: Arc<Connection>,
    queued: mpsc::UnboundedReceiver<Outgoing>,
    socket: Socket,
) {
    let (sink, mut frames) = socket.split();
    let writer = tokio::spawn(write(sink, queued));
    let end = read(&api, &connection, &mut frames).await;
    // From here on a post is answered with 410.
    api.forget(&connection);
    connection.close(&end);
    tracing::debug!(id = connection.id(), code = end.code, reason = %end.reason, "a connection has ended");
    tokio::join!(close(writer, frames, end.by), api.disconnected(&connection.peer, Timestamp::now(), &end));
}

/// Reads frames until something ends the connection.
async fn read(api: &Arc<WebSockets>, connection: &Arc<Connection>, frames: &mut SplitStream<Socket>) -> End {
    let too_old = Instant::now() + api.limits.connection_max;
    loop {
        let idle = connection.last_active() + api.limits.idle_max;
        let next = async {
            // Before the frame is read, so that the frames of a client that sends too much wait in the network.
            let permit = Arc::clone(&connection.frames).acquire_owned().await;
            (permit, frames.next().await)
        };
        let (permit, message) = tokio::select! {
            next = next => next,
            end = connection.ended() => return end,
            () = sleep_until(idle.min(too_old)) => {
                let now = Instant::now();
                if now >= too_old || now >= connection.last_active() + api.limits.idle_max {
                    return End::going_away();
                }
                continue;
            }
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                connection.touch();
                // Here frames are still in order; from here on they are handled concurrently.
                let at = Timestamp::now();
                let (api, connection) = (Arc::clone(api), Arc::clone(connection));
                tokio::spawn(async move {
                    api.frame(&connection, at, text.as_str()).await;
                    drop(permit);
                });
            }
            Some(Ok(Message::Binary(_))) => return End::binary(),
            Some(Ok(Message::Close(frame))) => return End::closed(frame),
            // The library answers control frames, and they do not count as activity.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => return unreadable(&error),
            None => return End::lost(),
        }
    }
}

fn unreadable(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Capacity(_) => End::unreadable(1009, "Message too big"),
        tungstenite::Error::Utf8(_) => End::unreadable(1007, "Not UTF-8"),
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            End::lost()
        }
        tungstenite::Error::Protocol(_) => End::unreadable(1002, "Protocol error"),
        _ => End::lost(),
    }
}

/// Writes what is queued, in order, up to the close that comes last. Returns the sink if it still works.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut queued: mpsc::UnboundedReceiver<Outgoing>,
) -> Option<SplitSink<Socket, Message>> {
    let mut batch = Vec::with_capacity(WRITE_BATCH_MAX);
    while queued.recv_many(&mut batch, WRITE_BATCH_MAX).await > 0 {
        for outgoing in batch.drain(..) {
            match outgoing {
                // The permits are released once the socket has the message.
                Outgoing::Message(message, _room) => sink.feed(message).await.ok()?,
                Outgoing::Close(frame) => {
                    if frame.is_some() {
                        sink.feed(Message::Close(frame)).await.ok()?;
                    }
                    // If the client closed first, this sends the answer to its close frame.
                    sink.flush().await.ok()?;
                    return Some(sink);
                }
            }
        }
        sink.flush().await.ok()?;
    }
    Some(sink)
}

/// Gives the client [`CLOSE_GRACE`] to read what is queued and the close frame, and then drops the socket.
///
/// A socket that is dropped with unread bytes is reset, and the reset can overtake the close frame. So whatever still
/// arrives is read and discarded.
async fn close(
    mut writer: JoinHandle<Option<SplitSink<Socket, Message>>>,
    mut frames: SplitStream<Socket>,
    ended_by: EndedBy,
) {
    let closed = timeout(CLOSE_GRACE, async {
        if ended_by == EndedBy::Fault {
            // What is queued is lost along with the socket.
            writer.abort();
        }
        let Ok(Some(sink)) = (&mut writer).await else { return };
        match ended_by {
            EndedBy::Client | EndedBy::Fault => {}
            EndedBy::Server => while let Some(Ok(_)) = frames.next().await {},
            EndedBy::Unreadable => {
                let Ok(socket) = sink.reunite(frames) else { return };
                let mut stream = socket.into_inner();
                let mut discarded = [0; 4096];
                // The socket is dropped next, whatever fails here.
                let _ = stream.shutdown().await;
                while let Ok(1..) = stream.read(&mut discarded).await {}
            }
        }
    });
    if closed.await.is_err() {
        writer.abort();
    }
}
