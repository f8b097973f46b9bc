//! `AWS::Events::ApiDestination` and `AWS::Events::Connection`: URLs that the rules of a bus send events to.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>
//!
//! Unlike on AWS, the URL is `http`, of a program on this machine. Of the connection, only the authorization by an API key is
//! emulated, and of its parameters only the key.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderName, Uri, uri::Scheme};

use super::{
    Queue, document::Resource, intrinsics::Resolver, names, properties::Properties, references::Arns,
    resources::VISIBILITY_TIMEOUT_MAX,
};

/// The dynamic reference to a secret that is a plain text.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>
const SECRET_PREFIX: &str = "{{resolve:secretsmanager:";
const REFERENCE_SUFFIX: &str = "}}";
/// AWS's defaults and bounds of a target's retry policy.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html>
const RETRIES_MAX_MAX: u32 = 185;
const EVENT_AGE_MIN_S: u64 = 60;
const EVENT_AGE_MAX: Duration = Duration::from_hours(24);
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html>
const RATE_DEFAULT: u32 = 300;
/// How much longer than an event's greatest age it is in its queue, where it must not expire.
const RETENTION_MARGIN: Duration = Duration::from_hours(1);

/// A URL that gets events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiDestination {
    /// ARN.
    pub(crate) arn: String,
    pub(crate) url: Uri,
    /// The header that every request has, and its value.
    pub(crate) key: (HeaderName, ApiKey),
    /// The most requests a second.
    pub(crate) rate_max: u32,
}

/// The value of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiKey {
    /// It is in the template.
    Value(String),
    /// It is the secret of this name.
    Secret(String),
}

/// A rule's target that is a URL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DestinationTarget {
    pub(crate) destination: ApiDestination,
    pub(crate) retries_max: u32,
    pub(crate) event_age_max: Duration,
    /// ARN of the queue for events that were given up.
    pub(crate) dead_letters: Option<String>,
    /// Where events wait that the URL has not taken yet. It is a queue of the stack like any other, which AWS does not show.
    pub(crate) queue: Queue,
}

/// Reads an `AWS::Events::ApiDestination` with its connection.
pub(super) fn read(resolver: &Resolver, id: &str, resource: &Resource) -> Result<ApiDestination> {
    let properties = Properties::of(resolver, id, resource);
    let method = properties.required_string("HttpMethod")?;
    ensure!(method == "POST", "{id}: HttpMethod is {method}; only POST is supported locally");
    let url = properties.required_string("InvocationEndpoint")?;
    let parsed: Uri = url.parse().with_context(|| format!("{id}: InvocationEndpoint is {url:?}"))?;
    ensure!(
        parsed.scheme() == Some(&Scheme::HTTP) && parsed.host().is_some(),
        "{id}: InvocationEndpoint is {url}; the local stack sends events only to http:// URLs, such as one of a development server"
    );
    let connection = properties.required_string("ConnectionArn")?;
    Ok(ApiDestination {
        arn: resolver.attribute_of(id, resource, "Arn")?,
        url: parsed,
        key: key(resolver, &connection).with_context(|| format!("{id}: ConnectionArn"))?,
        rate_max: properties.number("InvocationRateLimitPerSecond", 1, u32::MAX)?.unwrap_or(RATE_DEFAULT),
    })
}

/// The API key of the connection with this ARN.
fn key(resolver: &Resolver, arn: &str) -> Result<(HeaderName, ApiKey)> {
    for (id, resource) in &resolver.document.resources {
        if resource.kind != "AWS::Events::Connection" || resolver.attribute_of(id, resource, "Arn")? != arn {
            continue;
        }
        let properties = Properties::of(resolver, id, resource);
        let kind = properties.required_string("AuthorizationType")?;
        ensure!(kind == "API_KEY", "{id}: AuthorizationType is {kind}; only API_KEY is supported locally");
        let key = properties.within("AuthParameters")?.map(|all| all.within("ApiKeyAuthParameters"));
        let key =
            key.transpose()?.flatten().with_context(|| format!("{id}: ApiKeyAuthParameters is missing"))?;
        let (name, value) = (key.required_string("ApiKeyName")?, key.required_string("ApiKeyValue")?);
        let name = name.parse().with_context(|| format!("{id}: ApiKeyName is {name:?}"))?;
        return Ok((name, ApiKey::of(value).with_context(|| format!("{id}: ApiKeyValue"))?));
    }
    bail!("{arn} is not a connection of the template")
}

impl ApiKey {
    fn of(text: String) -> Result<Self> {
        let reference = text.strip_prefix(SECRET_PREFIX).and_then(|rest| rest.strip_suffix(REFERENCE_SUFFIX));
        let Some(name) = reference else { return Ok(Self::Value(text)) };
        ensure!(!name.contains(':'), "of a secret, only the whole text is supported locally");
        Ok(Self::Secret(name.to_owned()))
    }
}

/// Reads a rule's target that is a destination.
pub(super) fn target(
    target: &Properties,
    rule: &str,
    destination: &ApiDestination,
    arns: &Arns,
) -> Result<DestinationTarget> {
    let policy = target.within_or_empty("RetryPolicy")?;
    let age = policy.seconds("MaximumEventAgeInSeconds", EVENT_AGE_MIN_S, EVENT_AGE_MAX.as_secs())?;
    let event_age_max = age.unwrap_or(EVENT_AGE_MAX);
    let dead_letters = target.within("DeadLetterConfig")?.map(|config| config.required_string("Arn"));
    let dead_letters = dead_letters.transpose()?;
    if let Some(arn) = dead_letters.as_ref().filter(|arn| !arns.queues.contains(*arn)) {
        bail!("{}: {arn} is not a queue of the template", target.place());
    }
    let name = format!("{rule}-{}", target.required_string("Id")?);
    Ok(DestinationTarget {
        destination: destination.clone(),
        retries_max: policy.number("MaximumRetryAttempts", 0, RETRIES_MAX_MAX)?.unwrap_or(RETRIES_MAX_MAX),
        event_age_max,
        dead_letters,
        queue: Queue {
            id: name.clone(),
            arn: names::arn("sqs", &name),
            url: target.resolver.queue_url(&name),
            name,
            visibility_timeout: VISIBILITY_TIMEOUT_MAX,
            delay: Duration::ZERO,
            receive_wait: Duration::ZERO,
            retention: event_age_max + RETENTION_MARGIN,
            redrive: None,
        },
    })
}
