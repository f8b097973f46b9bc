//! The bucket of files: S3 objects, and URLs that allow one request to one of them.
//!
//! | key | what |
//! |---|---|
//! | `upload/{file}` | what a client has uploaded, until it has been examined |
//! | `file/{file}` | the file, as it is read |
//! | `thumbnail/{file}` | a small JPEG of a picture |
//!
//! # Layout
//! - `bucket`: the objects, and URLs for them
//! - `parts`: uploads in parts
//! - `copy`: copies within the bucket
//! - `presign`: the signatures of URLs

mod bucket;
mod copy;
mod parts;
mod presign;

pub use self::{
    bucket::{Disposition, Object, Objects, uploaded},
    parts::{PartsId, PartsOutcome},
};
