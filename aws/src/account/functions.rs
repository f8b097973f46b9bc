//! Lambda: the functions of an account, what invokes them, and how many of them may run at once.

use std::collections::BTreeMap;

use bytes::Bytes;
use funnelcast_core::Error;
use http::Method;
use percent_encoding::utf8_percent_encode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Account,
    failure::Failure,
    or_default,
    request::{Ask, RESERVED, Service},
};

const LAMBDA: Service = Service("lambda");
/// The most pages of a list: 20,000 functions.
const PAGES_MAX: usize = 400;

/// A function, as Lambda describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Described")]
pub struct Function {
    /// Its name: the stack, the id in the template, and some characters more.
    pub function_name: String,
    /// Its ARN.
    pub function_arn: String,
    /// The runtime; none for a container image.
    pub runtime: Option<String>,
    /// The memory, in MB.
    pub memory_size: u32,
    /// What it is built for.
    pub architectures: Vec<String>,
    /// When it was changed last.
    pub last_modified: String,
    /// Its variables, without those that are empty: CloudFormation cannot omit a variable, only leave it empty. They hold
    /// names, and no secrets.
    pub environment: BTreeMap<String, String>,
    /// Why its variables cannot be read, if they cannot be.
    pub environment_error: Option<EnvironmentError>,
}

/// Why the variables of a function cannot be read
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EnvironmentError {
    /// The name of the error, such as `AccessDeniedException` for whoever may not use the key of the variables.
    #[serde(default, deserialize_with = "or_default")]
    pub error_code: String,
    /// The error in words.
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
}

/// A function, in the form of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    function_name: String,
    function_arn: String,
    runtime: Option<String>,
    memory_size: Option<u32>,
    architectures: Option<Vec<String>>,
    last_modified: Option<String>,
    environment: Option<Environment>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: Option<BTreeMap<String, String>>,
    error: Option<EnvironmentError>,
}

/// What feeds a function from a queue or a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"))]
pub struct Mapping {
    /// The function.
    #[serde(default, deserialize_with = "or_default")]
    pub function_arn: String,
    /// The queue or stream; empty for a source without an ARN, such as somebody's own Kafka.
    #[serde(default, deserialize_with = "or_default")]
    pub event_source_arn: String,
    /// `Enabled`, `Disabled`, or on the way to one of them.
    #[serde(default, deserialize_with = "or_default")]
    pub state: String,
    /// What became of the last batch.
    #[serde(default)]
    pub last_processing_result: Option<String>,
}

/// How many invocations an account may have at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"))]
pub struct Concurrency {
    /// Of all functions of the account in this region.
    pub concurrent_executions: u32,
    /// What is left of that for functions without a reservation.
    pub unreserved_concurrent_executions: u32,
}

impl Account {
    /// All functions of the account: 1 call for each 50.
    ///
    /// # Errors
    /// [`Failure`] if Lambda refuses to list them.
    pub async fn functions(&self) -> Result<Vec<Function>, Failure> {
        self.pages("/2015-03-31/functions?MaxItems=50", "Functions").await
    }

    /// What feeds the functions of the account: 1 call for each 100.
    ///
    /// # Errors
    /// [`Failure`] if Lambda refuses to list them.
    pub async fn mappings(&self) -> Result<Vec<Mapping>, Failure> {
        self.pages("/2015-03-31/event-source-mappings?MaxItems=100", "EventSourceMappings").await
    }

    /// How many invocations the account may have at once: 1 call.
    ///
    /// # Errors
    /// [`Failure`] if Lambda refuses to say it.
    pub async fn concurrency(&self) -> Result<Concurrency, Failure> {
        let mut answer = self.get(LAMBDA, "/2016-08-19/account-settings").await?;
        read(answer["AccountLimit"].take())
    }

    /// Invokes a function with an event, and does not wait for what becomes of it: 1 call. Lambda has kept the event when
    /// this returns, and tries it again if it fails.
    ///
    /// # Errors
    /// [`Error::Internal`] if Lambda does not take the event.
    pub async fn invoke_later(&self, function: &str, event: &Value) -> Result<(), Error> {
        let path = invocations(function);
        let body = Bytes::from(event.to_string());
        let headers = [("x-amz-invocation-type", "Event"), ("content-type", "application/json")];
        let ask = Ask { service: LAMBDA, method: Method::POST, path: &path, headers: &headers, body };
        Ok(self.ask(&ask).await.map(drop)?)
    }

    /// Invokes a function and waits for its answer: 1 call. It may be invoked twice.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be invoked, or fails.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, Error> {
        let path = invocations(function);
        let headers = [("x-amz-invocation-type", "RequestResponse"), ("content-type", "application/json")];
        let body = Bytes::from(event.to_string());
        let ask = Ask { service: LAMBDA, method: Method::POST, path: &path, headers: &headers, body };
        let answer: Value = read(serde_json::from_slice(&self.ask(&ask).await?).unwrap_or_default())?;
        match answer["errorMessage"].as_str() {
            Some(message) => Err(Error::Internal(format!("the function {function} failed: {message}"))),
            None => Ok(answer),
        }
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str, list: &str) -> Result<Vec<T>, Failure> {
        let (mut all, mut marker) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let mut answer = self.get(LAMBDA, &format!("{path}{marker}")).await?;
            all.extend(read::<Option<Vec<T>>>(answer[list].take())?.unwrap_or_default());
            let Some(next) = answer["NextMarker"].as_str().filter(|next| !next.is_empty()) else { break };
            marker = format!("&Marker={}", utf8_percent_encode(next, RESERVED));
        }
        Ok(all)
    }
}

fn invocations(function: &str) -> String {
    format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(function, RESERVED))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| Error::internal("an answer of Lambda", &error).into())
}

impl From<Described> for Function {
    fn from(described: Described) -> Self {
        let Environment { variables, error } = described.environment.unwrap_or_default();
        let variables = variables.unwrap_or_default().into_iter();
        Self {
            function_name: described.function_name,
            function_arn: described.function_arn,
            runtime: described.runtime,
            memory_size: described.memory_size.unwrap_or_default(),
            architectures: described.architectures.unwrap_or_default(),
            last_modified: described.last_modified.unwrap_or_default(),
            environment: variables.filter(|(_, value)| !value.is_empty()).collect(),
            environment_error: error,
        }
    }
}
