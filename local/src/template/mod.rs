//! template.yaml, read into a [`Stack`]: what the services need, with every intrinsic resolved.
//!
//! The template that is deployed is the only description of the stack, so that a local run cannot differ from it.
//! Resources without a local meaning (alarms, log groups, a web ACL) are ignored. Everything else is read strictly: a
//! property that is not emulated and would matter is an error, in one line that names the logical id. URLs of the stack's
//! own APIs become local endpoints, so that the template needs no local special case.
//!
//! Not emulated, and ignored: the retry policy of a rule whose target is a function or a queue, as they accept every event.
//!
//! # Layout
//! - [`document`]: the text as a tree; [`parameters`], [`intrinsics`], [`names`]: what its values are.
//! - [`properties`]: typed access to a resource's properties.
//! - [`functions`], [`policies`], [`events`], [`mappings`], [`destinations`], [`resources`], [`buckets`], [`websocket`]: one kind of
//!   resource each.
//! - [`triggers`], [`references`]: what they become, and refer to one another by; [`stack`]: all of it together.
//!
//! Never here: a special case for a function or table of this project.

mod buckets;
mod destinations;
mod document;
mod events;
mod functions;
mod intrinsics;
mod mappings;
mod names;
mod parameters;
mod policies;
mod properties;
mod references;
mod resources;
mod stack;
mod triggers;
mod websocket;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::iam::Statement;

#[cfg(test)]
pub(crate) use destinations::ApiDestination;
pub(crate) use destinations::{ApiKey, DestinationTarget};
pub(crate) use triggers::{Input, Mapping, Rule, Source, StartingPosition, StreamSource, Target, Trigger};

/// The account that everything here belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region that everything here is in.
pub(crate) const REGION: &str = "us-east-1";

/// Where this machine serves what the URLs in the template name.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    /// WebSocket API, `@connections` and every AWS service: `http://127.0.0.1:PORT`, without a trailing
    /// slash.
    pub(crate) aws: String,
    /// The HTTP API: `http://127.0.0.1:PORT`, without a trailing slash.
    pub(crate) http: String,
}

/// The whole template, resolved. Ids are logical ids as in the template; names are physical names.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    /// The WebSocket API's stage.
    pub(crate) stage: String,
    /// By logical id.
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) websocket: WebSocketApi,
    pub(crate) http: Option<HttpApi>,
    pub(crate) tables: Vec<Table>,
    /// Names; `default` is always among them.
    pub(crate) buses: Vec<String>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// An `AWS::Serverless::Function`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    /// Logical id.
    pub(crate) id: String,
    /// The last segment of `CodeUri`: the name of the binary, and of the function in logs and usage.
    pub(crate) name: String,
    /// Physical name, `funnelcast-dev-SendFunction` unless the template gives one.
    pub(crate) physical_name: String,
    pub(crate) arn: String,
    /// 1 s to 900 s.
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) handler: String,
    pub(crate) environment: BTreeMap<String, String>,
    /// The most retries of an asynchronous invocation, 0 to 2.
    pub(crate) retries_max: u32,
    /// The age at which an asynchronous event is not retried any more.
    pub(crate) event_age_max: Duration,
    /// ARN of the queue for asynchronous events that failed for good.
    pub(crate) on_failure: Option<String>,
    /// What the function may do, in the order of the template.
    pub(crate) policies: Vec<Statement>,
    pub(crate) recursive_loop: RecursiveLoop,
    /// Log lines below this level are dropped.
    pub(crate) log_level: LogLevel,
}

/// `RecursiveLoop` of a function: whether a chain of messages may lead to it again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecursiveLoop {
    Allow,
    /// The default: the chain is stopped after some passes.
    Terminate,
}

/// `ApplicationLogLevel` of a function's `LoggingConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl LogLevel {
    /// The level with this name; `None` if there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "TRACE" => Self::Trace,
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "FATAL" => Self::Fatal,
            _ => return None,
        })
    }
}

/// The `AWS::Serverless::WebSocketApi`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WebSocketApi {
    pub(crate) id: String,
    /// The API's physical id: ten lower-case letters and digits, as on AWS.
    pub(crate) api_id: String,
    pub(crate) stage: String,
    /// Logical id of the REQUEST authorizer's function.
    pub(crate) authorizer: Option<String>,
    /// E.g. `route.request.querystring.token`. If one is absent, the caller gets 401 and the authorizer is not called.
    pub(crate) identity_sources: Vec<String>,
    /// By route key.
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) throttles: Throttles,
}

/// One route of the WebSocket API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// Logical id.
    pub(crate) function: String,
    /// Whether the function's body is sent back, which needs both a selection expression and a `RouteResponse`.
    pub(crate) responds: bool,
    /// At most 29 s.
    pub(crate) timeout: Duration,
}

/// The throttles of a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Throttles {
    /// Of each route that has none of its own; `None` if these are not limited.
    pub(crate) default: Option<Throttle>,
    /// By route key.
    pub(crate) routes: BTreeMap<String, Throttle>,
}

impl Throttles {
    /// The throttle of a route, if it has one.
    pub(crate) fn of(&self, route: &str) -> Option<Throttle> {
        self.routes.get(route).copied().or(self.default)
    }
}

/// The throttle of a route: a token bucket for its frames or requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throttle {
    /// Frames or requests a second.
    pub(crate) rate: f64,
    /// Size of the bucket.
    pub(crate) burst: u32,
}

/// The `AWS::Serverless::HttpApi`, with the routes that functions' `HttpApi` events give it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpApi {
    pub(crate) id: String,
    pub(crate) api_id: String,
    /// `$default` unless the template names another.
    pub(crate) stage: String,
    pub(crate) routes: Vec<HttpRoute>,
    pub(crate) cors: Option<Cors>,
    pub(crate) throttles: Throttles,
}

/// One route of the HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpRoute {
    /// Upper-case method, or `ANY`.
    pub(crate) method: String,
    /// E.g. `/api/{id}` or `/{proxy+}`; `$default` for the catch-all route.
    pub(crate) path: String,
    /// Logical id.
    pub(crate) function: String,
}

impl HttpRoute {
    /// The key by which `RouteSettings` name the route.
    pub(crate) fn key(&self) -> String {
        match &*self.path {
            "$default" => self.path.clone(),
            path => format!("{} {path}", self.method),
        }
    }
}

/// `CorsConfiguration` of the HTTP API.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) exposed: Vec<String>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) credentials: bool,
}

/// An `AWS::DynamoDB::Table`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The stream's ARN in the template; the engine has another one, which `DescribeTable` returns.
    pub(crate) stream_arn: Option<String>,
    /// Body of a `CreateTable` call.
    pub(crate) definition: Value,
    pub(crate) ttl_attribute: Option<String>,
}

/// An `AWS::SQS::Queue` (standard; FIFO queues are refused at load).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Queue {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) url: String,
    pub(crate) visibility_timeout: Duration,
    pub(crate) delay: Duration,
    pub(crate) receive_wait: Duration,
    pub(crate) retention: Duration,
    pub(crate) redrive: Option<Redrive>,
}

/// An `AWS::S3::Bucket`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The first rule that matches a request counts.
    pub(crate) cors: Vec<CorsRule>,
    /// Whether it tells EventBridge of its objects.
    pub(crate) notifies: bool,
}

/// One of a bucket's `CorsRules`. Origins and headers may have one `*` in them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CorsRule {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) exposed: Vec<String>,
    pub(crate) max_age: Option<Duration>,
}

/// `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Redrive {
    /// The dead-letter queue.
    pub(crate) target_arn: String,
    pub(crate) receives_max: u32,
}
