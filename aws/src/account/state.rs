//! What is configured of a stack's table, queues and secrets.

use aws_sdk_dynamodb::{
    Client as DynamoDb,
    operation::describe_table::DescribeTableError,
    types::{PointInTimeRecoveryStatus, TimeToLiveStatus},
};
use aws_sdk_secretsmanager::{Client as SecretsManager, operation::get_secret_value::GetSecretValueError};
use aws_sdk_sqs::{
    Client as Sqs, operation::get_queue_attributes::GetQueueAttributesError, types::QueueAttributeName,
};
use serde::Serialize;

use super::{Account, failure::Failure};

/// A table, as DynamoDB describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableState {
    /// `ACTIVE`, or on the way there.
    pub status: String,
    /// The ARN of its stream, if that is enabled.
    pub stream: Option<String>,
    /// What the records of its stream have: `NEW_AND_OLD_IMAGES` as the functions need it.
    pub stream_view: Option<String>,
    /// The attribute by which items expire, if they do.
    pub ttl: Option<String>,
    /// The names of its indexes.
    pub indexes: Vec<String>,
}

/// A queue, as SQS describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueState {
    /// Its ARN.
    pub arn: String,
    /// About how many messages wait.
    pub waiting: u64,
    /// About how many are being handled, or are hidden by whoever has received them.
    pub hidden: u64,
    /// The ARN of its dead-letter queue.
    pub dead_letters: Option<String>,
}

/// What is known of a secret. Its value is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretState {
    /// It has a text of this many bytes.
    Held(usize),
    /// There is no such secret, or it has no value yet.
    Missing,
    /// It is scheduled for deletion, and can be restored until then.
    Deleted,
}

impl Account {
    /// The table with this name, if there is one: 2 calls.
    ///
    /// # Errors
    /// [`Failure`] if DynamoDB refuses to describe it.
    pub async fn table(&self, name: &str) -> Result<Option<TableState>, Failure> {
        let client = DynamoDb::new(&self.sdk);
        let table = match client.describe_table().table_name(name).send().await {
            Ok(described) => described
                .table
                .unwrap_or_else(|| aws_sdk_dynamodb::types::TableDescription::builder().build()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeTableError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Failure::of("DescribeTable", &error)),
        };
        let ttl = client.describe_time_to_live().table_name(name).send().await;
        let ttl = ttl.map_err(|error| Failure::of("DescribeTimeToLive", &error))?;
        let ttl = ttl.time_to_live_description.filter(|ttl| {
            matches!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        });
        let stream = table.stream_specification.filter(|stream| stream.stream_enabled);
        Ok(Some(TableState {
            status: table.table_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            stream_view: stream
                .as_ref()
                .and_then(|stream| Some(stream.stream_view_type.as_ref()?.as_str().to_owned())),
            stream: table.latest_stream_arn.filter(|_| stream.is_some()),
            ttl: ttl.and_then(|ttl| ttl.attribute_name),
            indexes: table
                .global_secondary_indexes
                .unwrap_or_default()
                .into_iter()
                .filter_map(|index| index.index_name)
                .collect(),
        }))
    }

    /// Whether the table with this name can be restored to any moment of the last weeks: 1 call, which a local stack does not
    /// know.
    ///
    /// # Errors
    /// [`Failure`] if DynamoDB refuses to describe its backups.
    pub async fn is_recoverable(&self, name: &str) -> Result<bool, Failure> {
        let backups = DynamoDb::new(&self.sdk).describe_continuous_backups().table_name(name).send().await;
        let backups = backups.map_err(|error| Failure::of("DescribeContinuousBackups", &error))?;
        let recovery = backups
            .continuous_backups_description
            .and_then(|backups| backups.point_in_time_recovery_description?.point_in_time_recovery_status);
        Ok(recovery == Some(PointInTimeRecoveryStatus::Enabled))
    }

    /// The queue at this URL, if there is one: 1 call.
    ///
    /// # Errors
    /// [`Failure`] if SQS refuses to describe it.
    pub async fn queue(&self, url: &str) -> Result<Option<QueueState>, Failure> {
        let ask = Sqs::new(&self.sdk).get_queue_attributes().queue_url(url);
        let attributes = match ask.attribute_names(QueueAttributeName::All).send().await {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error)
                if error.as_service_error().is_some_and(GetQueueAttributesError::is_queue_does_not_exist) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Failure::of("GetQueueAttributes", &error)),
        };
        let text = |name: QueueAttributeName| attributes.get(&name).cloned();
        let number = |name| text(name).and_then(|number| number.parse().ok()).unwrap_or_default();
        let redrive: Option<serde_json::Value> =
            text(QueueAttributeName::RedrivePolicy).and_then(|policy| serde_json::from_str(&policy).ok());
        Ok(Some(QueueState {
            arn: text(QueueAttributeName::QueueArn).unwrap_or_default(),
            waiting: number(QueueAttributeName::ApproximateNumberOfMessages),
            hidden: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            dead_letters: redrive
                .and_then(|policy| policy["deadLetterTargetArn"].as_str().map(str::to_owned)),
        }))
    }

    /// Whether there is a secret with this name, and how long it is: 1 call. Its value is dropped at once.
    ///
    /// # Errors
    /// [`Failure`] if Secrets Manager refuses to read it.
    pub async fn secret(&self, name: &str) -> Result<SecretState, Failure> {
        let error = match SecretsManager::new(&self.sdk).get_secret_value().secret_id(name).send().await {
            Ok(answer) => return Ok(SecretState::Held(answer.secret_string.unwrap_or_default().len())),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(SecretState::Missing),
            // The only state in which a secret cannot be read
            // (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors>).
            Some(GetSecretValueError::InvalidRequestException(_)) => Ok(SecretState::Deleted),
            _ => Err(Failure::of("GetSecretValue", &error)),
        }
    }
}
