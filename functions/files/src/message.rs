//! The messages of the queue: events of S3 and of the malware scan, which EventBridge passes on, and the stack's own tasks.

use funnelcast_aws::objects::{PartsId, uploaded};
use funnelcast_core::FileId;
use funnelcast_realtime::files::FileTask;
use serde::Deserialize;

/// A message of the queue.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Message {
    /// A task of the stack's own.
    Task(FileTask),
    /// An event of S3 or of `GuardDuty`.
    Event(Event),
}

/// An event from the default bus.
#[derive(Debug, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub(crate) enum Event {
    /// An object has been written
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).
    #[serde(rename = "Object Created")]
    Created {
        /// The object.
        object: S3Object,
    },
    /// An object has been scanned
    /// (<https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html>).
    #[serde(rename = "GuardDuty Malware Protection Object Scan Result", rename_all = "camelCase")]
    Scanned {
        /// The object.
        s3_object_details: ScannedObject,
        /// The outcome.
        scan_result_details: ScanResult,
    },
}

/// An object in an event of S3.
#[derive(Debug, Deserialize)]
pub(crate) struct S3Object {
    key: String,
}

/// An object in an event of `GuardDuty`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScannedObject {
    object_key: String,
}

/// The outcome of a scan.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScanResult {
    scan_result_status: ScanStatus,
}

/// What a scan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ScanStatus {
    /// Nothing was found.
    NoThreatsFound,
    /// Something was found.
    ThreatsFound,
    /// It could not be scanned, for example because it is encrypted; nobody knows what is in it.
    Unsupported,
    /// It could not be read.
    AccessDenied,
    /// The scan failed.
    Failed,
}

/// What a message asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The file has been uploaded, as S3 says.
    Created(FileId),
    /// The file has been uploaded, as its sender says, and the verdict of a scan has been waited for so often.
    Examine(FileId, u32),
    /// The upload of the file has been scanned.
    Scanned(FileId, ScanStatus),
    /// The file is gone, with its upload in parts that has not come to its end.
    Remove(FileId, Option<PartsId>),
    /// Nothing: the object is no upload of a file.
    Nothing,
}

impl Message {
    /// What it asks for.
    pub(crate) fn wanted(self) -> Wanted {
        match self {
            Self::Task(FileTask::Examine { file, waits }) => Wanted::Examine(file, waits),
            Self::Task(FileTask::Remove { file, upload }) => Wanted::Remove(file, upload),
            Self::Event(Event::Created { object }) => {
                uploaded(&object.key).map_or(Wanted::Nothing, Wanted::Created)
            }
            Self::Event(Event::Scanned { s3_object_details, scan_result_details }) => {
                let status = scan_result_details.scan_result_status;
                uploaded(&s3_object_details.object_key)
                    .map_or(Wanted::Nothing, |file| Wanted::Scanned(file, status))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsEvent;
    use funnelcast_aws::batch;
    use serde_json::{Value, json};

    use super::*;

    fn wanted(message: Value) -> Wanted {
        serde_json::from_value::<Message>(message).unwrap().wanted()
    }

    #[test]
    fn the_samples_are_messages() {
        let wanted = |sample: &str| {
            let event: SqsEvent = serde_json::from_str(sample).unwrap();
            batch::decode::<Message>(&event.records[0]).unwrap().wanted()
        };
        assert!(matches!(wanted(include_str!("../../../events/files.json")), Wanted::Created(_)));
        assert!(matches!(wanted(include_str!("../../../events/files-task.json")), Wanted::Examine(_, 0)));
        assert!(matches!(
            wanted(include_str!("../../../events/files-scanned.json")),
            Wanted::Scanned(_, ScanStatus::NoThreatsFound)
        ));
    }

    #[test]
    fn every_message_says_what_is_wanted() {
        let file = || "file_1".parse().unwrap();
        assert_eq!(wanted(json!({"task": "examine", "file": "file_1"})), Wanted::Examine(file(), 0));
        let again = json!({"task": "examine", "file": "file_1", "waits": 3});
        assert_eq!(wanted(again), Wanted::Examine(file(), 3));
        assert_eq!(wanted(json!({"task": "remove", "file": "file_1"})), Wanted::Remove(file(), None));
        let upload = Some(PartsId::from("parts-1".to_owned()));
        assert_eq!(
            wanted(json!({"task": "remove", "file": "file_1", "upload": "parts-1"})),
            Wanted::Remove(file(), upload)
        );
        let created = |key| json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": key, "size": 7}}});
        assert_eq!(wanted(created("upload/file_1")), Wanted::Created(file()));
        assert_eq!(wanted(created("file/file_1")), Wanted::Nothing, "what this function has written itself");
        let scanned = |status| {
            json!({"detail-type": "GuardDuty Malware Protection Object Scan Result", "detail": {
                "s3ObjectDetails": {"bucketName": "b", "objectKey": "upload/file_1"},
                "scanResultDetails": {"scanResultStatus": status, "threats": null}}})
        };
        assert_eq!(wanted(scanned("THREATS_FOUND")), Wanted::Scanned(file(), ScanStatus::ThreatsFound));
        assert_eq!(wanted(scanned("NO_THREATS_FOUND")), Wanted::Scanned(file(), ScanStatus::NoThreatsFound));
        assert!(
            serde_json::from_value::<Message>(json!({"detail-type": "Object Deleted", "detail": {}}))
                .is_err()
        );
    }
}
