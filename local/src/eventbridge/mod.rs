//! EventBridge: the stack's buses, with their rules and schedules.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html>
//!
//! # Layout
//! - [`bus`]: `PutEvents`, and what follows from it: which rules match, and what their targets get.
//! - [`destination`]: API destinations, URLs that rules send events to.
//! - [`pattern`]: event patterns, which Lambda's event filters are written in as well.
//! - [`transformer`]: `InputTransformer`, the text that a rule's target gets instead of the event.
//!
//! Never here: archives, replays, and targets other than functions, queues and API destinations.

mod bus;
mod destination;
mod pattern;
mod transformer;

pub(crate) use self::{bus::Bus, pattern::Pattern, transformer::Transformer};
