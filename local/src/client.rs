//! The HTTP client for what we ask of ourselves: the engine's port, and a running `up`.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// A client with a pool of connections; cheap to clone.
pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A new client. It sends at once: Nagle's algorithm would hold small requests back for 40 ms.
pub(crate) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}
