//! What there is: the objects of a bucket, and the buckets.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{
    S3Result,
    dto::{
        Bucket, BucketLocationConstraint, CORSRule, CommonPrefix, ETag, EncodingType,
        EventBridgeConfiguration, GetBucketCorsOutput, GetBucketLocationOutput,
        GetBucketNotificationConfigurationOutput, HeadBucketOutput, ListBucketsOutput, ListObjectsInput,
        ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, Owner,
    },
    s3_error,
};

use super::{
    buckets::Buckets,
    store::{Record, timestamp},
};
use crate::template::{ACCOUNT, REGION};

/// The most entries of one page, which is also what is given if the request does not say.
const ENTRIES_MAX: i32 = 1_000;
/// What a key has that need not be encoded in XML.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b'~');

/// A page of a listing.
#[derive(Default)]
struct Page {
    objects: Vec<(String, Record)>,
    prefixes: Vec<String>,
    /// The last key or prefix of the page, if there is more.
    next: Option<String>,
}

impl Page {
    fn entries(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }

    /// The objects, as both forms of the operation list them.
    fn contents(&self, text: impl Fn(String) -> String) -> Vec<Object> {
        self.objects.iter().map(|(key, record)| entry(text(key.clone()), record)).collect()
    }

    /// The common prefixes, as both forms of the operation list them.
    fn common_prefixes(&self, text: impl Fn(String) -> String) -> Vec<CommonPrefix> {
        self.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(text(prefix.clone())) }).collect()
    }
}

