//! A frame, and the parts of a request's signature that depend only on it.

use aws_lc_rs::digest;
use bytes::Bytes;

/// A frame that can be posted to any number of connections. Its hash, which is part of each request's signature, is
/// computed once.
#[derive(Debug, Clone)]
pub struct Frame {
    pub(super) bytes: Bytes,
    pub(super) sha256: String,
    /// The number of bytes, as the value of a header.
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

/// The SHA-256 of these pieces, concatenated, in hexadecimal.
pub(super) fn sha256_hex<P: AsRef<[u8]>>(pieces: impl IntoIterator<Item = P>) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for piece in pieces {
        hash.update(piece.as_ref());
    }
    hex::encode(hash.finish())
}
