//! The operations, without the protocol: who may do what, what they do, and what EventBridge hears of it.
//!
//! `tests/s3/run.py` and the suite's `storage` go the whole way, by SDKs and by presigned URLs.

use std::{collections::BTreeMap, time::Duration};

use futures_util::TryStreamExt as _;
use s3s::{
    S3 as _, S3Request, S3Result,
    auth::Credentials,
    dto::{
        CompleteMultipartUploadInput, CompletedMultipartUpload, CompletedPart, CopyObjectInput, CopySource,
        CreateMultipartUploadInput, Delete, DeleteObjectInput, DeleteObjectsInput, ETag, ETagCondition,
        GetObjectInput, ListObjectsV2Input, ObjectIdentifier, PutObjectInput, Range, StreamingBlob,
        UploadPartCopyInput, UploadPartInput,
    },
};
use serde_json::{Value, json};

use super::*;
use crate::{
    eventbridge::Pattern,
    faults::{DelayMsMax, FaultSettings, Rate},
    iam::{Effect, Statement},
    lambda::fixture::{Fixture, JOBS, fixture, stack},
    secrets_manager::Secrets,
    template::{Input, Rule, Target, Trigger},
};

/// The fixture's function, which may put, read and delete what is below `mine/`.
const FUNCTION: &str = "F";
const OWNER: &str = "owner";
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

struct Running {
    buckets: Buckets,
    fixture: Fixture,
}

async fn start() -> Running {
    let fixture = fixture(&[]).await;
    let mut stack = stack(BTreeMap::new());
    let (name, arn) = ("files".to_owned(), "arn:aws:s3:::files".to_owned());
    stack.buckets = vec![Bucket { id: "B".to_owned(), name, arn, cors: Vec::new(), notifies: true }];
    stack.functions.get_mut(FUNCTION).unwrap().policies = vec![Statement {
        effect: Effect::Allow,
        actions: ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"].map(str::to_owned).into(),
        resources: vec!["arn:aws:s3:::files/mine/*".to_owned()],
        conditions: Vec::new(),
    }];
    let pattern = Pattern::parse(&json!({ "source": ["aws.s3"] })).unwrap();
    stack.rules = vec![Rule {
        name: "r".to_owned(),
        arn: "arn:r".to_owned(),
        trigger: Trigger::Event { bus: "default".to_owned(), pattern },
        target: Target::Queue(JOBS.to_owned()),
        input: Input::Event,
    }];
    let bus = Bus::start(&stack, &fixture.lambda, &fixture.queues, &Secrets::default()).unwrap();
    let rights = Arc::new(Rights::new(&stack, None).unwrap());
    let parts = S3Parts { rights, usage: Arc::default(), bus, faults: fixture.faults.clone() };
    Running { buckets: S3::open(&stack, None, parts).unwrap().buckets, fixture }
}

