//! Adapters to AWS. This is the only crate that names an AWS SDK.
//!
//! It makes no decisions: what the product does, and who may do what, is in `funnelcast-realtime` and
//! `funnelcast-core`. No SDK type leaves it, and it calls nothing outside of AWS.
//!
//! # Layout
//! - [`config`]: the environment, read once; [`Setting`]: the parameters that it comes from; [`resource`]: what is built from it, once per process
//! - [`mod@serve`]: the main loop of a function, from Lambda's event to the handler's arguments and back
//! - [`table`]: the DynamoDB table, its rows and its conditions
//! - [`gateway`]: posts to WebSocket connections
//! - [`queue`], [`batch`]: messages into SQS, and batches of them out of it
//! - [`objects`]: the bucket of files
//! - [`bus`], [`arrival`]: events onto the EventBridge bus, and off it
//! - [`letters`]: the dead-letter queue
//! - [`secrets`]: Secrets Manager
//! - [`measure`], [`spending`]: metrics, and what an invocation costs
//! - [`pool`]: the HTTP/1.1 connection pool that everything above shares
//! - [`clock`]: the time, and new ids
//! - [`account`]: what an operator asks AWS about a stack, and no function does

pub mod account;
pub mod arrival;
pub mod batch;
pub mod bus;
pub mod clock;
pub mod config;
pub mod gateway;
pub mod letters;
pub mod measure;
pub mod objects;
pub mod pool;
pub mod queue;
pub mod resource;
mod sdk;
pub mod secrets;
pub mod serve;
mod setting;
pub mod spending;
pub mod table;
mod trace;

pub use config::Config;
pub use resource::Resource;
pub use setting::Setting;
pub use table::Table;
