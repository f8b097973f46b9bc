//! IAM: which function may do what. Each call of a function is checked against its policies in the template, as on AWS,
//! and so is what an event source mapping does in the function's name. Other callers may do anything, like the owner of
//! an account.
//!
//! # Layout
//! - [`statement`]: one statement of a policy, and whether it applies to a request.
//! - [`requests`], [`object_requests`]: the actions and resources that a call of each service asks for; of S3, in the second.
//! - [`rights`]: the check, and how often each right was used.
//! - [`report`]: the command `rights`: which rights no stack used, and which calls were denied.

mod object_requests;
mod report;
mod requests;
mod rights;
mod statement;

pub(crate) use self::{
    object_requests::{ObjectPath, of_deleted_object, of_listing, of_s3},
    report::{RightsOptions, run},
    requests::{Partitions, of_call, of_connection},
    rights::{READ_QUEUE, READ_STREAM, Rights},
    statement::{Comparison, Condition, Effect, Quantifier, Request, Statement, like},
};
