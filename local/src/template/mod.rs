//! template.yaml, read into a [`Stack`]: what the emulator needs, with every intrinsic already resolved.
//!
//! Why a reader of our own: the template that deploys is then the only description of the stack, and a local
//! run cannot disagree with it. Resources without a local meaning (policies, alarms, log groups) are passed
//! over; whatever has a meaning is read strictly, and what is wrong is said in one line that names the
//! logical id. Values that name this API's host become the local endpoint, so the template needs no local
//! case.
//!
//! Never here: a case for one function or one table of this project.

mod document;
mod events;
mod functions;
mod intrinsics;
mod mappings;
mod names;
mod parameters;
mod policies;
mod properties;
mod resources;
mod stack;
mod triggers;
mod websocket;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::rights::Statement;

pub(crate) use triggers::{Input, Mapping, Rule, Source, StartingPosition, StreamSource, Target, Trigger};

/// The account that everything here belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region that everything here is in.
pub(crate) const REGION: &str = "us-east-1";

/// Where this machine serves what the template's URLs name.
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
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// An `AWS::Serverless::Function`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    /// Logical id.
    pub(crate) id: String,
    /// Last part of `CodeUri`: the binary's name, and the function's name in logs and usage.
    pub(crate) name: String,
    /// Physical name, `funnelcast-dev-SendFunction` unless the template gives one.
    pub(crate) physical_name: String,
    pub(crate) arn: String,
    /// 1 s to 900 s.
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u32,
    pub(crate) handler: String,
    pub(crate) environment: BTreeMap<String, String>,
    /// Retries of an asynchronous invocation after its first try, 0 to 2.
    pub(crate) retries_max: u32,
    /// How old an asynchronous event may be at a retry.
    pub(crate) event_age_max: Duration,
    /// ARN of the queue that takes asynchronous events which failed for good.
    pub(crate) on_failure: Option<String>,
    /// What it may do, in the order of the template.
    pub(crate) policies: Vec<Statement>,
    pub(crate) recursive_loop: RecursiveLoop,
    /// Lines of its log below this are dropped.
    pub(crate) log_level: LogLevel,
}

/// `RecursiveLoop` of a function: what becomes of a chain of messages that leads to it again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecursiveLoop {
    Allow,
    /// The default: it is stopped after some passes.
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
    /// By its name; `None` where it is none.
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
    /// The API's physical id, ten lower-case letters and digits as AWS makes them.
    pub(crate) api_id: String,
    pub(crate) stage: String,
    /// Logical id of the REQUEST authorizer's function.
    pub(crate) authorizer: Option<String>,
    /// E.g. `route.request.querystring.token`; where any is absent the caller gets 401 without a call.
    pub(crate) identity_sources: Vec<String>,
    /// By route key.
    pub(crate) routes: BTreeMap<String, Route>,
    pub(crate) throttle: Option<Throttle>,
}

/// One route of the WebSocket API.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// Logical id.
    pub(crate) function: String,
    /// Whether the function's body goes back to the caller: a selection expression AND a `RouteResponse`.
    pub(crate) responds: bool,
    /// At most 29 s.
    pub(crate) timeout: Duration,
}

/// A token bucket over all frames or requests of a stage.
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
    pub(crate) throttle: Option<Throttle>,
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
    /// The template's name of the stream; the engine has its own, found by `DescribeTable`.
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

/// `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Redrive {
    /// The dead-letter queue.
    pub(crate) target_arn: String,
    pub(crate) receives_max: u32,
}
