//! DynamoDB and its streams: the engine `dynoxide`, embedded.
//!
//! # Layout
//! - [`engine`]: starts the engine, and answers calls of the two APIs; [`wire`]: what is corrected on the way.
//! - [`storage`]: the file that the engine works on.
//! - [`metering`]: calls of the functions, with what they consume counted.

mod engine;
pub(crate) mod metering;
mod storage;
mod wire;

pub(crate) use self::{engine::Engine, wire::writes};
