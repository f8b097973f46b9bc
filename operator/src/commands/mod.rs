//! The commands.

pub(crate) mod ban;
pub(crate) mod connections;
pub(crate) mod dead_letters;
pub(crate) mod disconnect;
pub(crate) mod doctor;
pub(crate) mod erase;
pub(crate) mod export;
