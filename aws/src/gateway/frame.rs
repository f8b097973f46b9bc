//! A frame, and what of a request's signature depends on it alone.

use bytes::Bytes;

use super::sign::sha256_hex;

/// A frame, ready to be posted to any number of connections: its hash, which each request is signed with, is taken once.
#[derive(Debug, Clone)]
pub struct Frame {
    pub(super) bytes: Bytes,
    pub(super) sha256: String,
    /// The number of its bytes, as a header has it.
    pub(super) length: String,
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        Self { sha256: sha256_hex([&bytes]), length: bytes.len().to_string(), bytes }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
