//! IAM: which function may do what. Each call of a function is checked against its policies in the template, as on AWS,
//! and so is what an event source mapping does in the function's name. Other callers may do anything, like the owner of
//! an account.
//!
//! # Layout
//! - [`statement`]: one statement of a policy, and whether it applies to a request.
//! - [`requests`]: the actions and resources that a call of each service asks for.
//! - [`rights`]: the check, and how often each right was used.
//! - [`report`]: the command `rights`: which rights no stack used, and which calls were denied.

mod report;
mod requests;
mod rights;
mod statement;

pub(crate) use self::{
    report::{RightsOptions, run},
    requests::{Partitions, of_call, of_connection},
    rights::{READ_QUEUE, READ_STREAM, Rights},
    statement::{Comparison, Condition, Effect, Quantifier, Request, Statement, like},
};
