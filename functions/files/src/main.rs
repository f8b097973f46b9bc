//! `files`: what happened to uploads. EventBridge puts the events of the bucket, and of `GuardDuty`, into a queue. An event may
//! arrive twice, or late.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{
    Config, Resource, batch,
    letters::{DeadLetters, Source},
    serve::serve,
};
use funnelcast_core::Error;
use serde::Deserialize;

struct Resources {
    letters: DeadLetters,
}

impl Resource for Resources {
    async fn build(config: &Config) -> Result<Self, Error> {
        Ok(Self { letters: DeadLetters::build(config).await? })
    }
}

/// An event of EventBridge, of which only the detail counts.
#[derive(Debug, Deserialize)]
struct Event {
    detail: Detail,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html> and
/// <https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html>
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Detail {
    /// A client has uploaded it.
    Uploaded { object: Object },
    /// `GuardDuty` has scanned it.
    #[serde(rename_all = "camelCase")]
    Scanned { s3_object_details: ScannedObject, scan_result_details: ScanResult },
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScannedObject {
    object_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanResult {
    scan_result_status: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(handle).await
}

/// Handles the events of a batch. The response lists those that failed.
async fn handle(resources: &Resources, event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let note = async |event: Event, _| {
        note(&event.detail);
        Ok(())
    };
    Ok(batch::handle(&resources.letters, Source::Files, event, note).await)
}

fn note(detail: &Detail) {
    match detail {
        Detail::Uploaded { object: Object { key, size } } => tracing::info!(key, size, "uploaded"),
        Detail::Scanned { s3_object_details, scan_result_details } => {
            let (key, result) = (&s3_object_details.object_key, &scan_result_details.scan_result_status);
            tracing::info!(key, result, "scanned");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_events() {
        let detail = |sample: &str| {
            let event: SqsEvent = serde_json::from_str(sample).unwrap();
            batch::decode::<Event>(&event.records[0]).unwrap().detail
        };
        match detail(include_str!("../../../events/files.json")) {
            Detail::Uploaded { object } => assert!(object.key.starts_with("upload/") && object.size > 0),
            other @ Detail::Scanned { .. } => panic!("{other:?}"),
        }
        match detail(include_str!("../../../events/files-scanned.json")) {
            Detail::Scanned { s3_object_details, scan_result_details } => {
                assert!(s3_object_details.object_key.starts_with("upload/"));
                assert_eq!(scan_result_details.scan_result_status, "NO_THREATS_FOUND");
            }
            other @ Detail::Uploaded { .. } => panic!("{other:?}"),
        }
    }
}
