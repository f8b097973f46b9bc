//! S3: the stack's buckets, behind the same endpoint as every other service, by path (`/bucket/key`).
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>
//!
//! The crate [`s3s`] knows the protocol: which operation a request is, its fields, its signature, and the XML of answers.
//! Here is what the operations do. `s3s-fs` is not used for that, because it has no conditional requests, no limits of
//! parts and no notifications, and keeps the parts of an upload apart from the object that they become by copying them.
//!
//! Unlike the other services, S3 is used by whoever has a presigned URL. So the signature is checked here, with the secret
//! key [`SECRET_KEY`] for every access key, and a URL has the rights of the function that has signed it.
//!
//! # Layout
//! - [`signed`]: who has signed a request, and for which service; [`access`]: whether they may do what it asks for.
//! - [`cors`]: which pages may use a bucket.
//! - [`buckets`]: the operations, each of them in [`objects`], [`reading`], [`listing`] or [`multipart`].
//! - [`store`]: where the objects are; [`receive`]: how their bytes arrive; [`checksums`]: whether they arrived whole.
//! - [`notifications`]: what EventBridge is told.
//!
//! Not emulated: versions, tags, access control lists, object lock, POST forms, and the expiry of objects and
//! uploads by lifecycle rules. Such a request is answered with `NotImplemented`.

mod access;
mod buckets;
mod checksums;
mod cors;
mod listing;
mod multipart;
mod notifications;
mod objects;
mod reading;
mod receive;
mod signed;
mod store;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::Path, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use s3s::{
    Body, S3Error, s3_error,
    service::{S3Service, S3ServiceBuilder},
};
use uuid::Uuid;

use self::{
    access::Access,
    buckets::Buckets,
    notifications::{Notifier, Occasion},
    signed::Signed,
    store::Store,
};
use crate::{
    eventbridge::Bus,
    faults::{FaultKind, Faults},
    iam::Rights,
    template::{Bucket, Stack},
    usage::Usage,
};

/// The secret key of every access key: that of the functions, and of whoever else signs requests.
const SECRET_KEY: &str = "local";

/// All buckets of the stack.
pub(crate) struct S3 {
    service: S3Service,
    buckets: Buckets,
    access: Access,
    faults: Faults,
}

/// What S3 works with.
pub(crate) struct S3Parts {
    pub(crate) rights: Arc<Rights>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) bus: Bus,
    pub(crate) faults: Faults,
}

impl S3 {
    /// The buckets of the stack, with their objects in the folder `data`, or in a temporary one.
    ///
    /// Fails if the folder cannot be used.
    pub(crate) fn open(stack: &Stack, data: Option<&Path>, parts: S3Parts) -> anyhow::Result<Self> {
        let S3Parts { rights, usage, bus, faults } = parts;
        let access = Access::new(stack, rights, usage);
        let notifier = Notifier::new(bus, faults.clone());
        let buckets = Buckets::new(stack, Store::open(data)?, access.clone(), notifier);
        let mut service = S3ServiceBuilder::new(buckets.clone());
        service.set_auth(access.clone());
        service.set_access(access.clone());
        Ok(Self { service: service.build(), buckets, access, faults })
    }

    /// Whether a request is one of S3: it is signed for S3, or it is for a path of a bucket.
    pub(crate) fn is_for(&self, request: &Parts) -> bool {
        match Signed::of(request) {
            Some(signed) => signed.service == "s3",
            None => !request.headers.contains_key("x-amz-target") && self.bucket_of(request).is_some(),
        }
    }

    /// Answers a request of S3 that came from `peer`.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let (bucket, origin) = (self.bucket_of(&head), head.headers.get(header::ORIGIN).cloned());
        let id = request_id();
        head.extensions.insert(Occasion { request_id: id.clone(), source_ip: peer.ip() });
        let method = head.method.clone();
        let mut reply = match (bucket, &origin) {
            (Some(bucket), Some(origin)) if method == Method::OPTIONS => {
                cors::preflight(bucket, origin, &head.headers).unwrap_or_else(refusal)
            }
            _ => self.call(Request::from_parts(head, body.into())).await,
        };
        let headers = reply.headers_mut();
        if let (Some(bucket), Some(origin), true) = (bucket, &origin, method != Method::OPTIONS) {
            cors::allow(bucket, origin, &method, headers);
        }
        set(headers, "x-amz-request-id", &id);
        set(headers, "x-amz-id-2", &id);
        headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
        reply
    }

    /// Answers a request that is no preflight, if faults let it.
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if is_form(&head.headers) {
            // Refused here already, because `s3s` would first read the whole file into memory.
            return refusal(s3_error!(
                NotImplemented,
                "Forms are not supported locally; use a presigned URL"
            ));
        }
        let signed = Signed::of(&head);
        if let Some(unsigned) = signed.as_ref().and_then(|signed| signed.unsigned_header(&head.headers)) {
            tracing::debug!(%unsigned, "a header of a request is not signed");
            let message = "There were headers present in the request which were not signed";
            return refusal(s3_error!(AccessDenied, "{}", message));
        }
        let is_functions = signed.as_ref().is_some_and(|signed| self.access.is_function(&signed.access_key));
        let strikes = |kind| is_functions && self.faults.strikes(kind);
        if strikes(FaultKind::S3SlowDown) {
            return refusal(s3_error!(SlowDown, "Please reduce your request rate."));
        }
        if strikes(FaultKind::S3Before) {
            return refusal(s3_error!(InternalError, "We encountered an internal error. Please try again."));
        }
        let changes = !matches!(head.method, Method::GET | Method::HEAD);
        let (sent, has_body) = (content_bytes(&head.headers), head.method != Method::HEAD);
        let reply = match self.service.call(Request::from_parts(head, body)).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(?error, "a request of S3 failed");
                refusal(s3_error!(InternalError))
            }
        };
        if let Some(signed) = &signed {
            let received = if has_body { content_bytes(reply.headers()) } else { 0 };
            self.access.count_bytes(signed, sent + received);
        }
        if changes && reply.status().is_success() && strikes(FaultKind::S3After) {
            return refusal(s3_error!(InternalError, "We encountered an internal error. Please try again."));
        }
        reply
    }

    /// The bucket that a request's path begins with.
    fn bucket_of(&self, request: &Parts) -> Option<&Bucket> {
        self.buckets.named(request.uri.path().split('/').nth(1)?)
    }
}

/// How long a body is, by its headers.
fn content_bytes(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// An answer with an error.
fn refusal(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|_| {
        let mut reply = Response::new(Body::empty());
        *reply.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        reply
    })
}

/// An id of 16 letters and digits, as S3 makes them.
fn request_id() -> String {
    Uuid::new_v4().simple().to_string()[..16].to_uppercase()
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}