fn by<T>(caller: &str, input: T) -> S3Request<T> {
    let credentials = Credentials { access_key: caller.to_owned(), secret_key: SECRET_KEY.into() };
    let mut extensions = http::Extensions::new();
    extensions.insert(Occasion { request_id: "R1".to_owned(), source_ip: [127, 0, 0, 1].into() });
    S3Request {
        input,
        method: Method::GET,
        uri: http::Uri::from_static("/"),
        headers: HeaderMap::new(),
        extensions,
        credentials: Some(credentials),
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn blob(bytes: impl Into<Vec<u8>>) -> StreamingBlob {
    Body::from(bytes.into()).into()
}

fn code<T>(result: S3Result<T>) -> String {
    result.err().map(|error| error.code().as_str().to_owned()).unwrap_or_default()
}

impl Running {
    async fn put(&self, key: &str, bytes: &str) -> ETag {
        let (bucket, key, body) = ("files".to_owned(), key.to_owned(), Some(blob(bytes)));
        let put = PutObjectInput { bucket, key, body, ..PutObjectInput::default() };
        self.buckets.put_object(by(OWNER, put)).await.unwrap().output.e_tag.unwrap()
    }

    async fn get(&self, caller: &str, key: &str, range: Option<Range>) -> S3Result<String> {
        let (bucket, key) = ("files".to_owned(), key.to_owned());
        let get = GetObjectInput { bucket, key, range, ..GetObjectInput::default() };
        let body = self.buckets.get_object(by(caller, get)).await?.output.body.unwrap();
        let chunks: Vec<_> = body.try_collect().await.unwrap();
        Ok(String::from_utf8(chunks.concat()).unwrap())
    }

    async fn list(&self, list: ListObjectsV2Input) -> (Vec<String>, Vec<String>, Option<String>) {
        let listed = self.buckets.list_objects_v2(by(OWNER, list)).await.unwrap().output;
        let keys = listed.contents.unwrap().into_iter().filter_map(|object| object.key);
        let prefixes = listed.common_prefixes.unwrap().into_iter().filter_map(|common| common.prefix);
        (keys.collect(), prefixes.collect(), listed.next_continuation_token)
    }

    /// The next event that EventBridge was told.
    async fn heard(&self) -> Value {
        let received = self.fixture.queues.receive(JOBS, 1, Duration::from_secs(10)).await;
        self.fixture.queues.delete(JOBS, [received[0].receipt.as_str()]);
        serde_json::from_str(&received[0].body).unwrap()
    }

    async fn hears_nothing(&self) -> bool {
        self.fixture.queues.receive(JOBS, 1, Duration::ZERO).await.is_empty()
    }

    async fn begin(&self, key: &str) -> String {
        let (bucket, key) = ("files".to_owned(), key.to_owned());
        let begin = CreateMultipartUploadInput { bucket, key, ..CreateMultipartUploadInput::default() };
        self.buckets.create_multipart_upload(by(OWNER, begin)).await.unwrap().output.upload_id.unwrap()
    }

    async fn put_part(&self, key: &str, upload_id: &str, part_number: i32, bytes: Vec<u8>) -> CompletedPart {
        let (bucket, key, upload_id) = ("files".to_owned(), key.to_owned(), upload_id.to_owned());
        let body = Some(blob(bytes));
        let part =
            UploadPartInput { bucket, key, upload_id, part_number, body, ..UploadPartInput::default() };
        let e_tag = self.buckets.upload_part(by(OWNER, part)).await.unwrap().output.e_tag;
        CompletedPart { e_tag, part_number: Some(part_number), ..CompletedPart::default() }
    }

    async fn complete(&self, key: &str, upload_id: &str, parts: Vec<CompletedPart>) -> S3Result<ETag> {
        let complete = CompleteMultipartUploadInput {
            bucket: "files".to_owned(),
            key: key.to_owned(),
            upload_id: upload_id.to_owned(),
            multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
            ..CompleteMultipartUploadInput::default()
        };
        let completed = self.buckets.complete_multipart_upload(by(OWNER, complete)).await?;
        Ok(completed.output.e_tag.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn event_bridge_hears_what_happens_to_objects() {
    let running = start().await;
    running.put("upload/ü 1", "hello").await;
    let put = running.heard().await;
    assert_eq!((&put["detail-type"], &put["source"]), (&json!("Object Created"), &json!("aws.s3")));
    assert_eq!(put["resources"], json!(["arn:aws:s3:::files"]));
    let sequencer = put["detail"]["object"]["sequencer"].as_str().unwrap().to_owned();
    let object = json!({ "key": "upload/ü 1", "size": 5, "etag": "5d41402abc4b2a76b9719d911017c592", "sequencer": sequencer });
    let detail = json!({
        "version": "0", "bucket": { "name": "files" }, "object": object, "request-id": "R1",
        "requester": "000000000000", "source-ip-address": "127.0.0.1", "reason": "PutObject",
    });
    assert_eq!(put["detail"], detail);

    let copy_source =
        CopySource::Bucket { bucket: "files".into(), key: "upload/ü 1".into(), version_id: None };
    let copy =
        CopyObjectInput::builder().bucket("files".to_owned()).key("copy".to_owned()).copy_source(copy_source);
    running.buckets.copy_object(by(OWNER, copy.build().unwrap())).await.unwrap();
    assert_eq!(running.heard().await["detail"]["reason"], "CopyObject");
    let delete = |key: &str| DeleteObjectInput {
        bucket: "files".to_owned(),
        key: key.to_owned(),
        ..DeleteObjectInput::default()
    };
    running.buckets.delete_object(by(OWNER, delete("upload/ü 1"))).await.unwrap();
    let deleted = running.heard().await;
    assert_eq!(deleted["detail-type"], "Object Deleted");
    assert_eq!(deleted["detail"]["deletion-type"], "Permanently Deleted");
    assert!(deleted["detail"]["object"]["sequencer"].as_str().unwrap() > sequencer.as_str());
    running.buckets.delete_object(by(OWNER, delete("upload/ü 1"))).await.unwrap();
    assert!(running.hears_nothing().await, "nothing was there");
    assert_eq!(running.get(OWNER, "copy", None).await.unwrap(), "hello");
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_doubled_delayed_and_lost_by_faults() {
    let running = start().await;
    let rate = Rate::try_from(1.0).unwrap();
    running.fixture.faults.set(FaultSettings {
        rates: [(FaultKind::Duplicated, rate), (FaultKind::Delayed, rate)].into(),
        delay_ms_max: DelayMsMax::try_from(5).unwrap(),
        ..FaultSettings::default()
    });
    running.put("a", "1").await;
    let (first, again) = (running.heard().await, running.heard().await);
    assert_eq!(first["detail"], again["detail"]);
    running.fixture.always(FaultKind::LostNotification);
    running.put("b", "2").await;
    assert!(running.hears_nothing().await);
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_learns_nothing_that_it_may_not_know() {
    let running = start().await;
    running.put("mine/1", "hello").await;
    assert_eq!(running.get(FUNCTION, "mine/1", None).await.unwrap(), "hello");
    assert_eq!(code(running.get(FUNCTION, "mine/none", None).await), "AccessDenied", "it may not list");
    assert_eq!(code(running.get(OWNER, "mine/none", None).await), "NoSuchKey");

    running.put("other/1", "hello").await;
    let object = |key: &str| ObjectIdentifier { key: key.to_owned(), ..ObjectIdentifier::default() };
    let delete =
        Delete { objects: vec![object("mine/1"), object("other/1"), object("mine/none")], quiet: None };
    let several = DeleteObjectsInput::builder().bucket("files".to_owned()).delete(delete).build().unwrap();
    let answer = running.buckets.delete_objects(by(FUNCTION, several)).await.unwrap().output;
    let deleted: Vec<_> = answer.deleted.unwrap().into_iter().filter_map(|deleted| deleted.key).collect();
    assert_eq!(deleted, ["mine/1", "mine/none"]);
    let [denied] = &answer.errors.unwrap()[..] else { panic!("one is denied") };
    assert_eq!((denied.key.as_deref(), denied.code.as_deref()), (Some("other/1"), Some("AccessDenied")));
    assert!(running.get(OWNER, "other/1", None).await.is_ok());
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_decide_what_is_written_and_read() {
    let running = start().await;
    let etag = running.put("a", "old").await;
    let put = |if_match: Option<ETagCondition>, if_none_match| PutObjectInput {
        bucket: "files".to_owned(),
        key: "a".to_owned(),
        body: Some(blob("new")),
        if_match,
        if_none_match,
        ..PutObjectInput::default()
    };
    let refused = running.buckets.put_object(by(OWNER, put(None, Some(ETagCondition::Any)))).await;
    assert_eq!(code(refused), "PreconditionFailed");
    assert_eq!(running.get(OWNER, "a", None).await.unwrap(), "old");
    let wanted = put(Some(ETagCondition::ETag(etag.clone())), None);
    running.buckets.put_object(by(OWNER, wanted)).await.unwrap();
    let get = |if_none_match| GetObjectInput {
        bucket: "files".to_owned(),
        key: "a".to_owned(),
        if_none_match: Some(ETagCondition::ETag(if_none_match)),
        ..GetObjectInput::default()
    };
    let now = ETag::Strong("22af645d1859cb5ca6da0c484f1f37ea".to_owned()); // of "new"
    assert_eq!(code(running.buckets.get_object(by(OWNER, get(now))).await), "NotModified");
    assert!(running.buckets.get_object(by(OWNER, get(etag))).await.is_ok());
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_an_object_and_are_checked() {
    let running = start().await;
    let id = running.begin("big").await;
    let large = running.put_part("big", &id, 1, vec![b'a'; PART_BYTES_MIN]).await;
    running.put_part("big", &id, 2, b"first try".to_vec()).await;
    let end = running.put_part("big", &id, 2, b"end".to_vec()).await;
    let small = running.put_part("big", &id, 7, b"x".to_vec()).await;
    let complete = |parts: &[&CompletedPart]| {
        running.complete("big", &id, parts.iter().map(|part| (*part).clone()).collect())
    };
    assert_eq!(code(complete(&[&end, &large]).await), "InvalidPartOrder");
    assert_eq!(code(complete(&[&large, &end, &small]).await), "EntityTooSmall");
    let wrong = CompletedPart { e_tag: Some(ETag::Strong("x".to_owned())), ..end.clone() };
    assert_eq!(code(complete(&[&large, &wrong]).await), "InvalidPart");
    assert_eq!(code(running.complete("other", &id, vec![end.clone()]).await), "NoSuchUpload");
    let etag = complete(&[&large, &end]).await.unwrap();
    assert!(etag.value().ends_with("-2"), "{etag:?}");
    assert_eq!(code(complete(&[&large, &end]).await), "NoSuchUpload");
    let event = running.heard().await;
    assert_eq!(event["detail"]["reason"], "CompleteMultipartUpload");
    assert_eq!(event["detail"]["object"]["size"], PART_BYTES_MIN + 3);
    let across = Some(Range::Int { first: PART_BYTES_MIN as u64 - 1, last: None });
    assert_eq!(running.get(OWNER, "big", across).await.unwrap(), "aend");
    assert_eq!(
        code(running.get(OWNER, "big", Some(Range::Int { first: 1 << 40, last: None })).await),
        "InvalidRange"
    );
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_an_object_are_copied() {
    let running = start().await;
    let whole = "0123456789".repeat(PART_BYTES_MIN / 5);
    running.put("upload/1", &whole).await;
    let id = running.begin("file/1").await;
    let copy = async |number, key: &str, range: &str| {
        let part = UploadPartCopyInput::builder()
            .bucket("files".to_owned())
            .key("file/1".to_owned())
            .upload_id(id.clone())
            .part_number(number)
            .copy_source(CopySource::parse(&format!("files/{key}")).unwrap())
            .copy_source_range(Some(range.to_owned()));
        let copied = running.buckets.upload_part_copy(by(OWNER, part.build().unwrap())).await?.output;
        let e_tag = copied.copy_part_result.unwrap().e_tag;
        S3Result::Ok(CompletedPart { e_tag, part_number: Some(number), ..CompletedPart::default() })
    };
    let end = format!("bytes={PART_BYTES_MIN}-{}", whole.len() - 1);
    let parts = [
        copy(1, "upload/1", &format!("bytes=0-{}", PART_BYTES_MIN - 1)).await,
        copy(2, "upload/1", &end).await,
    ];
    assert_eq!(code(copy(3, "upload/2", "bytes=0-9").await), "NoSuchKey");
    assert_eq!(code(copy(3, "upload/1", "all of it").await), "InvalidArgument");
    assert_eq!(code(copy(10_001, "upload/1", "bytes=0-9").await), "InvalidArgument");
    running.complete("file/1", &id, parts.into_iter().map(Result::unwrap).collect()).await.unwrap();
    assert!(running.get(OWNER, "file/1", None).await.unwrap() == whole);
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_goes_on_behind_a_common_prefix() {
    let running = start().await;
    for key in ["a/", "a/1", "a/2", "a/3", "b", "c/1", "ä"] {
        running.put(key, "x").await;
    }
    let (mut token, mut pages) = (None, Vec::new());
    loop {
        let (keys, prefixes, next) = running
            .list(ListObjectsV2Input {
                bucket: "files".to_owned(),
                delimiter: Some("/".to_owned()),
                max_keys: Some(2),
                continuation_token: token,
                ..ListObjectsV2Input::default()
            })
            .await;
        pages.push((keys.join(" "), prefixes.join(" ")));
        if next.is_none() {
            break;
        }
        token = next;
    }
    let page = |keys: &str, prefixes: &str| (keys.to_owned(), prefixes.to_owned());
    assert_eq!(pages, [page("b", "a/"), page("ä", "c/")]);
    let below = ListObjectsV2Input {
        bucket: "files".to_owned(),
        prefix: Some("a/".to_owned()),
        start_after: Some("a/1".to_owned()),
        ..ListObjectsV2Input::default()
    };
    assert_eq!(running.list(below).await.0, ["a/2", "a/3"]);
    running.fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_an_object_reads_it_to_its_end_although_it_is_replaced() {
    let running = start().await;
    running.put("a", &"old".repeat(100_000)).await;
    let get = GetObjectInput { bucket: "files".to_owned(), key: "a".to_owned(), ..GetObjectInput::default() };
    let reading = running.buckets.get_object(by(OWNER, get)).await.unwrap().output.body.unwrap();
    running.put("a", "new").await;
    let chunks: Vec<_> = reading.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), "old".repeat(100_000).into_bytes());
    assert_eq!(running.get(OWNER, "a", None).await.unwrap(), "new");
    running.fixture.lambda.stop().await;
}
