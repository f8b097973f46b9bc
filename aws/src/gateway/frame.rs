//! A frame, and what of a request's signature depends on it alone.

use aws_lc_rs::digest;
use bytes::Bytes;

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

/// The SHA-256 of these bytes, one after the other, in hexadecimal.
pub(super) fn sha256_hex<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for piece in pieces {
        hash.update(piece.as_ref());
    }
    hex::encode(hash.finish())
}
