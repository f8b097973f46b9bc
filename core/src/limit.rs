//! The macro by which a limit is defined and, for `make types`, listed.

/// Defines the limits of a module as constants, and lists them in `LIMITS`, so that the client's constants are generated
/// from the same lines. A module has at most one invocation.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ pub const $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// The limits of this module, for `schema::limits`.
        #[cfg(feature = "schema")]
        #[allow(clippy::cast_lossless, reason = "some of the limits are `u64` already")]
        pub(crate) const LIMITS: &[crate::wire_type::Limit] = &[$(crate::wire_type::Limit {
            name: stringify!($name),
            about: concat!($($doc),+),
            value: $value as u64,
        }),+];
    };
}
