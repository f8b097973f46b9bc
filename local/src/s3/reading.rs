//! Objects are read, whole or in part.

use s3s::{
    S3Request, S3Result,
    auth::Credentials,
    dto::{
        ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range,
        StreamingBlob, Timestamp,
    },
    s3_error,
};

use super::{
    buckets::Buckets,
    checksums::set_checksums,
    objects::is_met,
    store::{self, Record, internal, timestamp},
};

/// The type of an object that was put without one.
const CONTENT_TYPE_DEFAULT: &str = "binary/octet-stream";

/// What a request demands of the object that it reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions<'a> {
    /// `If-Match`.
    pub(super) matching: Option<&'a ETagCondition>,
    /// `If-None-Match`.
    pub(super) none_matching: Option<&'a ETagCondition>,
    /// `If-Modified-Since`.
    pub(super) modified_since: Option<&'a Timestamp>,
    /// `If-Unmodified-Since`.
    pub(super) unmodified_since: Option<&'a Timestamp>,
}

/// Refuses a request whose conditions do not hold. As HTTP has it, an `ETag` counts more than a time.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>
pub(super) fn check(conditions: &Conditions<'_>, object: &Record) -> S3Result<()> {
    let Conditions { matching, none_matching, modified_since, unmodified_since } = *conditions;
    let modified = timestamp(object.modified_ms);
    let is_expected = match matching {
        Some(wanted) => is_met(wanted, &object.etag),
        None => unmodified_since.is_none_or(|since| modified <= *since),
    };
    if !is_expected {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(s3_error!(PreconditionFailed, "{}", message));
    }
    let is_news = match none_matching {
        Some(known) => !is_met(known, &object.etag),
        None => modified_since.is_none_or(|since| modified > *since),
    };
    if is_news { Ok(()) } else { Err(s3_error!(NotModified, "Not Modified")) }
}

/// The conditions among the fields of a request.
macro_rules! conditions_of {
    ($request:expr) => {
        Conditions {
            matching: $request.if_match.as_ref(),
            none_matching: $request.if_none_match.as_ref(),
            modified_since: $request.if_modified_since.as_ref(),
            unmodified_since: $request.if_unmodified_since.as_ref(),
        }
    };
}

/// The fields that describe an object, of the bytes `range` of it, in an answer of the type `$answer`. Checksums are told only
/// to whoever asks for them, and are of the whole object.
macro_rules! described {
    ($answer:ident, $object:expr, $span:expr, $with_checksums:expr) => {{
        let (object, span): (&Record, &Span) = ($object, $span);
        let headers = object.headers.clone();
        let mut answer = $answer {
            accept_ranges: Some("bytes".to_owned()),
            content_length: i64::try_from(span.bytes.end - span.bytes.start).ok(),
            content_range: span.content_range.clone(),
            content_type: headers.content_type.or_else(|| Some(CONTENT_TYPE_DEFAULT.to_owned())),
            cache_control: headers.cache_control,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            content_language: headers.content_language,
            expires: headers.expires,
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(timestamp(object.modified_ms)),
            metadata: Some(headers.metadata.into_iter().collect()),
            ..$answer::default()
        };
        if $with_checksums && span.content_range.is_none() {
            answer.checksum_type = set_checksums!(answer, object.checksums);
        }
        answer
    }};
}

/// The bytes of an object that are read.
struct Span {
    bytes: std::ops::Range<u64>,
    /// The header, if not all are.
    content_range: Option<String>,
}

impl Span {
    fn of(range: Option<Range>, object: &Record) -> S3Result<Self> {
        let Some(range) = range else { return Ok(Self { bytes: 0..object.bytes, content_range: None }) };
        let bytes = range
            .check(object.bytes)
            .map_err(|error| s3_error!(error, InvalidRange, "The requested range is not satisfiable"))?;
        let content_range = format!("bytes {}-{}/{}", bytes.start, bytes.end.saturating_sub(1), object.bytes);
        Ok(Self { bytes, content_range: Some(content_range) })
    }
}

impl Buckets {
    pub(super) async fn get(&self, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
        let get = &request.input;
        if get.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "Objects are read by their range, not by a part."));
        }
        let object = self.object(&get.bucket, &get.key, request.credentials.as_ref())?;
        check(&conditions_of!(get), &object)?;
        let span = Span::of(get.range, &object)?;
        let mut answer = described!(GetObjectOutput, &object, &span, get.checksum_mode.is_some());
        let files = object.files.iter().map(|file| Ok((self.store.path(file)?, file.bytes)));
        let files = files.collect::<std::io::Result<_>>().map_err(internal)?;
        let bytes = store::read(files, span.bytes).await.map_err(internal)?;
        answer.body = Some(StreamingBlob::wrap(bytes));
        Ok(answer)
    }

    pub(super) fn head(&self, request: S3Request<HeadObjectInput>) -> S3Result<HeadObjectOutput> {
        let S3Request { input: head, credentials, .. } = request;
        if head.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "Objects are read by their range, not by a part."));
        }
        let object = self.object(&head.bucket, &head.key, credentials.as_ref())?;
        check(&conditions_of!(head), &object)?;
        let span = Span::of(head.range, &object)?;
        Ok(described!(HeadObjectOutput, &object, &span, head.checksum_mode.is_some()))
    }

    fn object(&self, bucket: &str, key: &str, caller: Option<&Credentials>) -> S3Result<Record> {
        let object = self.store.get(&self.bucket(bucket)?.name, key)?;
        object.ok_or_else(|| self.access.absent(caller, bucket))
    }
}
