//! Multipart uploads: an object that is uploaded in parts, several at once, each of which may be repeated.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use s3s::{
    S3Error, S3Request, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm,
        CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CopyPartResult,
        CopySource, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, GetObjectInput,
        GetObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
        ListPartsOutput, MultipartUpload, Part, Range, UploadPartCopyInput, UploadPartCopyOutput,
        UploadPartInput, UploadPartOutput,
    },
    s3_error,
};
use uuid::Uuid;

use super::{
    buckets::Buckets,
    checksums::{self, Algorithm, ChecksumKind, Checksums, Claims, checksums_of, set_checksums},
    listing::{encoded, entries_max},
    notifications::Change,
    objects::{headers_of, now_ms, precondition},
    receive::Arrived,
    store::{PartRecord, Record, UploadRecord, timestamp},
};

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PARTS_MAX: i32 = 10_000;
/// The least bytes of every part but the last.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

impl Buckets {
    pub(super) fn begin_upload(
        &self,
        mut begin: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let bucket = self.bucket(&begin.bucket)?.name.clone();
        let asked = begin.checksum_algorithm.take();
        let algorithm = asked.as_ref().map_or(Ok(Algorithm::Crc64nvme), Algorithm::named)?;
        let kind = match &begin.checksum_type {
            Some(kind) => ChecksumKind::named(kind)?,
            None => ChecksumKind::default_of(algorithm),
        };
        if !checksums::is_possible(algorithm, kind) {
            let message = "The checksum type of the upload is not possible with its checksum algorithm.";
            return Err(s3_error!(InvalidRequest, "{}", message));
        }
        let (initiated_ms, headers) = (now_ms(), headers_of!(begin));
        let upload = UploadRecord { bucket, key: begin.key, initiated_ms, algorithm, kind, headers };
        let id = Uuid::now_v7().simple().to_string();
        self.store.begin(&id, &upload)?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(upload.bucket),
            key: Some(upload.key),
            upload_id: Some(id),
            checksum_type: asked.is_some().then(|| kind.into()),
            checksum_algorithm: asked,
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn put_part(&self, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
        let S3Request { input: mut part, headers, trailing_headers, .. } = request;
        let upload = self.upload(&part.upload_id, &part.bucket, &part.key)?;
        check_number(part.part_number)?;
        let mut claims =
            Claims::of_request(&headers, checksums_of!(part), part.content_md5.take(), trailing_headers);
        claims.demanded = Some(upload.algorithm);
        let arrived = self.store.receive(part.body.take(), part.content_length, &claims).await?;
        let Arrived { file, etag, checksums } = arrived;
        let record = PartRecord { file, etag, modified_ms: now_ms(), checksums };
        if !self.store.put_part(&part.upload_id, part.part_number, &record)? {
            return Err(no_such_upload());
        }
        let mut answer =
            UploadPartOutput { e_tag: Some(ETag::Strong(record.etag)), ..UploadPartOutput::default() };
        set_checksums!(answer, record.checksums);
        Ok(answer)
    }

    pub(super) async fn copy_part(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<UploadPartCopyOutput> {
        let (id, number) = (request.input.upload_id.clone(), request.input.part_number);
        let upload = self.upload(&id, &request.input.bucket, &request.input.key)?;
        check_number(number)?;
        let CopySource::Bucket { bucket, key, .. } = request.input.copy_source.clone() else {
            return Err(s3_error!(NotImplemented, "Only objects of buckets can be copied."));
        };
        let range = request.input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range = range
            .map_err(|error| s3_error!(error, InvalidArgument, "The x-amz-copy-source-range is not valid"))?;
        let source = request.map_input(|copy| GetObjectInput {
            bucket: bucket.into(),
            key: key.into(),
            range,
            if_match: copy.copy_source_if_match,
            if_none_match: copy.copy_source_if_none_match,
            if_modified_since: copy.copy_source_if_modified_since,
            if_unmodified_since: copy.copy_source_if_unmodified_since,
            ..GetObjectInput::default()
        });
        let GetObjectOutput { body, content_length, .. } = self.get(source).await?;
        let claims = Claims { demanded: Some(upload.algorithm), ..Claims::default() };
        let Arrived { file, etag, checksums } = self.store.receive(body, content_length, &claims).await?;
        let record = PartRecord { file, etag, modified_ms: now_ms(), checksums };
        if !self.store.put_part(&id, number, &record)? {
            return Err(no_such_upload());
        }
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(record.etag)),
            last_modified: Some(timestamp(record.modified_ms)),
            ..CopyPartResult::default()
        };
        set_checksums!(result, record.checksums);
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
    }

