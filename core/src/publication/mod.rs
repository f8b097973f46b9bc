//! Publications: events that have been checked and completed, from a client's draft or a backend's detail.
//!
//! # Layout
//! - `parts`: what both become
//! - `draft`: clients' drafts
//! - `detail`: the backend's details, from the event bus or the outbox

mod detail;
mod draft;
mod parts;

pub use self::{
    detail::defaulted,
    parts::{Effect, FilesOf, Publication, References, Times},
};

#[cfg(test)]
mod tests;
