//! Delivering events to the members of a channel. A connection that is gone never fails the delivery to the others:
//! it is removed, and they are served.
//!
//! # Layout
//! - `frames`: events as the frames that are posted
//! - `posts`: frames to some members, side by side
//! - `delivery`: events to all members of a channel of any size, part by part, and what is still owed after failed
//!   posts

mod delivery;
mod frames;
mod posts;
#[cfg(test)]
mod tests;

pub use self::{
    delivery::{
        DELIVERY_BYTES_MAX, DELIVERY_MEMBERS_MAX, DIRECT_MEMBERS_MAX, Delivery, deliver, deliver_for_senders,
        deliver_or_queue, post_or_owe, send_or_mark, try_later,
    },
    frames::Addressed,
    posts::post,
};
