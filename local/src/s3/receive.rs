//! How the bytes of an object or a part arrive: into a file, piece by piece, whatever their number.

use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use s3s::{
    S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders,
    dto::{ChecksumAlgorithm, StreamingBlob},
    s3_error,
};

use super::{
    checksums::{Algorithm, Checksums, Claims, Hasher},
    store::{Store, StoredFile, internal},
};

/// The most bytes of an object that is put at once, and of a part.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// Bytes that have arrived.
pub(super) struct Arrived {
    pub(super) file: StoredFile,
    /// Without its quotation marks: the MD5 of the bytes, in hexadecimal.
    pub(super) etag: String,
    pub(super) checksums: Checksums,
}

impl Claims {
    /// What a request says of its bytes: `sent` are the checksums among its headers.
    pub(super) fn of_request(
        headers: &HeaderMap,
        sent: Checksums,
        md5: Option<String>,
        trailers: Option<TrailingHeaders>,
    ) -> Self {
        let algorithm = headers.get("x-amz-trailer").and_then(|name| algorithm_of(name.to_str().ok()?));
        Self { checksums: sent, trailing: algorithm.zip(trailers), md5, demanded: None }
    }
}

/// The algorithm whose checksum a trailer of this name has.
fn algorithm_of(trailer: &str) -> Option<Algorithm> {
    let name = trailer.trim().to_ascii_uppercase();
    Algorithm::named(&ChecksumAlgorithm::from(name.strip_prefix("X-AMZ-CHECKSUM-")?.to_owned())).ok()
}

impl Store {
    /// Writes the bytes into a file, which is removed again if they are not what the request says of them. `length` is the
    /// request's own figure, without what its encoding adds.
    pub(super) async fn receive(
        &self,
        body: Option<StreamingBlob>,
        length: Option<i64>,
        claims: &Claims,
    ) -> S3Result<Arrived> {
        let length = length.and_then(|length| u64::try_from(length).ok());
        let too_large = || s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size");
        if length.is_some_and(|length| length > BYTES_MAX) {
            return Err(too_large());
        }
        let mut file = self.new_file().await.map_err(internal)?;
        let mut hasher = Hasher::of(claims);
        if let Some(mut body) = body {
            while let Some(bytes) = body.next().await {
                let bytes = bytes.map_err(broken)?;
                hasher.update(&bytes);
                file.write(&bytes).await.map_err(internal)?;
                if file.bytes() > BYTES_MAX {
                    return Err(too_large());
                }
            }
        }
        if length.is_some_and(|length| length != file.bytes()) {
            let message =
                "You did not provide the number of bytes specified by the Content-Length HTTP header";
            return Err(s3_error!(IncompleteBody, "{}", message));
        }
        let (etag, checksums) = hasher.finish(claims)?;
        Ok(Arrived { file: file.finish().await.map_err(internal)?, etag, checksums })
    }
}

/// The answer to a body that ended too early or is not what was signed. [`s3s`] has no types for the reasons, but names.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn broken(error: StdError) -> S3Error {
    let reason = error.to_string();
    if reason.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        let mut error = S3Error::with_message(code, message);
        error.set_status_code(StatusCode::BAD_REQUEST);
        return error;
    }
    if reason.contains("SignatureMismatch") {
        return s3_error!(SignatureDoesNotMatch, "The signature of a chunk does not match.");
    }
    tracing::debug!(reason, "a body did not arrive");
    s3_error!(IncompleteBody, "The body of the request is not complete.")
}
