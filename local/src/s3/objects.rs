//! Objects are put, copied and deleted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use s3s::{
    S3Request, S3Result,
    dto::{
        ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput,
        DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, ETagCondition,
        Error, Metadata, MetadataDirective, PutObjectInput, PutObjectOutput,
    },
    s3_error,
};

use super::{
    buckets::Buckets,
    checksums::{Algorithm, Claims, checksums_of, set_checksums},
    notifications::Change,
    reading::{Conditions, check},
    receive::Arrived,
    store::{ObjectHeaders, Record, internal, timestamp},
};
use crate::iam::ObjectPath;

/// The most objects that one request deletes.
const DELETED_MAX: usize = 1_000;
/// The most bytes of an object that is copied at once.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
const COPIED_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// The headers among the fields of a request that an object keeps.
macro_rules! headers_of {
    ($request:expr) => {
        $crate::s3::store::ObjectHeaders {
            content_type: $request.content_type.take(),
            cache_control: $request.cache_control.take(),
            content_disposition: $request.content_disposition.take(),
            content_encoding: $request
                .content_encoding
                .take()
                .and_then(|it| $crate::s3::objects::kept_encoding(&it)),
            content_language: $request.content_language.take(),
            expires: $request.expires.take(),
            metadata: $crate::s3::objects::sorted($request.metadata.take()),
        }
    };
}
pub(super) use headers_of;

pub(super) fn sorted(metadata: Option<Metadata>) -> BTreeMap<String, String> {
    metadata.into_iter().flatten().collect()
}

/// The encoding without that of the request itself, which S3 removes.
pub(super) fn kept_encoding(encoding: &str) -> Option<String> {
    let kept: Vec<_> = encoding.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The present time, as records have it.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// What a request demands of the object that it replaces.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
pub(super) fn precondition<'a>(
    if_match: Option<&'a ETagCondition>,
    if_none_match: Option<&'a ETagCondition>,
) -> impl Fn(Option<&Record>) -> S3Result<()> + Sync + 'a {
    move |old| {
        if let (Some(_), None) = (if_match, old) {
            return Err(s3_error!(NoSuchKey, "The specified key does not exist."));
        }
        let failed = old.is_some_and(|old| {
            if_match.is_some_and(|wanted| !is_met(wanted, &old.etag))
                || if_none_match.is_some_and(|unwanted| is_met(unwanted, &old.etag))
        });
        let message = "At least one of the pre-conditions you specified did not hold";
        if failed { Err(s3_error!(PreconditionFailed, "{}", message)) } else { Ok(()) }
    }
}

/// Whether an `ETag` is the one of the condition, or any.
pub(super) fn is_met(condition: &ETagCondition, etag: &str) -> bool {
    condition.as_etag().is_none_or(|wanted| wanted.value() == etag)
}

