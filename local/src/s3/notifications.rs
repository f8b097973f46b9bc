//! What a bucket tells EventBridge of its objects: events on the default bus.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
//!
//! The targets of the rules have kept an event before the caller is answered, unless a fault delays or loses it. So a stack
//! that is killed loses none whose change was acknowledged.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Extensions;
use jiff::Timestamp;
use s3s::{S3Result, s3_error};
use serde_json::{Value, json};

use super::store::Record;
use crate::{
    eventbridge::Bus,
    faults::{Deliveries, FaultKind, Faults},
    template::{ACCOUNT, Bucket},
};

const SOURCE: &str = "aws.s3";

/// Tells EventBridge of changes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Notifier {
    bus: Bus,
    faults: Faults,
    last_sequencer: Arc<AtomicU64>,
}

/// The request that changes an object.
#[derive(Debug, Clone)]
pub(super) struct Occasion {
    pub(super) request_id: String,
    pub(super) source_ip: IpAddr,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// It was put, by this operation.
    Created(&'static str, &'a Record),
    Deleted,
}

impl Notifier {
    pub(super) fn new(bus: Bus, faults: Faults) -> Self {
        Self { bus, faults, last_sequencer: Arc::default() }
    }

    /// Tells of a change, if the bucket is configured so.
    ///
    /// Fails if a target could not keep the event. The caller then repeats its request.
    pub(super) fn tell(
        &self,
        bucket: &Bucket,
        key: &str,
        change: Change<'_>,
        request: &Extensions,
    ) -> S3Result<()> {
        if !bucket.notifies || self.faults.strikes(FaultKind::LostNotification) {
            return Ok(());
        }
        let (kind, detail) = self.event(bucket, key, change, request.get());
        let Deliveries { first, again } = self.faults.deliveries();
        for delay in std::iter::once(first).chain(again) {
            self.put(&bucket.arn, kind, &detail, delay)?;
        }
        Ok(())
    }

    fn put(&self, bucket_arn: &str, kind: &'static str, detail: &Value, delay: Duration) -> S3Result<()> {
        if delay.is_zero() {
            let put = self.bus.put_from_aws(SOURCE, kind, bucket_arn, detail);
            return put.map_err(|error| s3_error!(InternalError, "{}", error.message));
        }
        let (bus, bucket_arn, detail) = (self.bus.clone(), bucket_arn.to_owned(), detail.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(error) = bus.put_from_aws(SOURCE, kind, &bucket_arn, &detail) {
                tracing::error!("{}", error.message);
            }
        });
        Ok(())
    }

    /// The type of an event, and its detail.
    fn event(
        &self,
        bucket: &Bucket,
        key: &str,
        change: Change<'_>,
        occasion: Option<&Occasion>,
    ) -> (&'static str, Value) {
        let sequencer = format!("{:016x}", self.next_sequencer());
        let mut detail = json!({
            "version": "0",
            "bucket": { "name": bucket.name },
            "request-id": occasion.map(|occasion| &occasion.request_id),
            "requester": ACCOUNT,
            "source-ip-address": occasion.map(|occasion| occasion.source_ip),
        });
        match change {
            Change::Created(reason, Record { bytes, etag, .. }) => {
                detail["object"] = json!({ "key": key, "size": bytes, "etag": etag, "sequencer": sequencer });
                detail["reason"] = reason.into();
                ("Object Created", detail)
            }
            Change::Deleted => {
                detail["object"] = json!({ "key": key, "sequencer": sequencer });
                detail["reason"] = "DeleteObject".into();
                detail["deletion-type"] = "Permanently Deleted".into();
                ("Object Deleted", detail)
            }
        }
    }

    /// A number that is greater than that of every earlier event, also of an earlier run.
    fn next_sequencer(&self) -> u64 {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        let next = |last: u64| now.max(last + 1);
        let last =
            self.last_sequencer.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(last.unwrap_or_default())
    }
}
