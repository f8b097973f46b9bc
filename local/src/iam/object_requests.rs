//! The IAM actions and resources that a call of S3 asks for.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html>

use super::statement::Request;

/// An object, or a bucket as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectPath<'a> {
    pub(crate) bucket: &'a str,
    /// `None` for the bucket.
    pub(crate) key: Option<&'a str>,
}

impl ObjectPath<'_> {
    fn arn(self) -> String {
        match self.key {
            Some(key) => format!("arn:aws:s3:::{}/{key}", self.bucket),
            None => format!("arn:aws:s3:::{}", self.bucket),
        }
    }
}

/// The requests of S3's operation `operation` on `path`, which is `None` for all buckets; `source` is the object that is
/// copied. The deletion of several objects asks for nothing, because its objects are in its body: see
/// [`of_deleted_object`].
pub(crate) fn of_s3(
    operation: &str,
    path: Option<ObjectPath<'_>>,
    source: Option<ObjectPath<'_>>,
) -> Vec<Request> {
    let action = match operation {
        "HeadObject" => "GetObject",
        "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => "PutObject",
        "ListParts" => "ListMultipartUploadParts",
        "ListObjects" | "ListObjectsV2" | "HeadBucket" => "ListBucket",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListBuckets" => "ListAllMyBuckets",
        "GetBucketCors" => "GetBucketCORS",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "DeleteObjects" => return Vec::new(),
        same => same,
    };
    let resource = path.map_or_else(|| "*".to_owned(), ObjectPath::arn);
    let own = Request::new(format!("s3:{action}"), resource);
    let read = source.map(|source| Request::new("s3:GetObject", source.arn()));
    std::iter::once(own).chain(read).collect()
}

/// The request of the deletion of one of several objects.
pub(crate) fn of_deleted_object(object: ObjectPath<'_>) -> Request {
    Request::new("s3:DeleteObject", object.arn())
}

/// The right to learn which objects there are.
pub(crate) fn of_listing(bucket: &str) -> Request {
    Request::new("s3:ListBucket", ObjectPath { bucket, key: None }.arn())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_ask_for_the_actions_of_the_service() {
        let object = ObjectPath { bucket: "b", key: Some("upload/1") };
        let bucket = ObjectPath { bucket: "b", key: None };
        let asked = |operation, path, source| -> Vec<(String, String)> {
            of_s3(operation, path, source).into_iter().map(|it| (it.action, it.resource)).collect()
        };
        let one = |action: &str, resource: &str| (action.to_owned(), resource.to_owned());
        let arn = "arn:aws:s3:::b/upload/1";
        assert_eq!(asked("HeadObject", Some(object), None), [one("s3:GetObject", arn)]);
        assert_eq!(asked("UploadPart", Some(object), None), [one("s3:PutObject", arn)]);
        assert_eq!(asked("AbortMultipartUpload", Some(object), None), [one("s3:AbortMultipartUpload", arn)]);
        assert_eq!(asked("ListObjectsV2", Some(bucket), None), [one("s3:ListBucket", "arn:aws:s3:::b")]);
        assert_eq!(asked("ListBuckets", None, None), [one("s3:ListAllMyBuckets", "*")]);
        let copied = ObjectPath { bucket: "b", key: Some("file/1") };
        assert_eq!(
            asked("CopyObject", Some(copied), Some(object)),
            [one("s3:PutObject", "arn:aws:s3:::b/file/1"), one("s3:GetObject", arn)]
        );
        assert!(asked("DeleteObjects", Some(bucket), None).is_empty());
    }
}