/// The number of entries that a page may have, by what a request asks for.
pub(super) fn entries_max(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(ENTRIES_MAX) {
        ..0 => {
            Err(s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
        }
        asked => Ok(asked.min(ENTRIES_MAX)),
    }
}

/// Encodes a key for an answer, if the request asks for that.
pub(super) fn encoded(text: &str, encoding: Option<&EncodingType>) -> String {
    match encoding {
        Some(_) => utf8_percent_encode(text, PLAIN).to_string(),
        None => text.to_owned(),
    }
}

impl Buckets {
    pub(super) fn list(&self, list: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let after = match &list.continuation_token {
            Some(token) => {
                let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
                decoded.ok_or_else(|| {
                    s3_error!(InvalidArgument, "The continuation token provided is incorrect")
                })?
            }
            None => list.start_after.clone().unwrap_or_default(),
        };
        let page = self.page(&list, &after)?;
        let text = |text: String| encoded(&text, list.encoding_type.as_ref());
        Ok(ListObjectsV2Output {
            key_count: i32::try_from(page.entries()).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(|next| URL_SAFE_NO_PAD.encode(next)),
            contents: Some(page.contents(text)),
            common_prefixes: Some(page.common_prefixes(text)),
            max_keys: Some(entries_max(list.max_keys)?),
            name: Some(list.bucket),
            prefix: Some(text(list.prefix.unwrap_or_default())),
            delimiter: list.delimiter.map(text),
            start_after: list.start_after.map(text),
            continuation_token: list.continuation_token,
            encoding_type: list.encoding_type,
            ..ListObjectsV2Output::default()
        })
    }

    /// The older form of the operation, which goes on at a key.
    pub(super) fn list_by_marker(&self, list: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let marker = list.marker.clone().unwrap_or_default();
        let list = ListObjectsV2Input::from(list);
        let page = self.page(&list, &marker)?;
        let text = |text: String| encoded(&text, list.encoding_type.as_ref());
        Ok(ListObjectsOutput {
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.clone().map(text),
            contents: Some(page.contents(text)),
            common_prefixes: Some(page.common_prefixes(text)),
            max_keys: Some(entries_max(list.max_keys)?),
            name: Some(list.bucket),
            prefix: Some(text(list.prefix.unwrap_or_default())),
            marker: Some(text(marker)),
            delimiter: list.delimiter.map(text),
            encoding_type: list.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    /// The entries after a key or a common prefix.
    fn page(&self, list: &ListObjectsV2Input, after: &str) -> S3Result<Page> {
        let bucket = &self.bucket(&list.bucket)?.name;
        let count_max = usize::try_from(entries_max(list.max_keys)?).unwrap_or_default();
        let prefix = list.prefix.as_deref().unwrap_or_default();
        let delimiter = list.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        // The part of a key that it shares with others, if they are shown as one.
        let common = |key: &str| {
            let (delimiter, below) = (delimiter?, key.strip_prefix(prefix)?);
            Some(key[..prefix.len() + below.find(delimiter)? + delimiter.len()].to_owned())
        };
        let mut page = Page::default();
        let mut position = after.to_owned();
        if count_max == 0 {
            return Ok(page);
        }
        loop {
            // Behind a common prefix, its other keys are not to be seen any more.
            let from = match common(&position) {
                Some(common) if common == position => format!("{position}{}", char::MAX),
                _ => position.clone(),
            };
            let found = self.store.list(bucket, prefix, &from, count_max + 1)?;
            let is_last = found.len() <= count_max;
            for (key, record) in found {
                let group = common(&key);
                if group.is_some() && page.prefixes.last() == group.as_ref() {
                    continue;
                }
                if page.entries() == count_max {
                    page.next = Some(position);
                    return Ok(page);
                }
                position = group.clone().unwrap_or_else(|| key.clone());
                match group {
                    Some(group) => page.prefixes.push(group),
                    None => page.objects.push((key, record)),
                }
            }
            if is_last {
                return Ok(page);
            }
        }
    }

    pub(super) fn list_all(&self) -> ListBucketsOutput {
        let bucket = |bucket: &crate::template::Bucket| Bucket {
            name: Some(bucket.name.clone()),
            creation_date: Some(timestamp(0)),
            bucket_region: None,
        };
        let owner = Owner { id: Some(ACCOUNT.to_owned()), display_name: None };
        let buckets = Some(self.all().map(bucket).collect());
        ListBucketsOutput { buckets, owner: Some(owner), ..ListBucketsOutput::default() }
    }

    pub(super) fn describe(&self, bucket: &str) -> S3Result<HeadBucketOutput> {
        self.bucket(bucket)?;
        Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..HeadBucketOutput::default() })
    }

    /// The region is told as nothing, which stands for us-east-1.
    pub(super) fn location(&self, bucket: &str) -> S3Result<GetBucketLocationOutput> {
        self.bucket(bucket)?;
        Ok(GetBucketLocationOutput {
            location_constraint: Some(BucketLocationConstraint::from(String::new())),
        })
    }

    pub(super) fn cors_rules(&self, bucket: &str) -> S3Result<GetBucketCorsOutput> {
        let rules = &self.bucket(bucket)?.cors;
        if rules.is_empty() {
            return Err(s3_error!(NoSuchCORSConfiguration, "The CORS configuration does not exist"));
        }
        let rule = |rule: &crate::template::CorsRule| CORSRule {
            allowed_headers: Some(rule.headers.clone()),
            allowed_methods: rule.methods.clone(),
            allowed_origins: rule.origins.clone(),
            expose_headers: Some(rule.exposed.clone()),
            id: None,
            max_age_seconds: rule.max_age.and_then(|age| i32::try_from(age.as_secs()).ok()),
        };
        Ok(GetBucketCorsOutput { cors_rules: Some(rules.iter().map(rule).collect()) })
    }

    pub(super) fn notification_configuration(
        &self,
        bucket: &str,
    ) -> S3Result<GetBucketNotificationConfigurationOutput> {
        let notifies = self.bucket(bucket)?.notifies;
        Ok(GetBucketNotificationConfigurationOutput {
            event_bridge_configuration: notifies.then(EventBridgeConfiguration::default),
            ..GetBucketNotificationConfigurationOutput::default()
        })
    }
}

fn entry(key: String, record: &Record) -> Object {
    Object {
        key: Some(key),
        e_tag: Some(ETag::Strong(record.etag.clone())),
        size: i64::try_from(record.bytes).ok(),
        last_modified: Some(timestamp(record.modified_ms)),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Object::default()
    }
}
