//! `AWS::Serverless::Function`: what is needed to start a function and to invoke it.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html>

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    Function, LogLevel, RecursiveLoop, document::Resource, intrinsics::Resolver, names, parameters::scalar,
    policies, properties::Properties,
};

/// Lambda's default timeout, and its limit.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
const TIMEOUT_MAX_S: u64 = 900;
/// Lambda's default memory, and its limits.
const MEMORY_DEFAULT_MB: u32 = 128;
const MEMORY_MAX_MB: u32 = 10_240;
/// The default number of retries of an asynchronous invocation.
const RETRIES_DEFAULT: u32 = 2;
/// The default age at which Lambda gives up an event.
const EVENT_AGE_DEFAULT: Duration = Duration::from_hours(6);

/// Reads one function.
pub(super) fn read(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Function> {
    let properties = Properties::of(resolver, id, resource);
    let physical_name = resolver.name_of(id, resource)?;
    let asynchronous = properties.within("EventInvokeConfig")?;
    let (retries_max, event_age_max, on_failure) = match &asynchronous {
        None => (None, None, None),
        Some(config) => (
            config.number("MaximumRetryAttempts", 0, 2)?,
            config.seconds("MaximumEventAgeInSeconds", 60, 21_600)?,
            on_failure(config)?,
        ),
    };
    Ok(Function {
        id: id.to_owned(),
        name: binary(&properties)?,
        arn: names::arn("lambda", &format!("function:{physical_name}")),
        physical_name,
        timeout: properties.seconds("Timeout", 1, TIMEOUT_MAX_S)?.unwrap_or(TIMEOUT_DEFAULT),
        memory_mb: properties.number("MemorySize", 128, MEMORY_MAX_MB)?.unwrap_or(MEMORY_DEFAULT_MB),
        handler: properties.string("Handler")?.unwrap_or_else(|| "bootstrap".to_owned()),
        environment: environment(&properties)?,
        retries_max: retries_max.unwrap_or(RETRIES_DEFAULT),
        event_age_max: event_age_max.unwrap_or(EVENT_AGE_DEFAULT),
        on_failure,
        policies: policies::read(&properties)?,
        recursive_loop: recursive_loop(&properties)?,
        log_level: log_level(&properties)?,
    })
}

fn recursive_loop(properties: &Properties) -> Result<RecursiveLoop> {
    Ok(match properties.string("RecursiveLoop")?.as_deref() {
        None | Some("Terminate") => RecursiveLoop::Terminate,
        Some("Allow") => RecursiveLoop::Allow,
        Some(other) => bail!("{}: RecursiveLoop is {other}, not Allow or Terminate", properties.place()),
    })
}

/// The level below which Lambda drops log lines: it does so only for JSON logs, by default for those below INFO.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>
fn log_level(properties: &Properties) -> Result<LogLevel> {
    let logging = properties.within_or_empty("LoggingConfig")?;
    if logging.string("LogFormat")?.as_deref() != Some("JSON") {
        return Ok(LogLevel::Trace);
    }
    let Some(level) = logging.string("ApplicationLogLevel")? else { return Ok(LogLevel::Info) };
    LogLevel::named(&level)
        .with_context(|| format!("{}: ApplicationLogLevel is {level}, which is not a level", logging.place()))
}

/// `DestinationConfig.OnFailure.Destination`: the ARN of a queue, the only destination that is emulated.
pub(super) fn on_failure(properties: &Properties) -> Result<Option<String>> {
    let Some(destinations) = properties.within("DestinationConfig")? else { return Ok(None) };
    let Some(on_failure) = destinations.within("OnFailure")? else { return Ok(None) };
    let arn = on_failure.required_string("Destination")?;
    if !arn.starts_with("arn:aws:sqs:") {
        bail!("{}: Destination is {arn}; only a queue is supported locally", on_failure.place());
    }
    Ok(Some(arn))
}

/// The last segment of `CodeUri`, which names the folder, the package and the binary; or the archive that the binary is in.
fn binary(properties: &Properties) -> Result<String> {
    let uri = properties.required_string("CodeUri")?;
    match uri.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !name.is_empty() && !name.starts_with('.') => {
            Ok(name.strip_suffix(".zip").unwrap_or(name).to_owned())
        }
        _ => bail!("{}: CodeUri {uri:?} does not name a folder of the function's own", properties.place()),
    }
}

fn environment(properties: &Properties) -> Result<BTreeMap<String, String>> {
    let Some(environment) = properties.within("Environment")? else { return Ok(BTreeMap::new()) };
    let Some(variables) = environment.value("Variables")? else { return Ok(BTreeMap::new()) };
    let place = environment.place();
    let variables = variables.as_object().with_context(|| format!("{place}: Variables is not a mapping"))?;
    let mut read = BTreeMap::new();
    for (name, value) in variables {
        let text = scalar(value).with_context(|| format!("{place}: {name} is not a string"))?;
        read.insert(name.clone(), text);
    }
    Ok(read)
}