impl Buckets {
    pub(super) async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let S3Request { input: mut put, headers, extensions, trailing_headers, .. } = request;
        let bucket = self.bucket(&put.bucket)?;
        let mut claims =
            Claims::of_request(&headers, checksums_of!(put), put.content_md5.take(), trailing_headers);
        claims.demanded = put.checksum_algorithm.as_ref().map(Algorithm::named).transpose()?;
        let arrived = self.store.receive(put.body.take(), put.content_length, &claims).await?;
        let Arrived { file, etag, checksums } = arrived;
        let object = Record {
            bytes: file.bytes,
            files: vec![file],
            etag,
            modified_ms: now_ms(),
            checksums,
            headers: headers_of!(put),
        };
        let condition = precondition(put.if_match.as_ref(), put.if_none_match.as_ref());
        self.store.put(&bucket.name, &put.key, &object, &condition)?;
        self.notifier.tell(bucket, &put.key, Change::Created("PutObject", &object), &extensions)?;
        let mut answer =
            PutObjectOutput { e_tag: Some(ETag::Strong(object.etag)), ..PutObjectOutput::default() };
        answer.checksum_type = set_checksums!(answer, object.checksums);
        Ok(answer)
    }

    pub(super) fn copy(&self, request: &S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
        let copy = &request.input;
        let bucket = self.bucket(&copy.bucket)?;
        let CopySource::Bucket { bucket: source_bucket, key: source_key, .. } = &copy.copy_source else {
            return Err(s3_error!(NotImplemented, "Only objects of buckets can be copied."));
        };
        let source = self.store.get(&self.bucket(source_bucket)?.name, source_key)?;
        let source = source.ok_or_else(|| self.access.absent(request.credentials.as_ref(), source_bucket))?;
        check_copied(source.bytes)?;
        let conditions = Conditions {
            matching: copy.copy_source_if_match.as_ref(),
            none_matching: copy.copy_source_if_none_match.as_ref(),
            modified_since: copy.copy_source_if_modified_since.as_ref(),
            unmodified_since: copy.copy_source_if_unmodified_since.as_ref(),
        };
        // A copy that is not wanted has no 304: nothing is read.
        check(&conditions, &source).map_err(|_| {
            s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
        })?;
        let replaces =
            copy.metadata_directive.as_ref().is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        if !replaces && **source_bucket == *copy.bucket && **source_key == *copy.key {
            let message = "This copy request is illegal because it is trying to copy an object to itself without \
                           changing the object's metadata, storage class, website redirect location or encryption attributes.";
            return Err(s3_error!(InvalidRequest, "{}", message));
        }
        let headers = if replaces { replaced_headers(copy) } else { source.headers.clone() };
        let files = self.store.link(&source.files).map_err(internal)?;
        let object = Record { files, modified_ms: now_ms(), headers, ..source };
        self.store.put(&bucket.name, &copy.key, &object, &|_| Ok(()))?;
        self.notifier.tell(bucket, &copy.key, Change::Created("CopyObject", &object), &request.extensions)?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(object.etag)),
            last_modified: Some(timestamp(object.modified_ms)),
            ..CopyObjectResult::default()
        };
        let kind: Option<ChecksumType> = set_checksums!(result, object.checksums);
        result.checksum_type = kind;
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
    }

    pub(super) fn delete(&self, request: &S3Request<DeleteObjectInput>) -> S3Result<DeleteObjectOutput> {
        let DeleteObjectInput { bucket, key, if_match, .. } = &request.input;
        let condition = precondition(if_match.as_ref(), None);
        let old = self.store.remove(&self.bucket(bucket)?.name, key, &condition)?;
        if old.is_some() {
            self.notifier.tell(self.bucket(bucket)?, key, Change::Deleted, &request.extensions)?;
        }
        Ok(DeleteObjectOutput::default())
    }

    /// Each object is deleted by itself: those that the caller may not delete are named in the answer.
    pub(super) fn delete_several(
        &self,
        request: &S3Request<DeleteObjectsInput>,
    ) -> S3Result<DeleteObjectsOutput> {
        let bucket = self.bucket(&request.input.bucket)?;
        let delete = &request.input.delete;
        if delete.objects.is_empty() || delete.objects.len() > DELETED_MAX {
            let message =
                "The XML you provided was not well-formed or did not validate against our published schema";
            return Err(s3_error!(MalformedXML, "{}", message));
        }
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in &delete.objects {
            let path = ObjectPath { bucket: &bucket.name, key: Some(&object.key) };
            let result = self.access.check_deletion(request.credentials.as_ref(), path).and_then(|()| {
                if self.store.remove(&bucket.name, &object.key, &|_| Ok(()))?.is_some() {
                    self.notifier.tell(bucket, &object.key, Change::Deleted, &request.extensions)?;
                }
                Ok(())
            });
            let key = Some(object.key.clone());
            match result {
                Ok(()) => deleted.push(DeletedObject { key, ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key,
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        let deleted = (!delete.quiet.unwrap_or_default()).then_some(deleted);
        Ok(DeleteObjectsOutput { deleted, errors: Some(errors), ..DeleteObjectsOutput::default() })
    }
}

/// Refuses to copy more at once than S3 does.
fn check_copied(bytes: u64) -> S3Result<()> {
    if bytes <= COPIED_BYTES_MAX {
        return Ok(());
    }
    let message = "The specified copy source is larger than the maximum allowable size for a copy source";
    Err(s3_error!(InvalidRequest, "{message}: {COPIED_BYTES_MAX}"))
}

fn replaced_headers(copy: &CopyObjectInput) -> ObjectHeaders {
    ObjectHeaders {
        content_type: copy.content_type.clone(),
        cache_control: copy.cache_control.clone(),
        content_disposition: copy.content_disposition.clone(),
        content_encoding: copy.content_encoding.clone(),
        content_language: copy.content_language.clone(),
        expires: copy.expires.clone(),
        metadata: sorted(copy.metadata.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_s3_copies_at_once_is_refused() {
        assert!(check_copied(5_368_709_120).is_ok());
        let error = check_copied(5_368_709_121).unwrap_err();
        assert_eq!(error.code().as_str(), "InvalidRequest");
    }
}