    pub(super) fn complete_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let S3Request { input: mut complete, extensions, .. } = request;
        let id = &complete.upload_id;
        let upload = self.upload(id, &complete.bucket, &complete.key)?;
        let chosen = complete.multipart_upload.take().and_then(|chosen| chosen.parts).unwrap_or_default();
        let parts = self.chosen(id, chosen)?;
        let bytes = parts.iter().map(|part| part.file.bytes).sum();
        let checksums = of_all(&upload, &parts);
        let claimed = checksums_of!(complete);
        if claimed.values.iter().any(|(algorithm, value)| checksums.get(*algorithm) != Some(value)) {
            return Err(s3_error!(
                BadDigest,
                "The checksum you specified did not match the calculated checksum."
            ));
        }
        if complete.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(bytes)) {
            let message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
            return Err(s3_error!(InvalidRequest, "{}", message));
        }
        let object = Record {
            bytes,
            etag: checksums::etag_of_parts(parts.iter().map(|part| part.etag.as_str())),
            modified_ms: now_ms(),
            checksums,
            headers: upload.headers.clone(),
            files: parts.into_iter().map(|part| part.file).collect(),
        };
        let condition = precondition(complete.if_match.as_ref(), complete.if_none_match.as_ref());
        self.store.complete((id, &upload), &object, &condition)?;
        let bucket = self.bucket(&upload.bucket)?;
        let change = Change::Created("CompleteMultipartUpload", &object);
        self.notifier.tell(bucket, &upload.key, change, &extensions)?;
        let mut answer = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", upload.bucket, upload.key)),
            bucket: Some(upload.bucket),
            key: Some(upload.key),
            e_tag: Some(ETag::Strong(object.etag)),
            ..CompleteMultipartUploadOutput::default()
        };
        answer.checksum_type = set_checksums!(answer, object.checksums);
        Ok(answer)
    }

    /// The parts of an upload that its end names, which must be in their order, each as it was put, and none too small.
    fn chosen(&self, upload: &str, chosen: Vec<CompletedPart>) -> S3Result<Vec<PartRecord>> {
        let numbers: Vec<_> = chosen.iter().map(|part| part.part_number.unwrap_or_default()).collect();
        if numbers.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        if !numbers.is_sorted_by(|one, next| one < next) {
            let message =
                "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(s3_error!(InvalidPartOrder, "{}", message));
        }
        let mut put = self.store.parts(upload)?;
        let (mut parts, count) = (Vec::with_capacity(chosen.len()), chosen.len());
        for (mut chosen, number) in chosen.into_iter().zip(numbers) {
            let found = put.iter().position(|(known, _)| *known == number).map(|at| put.swap_remove(at).1);
            let claimed = checksums_of!(chosen);
            let is_it = |part: &PartRecord| {
                chosen.e_tag.as_ref().is_some_and(|etag| etag.value() == part.etag)
                    && claimed
                        .values
                        .iter()
                        .all(|(algorithm, value)| part.checksums.get(*algorithm) == Some(value))
            };
            let part = found.filter(is_it).ok_or_else(|| {
                let message = "One or more of the specified parts could not be found. The part may not have been \
                               uploaded, or the specified entity tag may not match the part's entity tag.";
                s3_error!(InvalidPart, "{}", message)
            })?;
            if part.file.bytes < PART_BYTES_MIN && parts.len() + 1 < count {
                let message = "Your proposed upload is smaller than the minimum allowed size";
                return Err(s3_error!(EntityTooSmall, "{}", message));
            }
            parts.push(part);
        }
        Ok(parts)
    }

    pub(super) fn abort_upload(
        &self,
        abort: &AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        self.upload(&abort.upload_id, &abort.bucket, &abort.key)?;
        self.store.abort(&abort.upload_id)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) fn parts(&self, list: ListPartsInput) -> S3Result<ListPartsOutput> {
        let upload = self.upload(&list.upload_id, &list.bucket, &list.key)?;
        let max_parts = entries_max(list.max_parts)?;
        let after = list.part_number_marker.unwrap_or_default();
        let mut parts = self.store.parts(&list.upload_id)?;
        parts.retain(|(number, _)| *number > after);
        let is_truncated = parts.len() > usize::try_from(max_parts).unwrap_or_default();
        parts.truncate(usize::try_from(max_parts).unwrap_or_default());
        let end = parts.last().map(|(number, _)| *number);
        let part = |(number, record): (i32, PartRecord)| {
            let mut part = Part {
                part_number: Some(number),
                e_tag: Some(ETag::Strong(record.etag)),
                size: i64::try_from(record.file.bytes).ok(),
                last_modified: Some(timestamp(record.modified_ms)),
                ..Part::default()
            };
            set_checksums!(part, record.checksums);
            part
        };
        Ok(ListPartsOutput {
            bucket: Some(list.bucket),
            key: Some(list.key),
            upload_id: Some(list.upload_id),
            parts: Some(parts.into_iter().map(part).collect()),
            is_truncated: Some(is_truncated),
            max_parts: Some(max_parts),
            part_number_marker: Some(after),
            next_part_number_marker: end.filter(|_| is_truncated),
            checksum_algorithm: Some(ChecksumAlgorithm::from_static(upload.algorithm.name())),
            checksum_type: Some(upload.kind.into()),
            ..ListPartsOutput::default()
        })
    }

    pub(super) fn uploads(&self, list: &ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        let max_uploads = entries_max(list.max_uploads)?;
        let mut uploads = self.store.uploads(&self.bucket(&list.bucket)?.name)?;
        let prefix = list.prefix.as_deref().unwrap_or_default();
        let after = (list.key_marker.as_deref().unwrap_or_default(), list.upload_id_marker.as_deref());
        uploads.retain(|(id, upload)| {
            upload.key.starts_with(prefix)
                && match after {
                    (key, None) => *upload.key > *key,
                    (key, Some(after_id)) => (upload.key.as_str(), id.as_str()) > (key, after_id),
                }
        });
        let is_truncated = uploads.len() > usize::try_from(max_uploads).unwrap_or_default();
        uploads.truncate(usize::try_from(max_uploads).unwrap_or_default());
        let next =
            uploads.last().filter(|_| is_truncated).map(|(id, upload)| (upload.key.clone(), id.clone()));
        let text = |text: String| encoded(&text, list.encoding_type.as_ref());
        let upload = |(id, upload): (String, UploadRecord)| MultipartUpload {
            key: Some(text(upload.key)),
            upload_id: Some(id),
            initiated: Some(timestamp(upload.initiated_ms)),
            ..MultipartUpload::default()
        };
        let (next_key_marker, next_upload_id_marker) = next.unzip();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(list.bucket.clone()),
            uploads: Some(uploads.into_iter().map(upload).collect()),
            is_truncated: Some(is_truncated),
            max_uploads: Some(max_uploads),
            next_key_marker: next_key_marker.map(text),
            next_upload_id_marker,
            prefix: list.prefix.clone().map(text),
            key_marker: list.key_marker.clone().map(text),
            upload_id_marker: list.upload_id_marker.clone(),
            encoding_type: list.encoding_type.clone(),
            ..ListMultipartUploadsOutput::default()
        })
    }

    /// The upload of this id, if it is of this object and has not ended.
    fn upload(&self, id: &str, bucket: &str, key: &str) -> S3Result<UploadRecord> {
        self.bucket(bucket)?;
        let upload = self.store.upload(id)?.filter(|upload| upload.bucket == bucket && upload.key == key);
        upload.ok_or_else(no_such_upload)
    }
}

fn check_number(part: i32) -> S3Result<()> {
    if (1..=PARTS_MAX).contains(&part) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

/// The checksum of an object by those of its parts.
fn of_all(upload: &UploadRecord, parts: &[PartRecord]) -> Checksums {
    let sums: Option<Vec<_>> =
        parts.iter().map(|part| Some((part.checksums.get(upload.algorithm)?, part.file.bytes))).collect();
    let whole = sums.and_then(|sums| checksums::of_parts(upload.algorithm, upload.kind, &sums));
    Checksums {
        values: whole.map(|whole| (upload.algorithm, whole)).into_iter().collect(),
        kind: upload.kind,
    }
}

fn no_such_upload() -> S3Error {
    let message = "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have \
                   been aborted or completed.";
    s3_error!(NoSuchUpload, "{}", message)
}
