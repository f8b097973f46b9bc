//! A server on this machine that stands for all services of AWS, and answers as a test says.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// The server. Its thread ends with the tests.
pub(crate) struct Server {
    url: String,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server. `script` gets its URL, the call (the target of the JSON protocol, or else the path) and the body, and gives a
    /// status and a body.
    pub(crate) fn start(script: impl Fn(&str, &str, &Value) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let server = Self { url: url.clone(), calls: Arc::clone(&calls) };
        thread::spawn(move || {
            for socket in listener.incoming() {
                let Ok(socket) = socket else { return };
                let answer = |call: &str, body: &Value| {
                    calls.lock().unwrap().push(call.to_owned());
                    script(&url, call, body)
                };
                serve(socket, answer).ok(); // a client that has gone away is none of the test's business
            }
        });
        server
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How often a call has been made.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|one| *one == call).count()
    }
}

/// Answers the one request of a socket.
fn serve(mut socket: TcpStream, answer: impl FnOnce(&str, &Value) -> (u16, Value)) -> io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut call = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.trim().clone_into(&mut call),
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, body) = answer(&call, &serde_json::from_slice(&body).unwrap_or_default());
    let body = body.to_string();
    let length = body.len();
    write!(socket, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}
