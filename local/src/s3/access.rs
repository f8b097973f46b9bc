//! Whether a request may do what it asks for: by the policies of the function that has signed it. Other callers may do
//! anything, and whoever has not signed at all may do nothing.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use s3s::{
    S3Error, S3Result,
    access::{S3Access, S3AccessContext},
    auth::{Credentials, S3Auth, SecretKey},
    dto::CopySource,
    path::S3Path,
    s3_error,
};

use super::{SECRET_KEY, signed::Signed};
use crate::{
    aws_error::AwsError,
    iam::{self, ObjectPath, Rights},
    template::Stack,
    usage::Usage,
};

/// The check of requests. Cheap to clone.
#[derive(Clone)]
pub(super) struct Access {
    shared: Arc<Shared>,
}

struct Shared {
    rights: Arc<Rights>,
    usage: Arc<Usage>,
    /// The functions' names by their logical ids, which are their access keys.
    functions: BTreeMap<String, String>,
}

impl Access {
    /// The rights of the stack's functions.
    pub(super) fn new(stack: &Stack, rights: Arc<Rights>, usage: Arc<Usage>) -> Self {
        let names = stack.functions.values().map(|function| (function.id.clone(), function.name.clone()));
        Self { shared: Arc::new(Shared { rights, usage, functions: names.collect() }) }
    }

    /// Whether an access key is that of a function.
    pub(super) fn is_function(&self, access_key: &str) -> bool {
        self.shared.functions.contains_key(access_key)
    }

    /// Counts the bytes of a request and of its response, if a function itself has made it.
    pub(super) fn count_bytes(&self, signed: &Signed, bytes: u64) {
        let function = self.shared.functions.get(&signed.access_key).filter(|_| !signed.is_url);
        if let Some(function) = function {
            self.shared.usage.s3_bytes(function, bytes);
        }
    }

    /// Refuses the deletion of one of several objects, if the caller may not delete it.
    pub(super) fn check_deletion(
        &self,
        caller: Option<&Credentials>,
        object: ObjectPath<'_>,
    ) -> S3Result<()> {
        self.check_all(caller, &[iam::of_deleted_object(object)])
    }

    /// The answer to whoever asks for an object that is not there: only who may list the bucket learns that.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    pub(super) fn absent(&self, caller: Option<&Credentials>, bucket: &str) -> S3Error {
        let listing = iam::of_listing(bucket);
        let may_list = |caller: &Credentials| {
            let Credentials { access_key, .. } = caller;
            // Asked twice: it is a right that is used, and no right that is missing.
            self.shared.rights.would_allow(access_key, &listing)
                && self.shared.rights.check(access_key, std::slice::from_ref(&listing)).is_ok()
        };
        if caller.is_some_and(may_list) {
            s3_error!(NoSuchKey, "The specified key does not exist.")
        } else {
            s3_error!(AccessDenied, "Access Denied")
        }
    }

    fn check_all(&self, caller: Option<&Credentials>, requests: &[iam::Request]) -> S3Result<()> {
        let Some(caller) = caller else { return Err(s3_error!(AccessDenied, "Access Denied")) };
        let checked = self.shared.rights.check(&caller.access_key, requests);
        checked.map_err(|AwsError { message, .. }| s3_error!(AccessDenied, "{message}"))
    }
}

#[async_trait]
impl S3Auth for Access {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Ok(SECRET_KEY.into())
    }
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let path = match request.s3_path() {
            S3Path::Root => None,
            S3Path::Bucket { bucket } => Some(ObjectPath { bucket, key: None }),
            S3Path::Object { bucket, key } => Some(ObjectPath { bucket, key: Some(key) }),
        };
        let source = request.headers().get("x-amz-copy-source").and_then(|source| source.to_str().ok());
        let source = source.and_then(|source| CopySource::parse(source).ok());
        let source = match &source {
            Some(CopySource::Bucket { bucket, key, .. }) => Some(ObjectPath { bucket, key: Some(key) }),
            _ => None,
        };
        let (caller, operation) = (request.credentials(), request.s3_op().name());
        if let Some(Credentials { access_key, .. }) = caller {
            let name = self.shared.functions.get(access_key).unwrap_or(access_key);
            self.shared.usage.s3(name, operation);
        }
        self.check_all(caller, &iam::of_s3(operation, path, source))
    }
}
