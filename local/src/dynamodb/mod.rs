//! DynamoDB and its streams: the engine `dynoxide`, embedded.
//!
//! # Layout
//! - [`engine`]: starts the engine, and answers calls of the two APIs; [`wire`]: what is corrected on the way.
//! - [`storage`]: the file that the engine works on.
//! - [`conflicts`]: writes that are refused as if a transaction were under way on their item.
//! - [`metering`]: calls of the functions, with what they consume counted.

mod conflicts;
mod engine;
pub(crate) mod metering;
mod storage;
mod wire;

pub(crate) use self::{conflicts::Transactions, engine::Engine, wire::writes};
