//! Ids, keys and sequence numbers: strings and numbers of a fixed shape, checked once when they are made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, parse::whole_number};

/// The longest id of a user, company, conversation, funnel or resource, and the longest key, in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// The longest `id` of a request, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;
/// API Gateway's connection ids are some 16 bytes of base64; this leaves them room to grow.
pub const CONNECTION_ID_BYTES_MAX: usize = 128;

/// A string newtype whose only way in is a check of its length and alphabet. `$pattern` is the alphabet as a regular
/// expression, for its schema; none is any text.
macro_rules! string_type {
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr, $allowed:expr, $rule:literal $(, $pattern:literal)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(inline, extend("minLength" = 1, "maxLength" = $bytes_max $(, "pattern" = $pattern)?))
        )]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$bytes_max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text))
                } else {
                    Err(Error::BadRequest($rule.into()))
                }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// The alphabet of every id: none of it needs escaping in a channel's name, a table's key or a path.
const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

string_type!(
    /// A user, as the issuer of their token names them (`sub`), e.g. `user_1`.
    UserId, ID_BYTES_MAX, is_id_byte, "must be a user id: [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A company, e.g. `biz_1`.
    CompanyId, ID_BYTES_MAX, is_id_byte, "must be a company id: [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A conversation.
    ConversationId, ID_BYTES_MAX, is_id_byte, "must be a conversation id: [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A funnel.
    FunnelId, ID_BYTES_MAX, is_id_byte, "must be a funnel id: [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A resource that funnels are made of.
    ResourceId, ID_BYTES_MAX, is_id_byte, "must be a resource id: [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A client message id: what a retried send is known by. It counts per user, not globally.
    Key, ID_BYTES_MAX, |b| is_id_byte(b) || b == b'.' || b == b':', "must be a key: [A-Za-z0-9_.:-]{1,64}",
    "^[A-Za-z0-9_.:-]+$"
);
string_type!(
    /// The caller's own reference for a request, echoed in its reply.
    RequestId, REQUEST_ID_BYTES_MAX, |_| true, "must be a string of 1 to 64 bytes"
);
string_type!(
    /// A connection, as API Gateway names it: base64, so it contains `=` and must be percent-encoded in a path.
    ConnectionId, CONNECTION_ID_BYTES_MAX, |b| is_id_byte(b) || matches!(b, b'=' | b'+' | b'/'),
    "must be a connection id: base64 of 1 to 128 bytes", "^[A-Za-z0-9_=+/-]+$"
);

const NO_SEQ: &str = "must be a whole number from 0 to 9007199254740991";

/// A durable event's place in its channel: 1, 2, 3 ... without a hole; 0 stands before the first.
///
/// At most 2^53 - 1, so that a JavaScript number holds it. It is read as one too: JSON has no whole numbers, and `41.0` is
/// 41.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "u64", extend("maximum" = Self::MAX.0)))]
pub struct Seq(u64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Self = Self(0);
    /// JavaScript's `Number.MAX_SAFE_INTEGER`.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The seq after this one. [`Seq::MAX`] stays, which no channel reaches.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 { Self(self.0 + 1) } else { self }
    }

    /// The seq before this one; zero stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl TryFrom<u64> for Seq {
    type Error = Error;

    fn try_from(number: u64) -> Result<Self, Error> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(Error::BadRequest(NO_SEQ.into())) }
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number(deserializer, Self::ZERO.0, Self::MAX.0).map(Self)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_of_the_alphabet_and_the_length() {
        for good in ["a", "user_1", "A-z_0", &"x".repeat(64)] {
            assert_eq!(good.parse::<UserId>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "a#b", "ü", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<UserId>().is_err(), "{bad:?}");
        }
        assert!("a.b:c-d_e".parse::<Key>().is_ok());
        assert!("Lq8F9e5oIAMCKyw=".parse::<ConnectionId>().is_ok());
    }

    #[test]
    fn a_seq_fits_javascript() {
        for (good, seq) in
            [("9007199254740991", Seq::MAX), ("0", Seq::ZERO), ("1.0", Seq(1)), ("2e3", Seq(2_000))]
        {
            assert_eq!(serde_json::from_str::<Seq>(good).unwrap(), seq, "{good}");
        }
        assert_eq!(serde_json::to_string(&Seq::MAX).unwrap(), "9007199254740991");
        for bad in ["9007199254740992", "9007199254740993", "1e300", "-1", "1.5", "\"1\"", "null"] {
            assert!(serde_json::from_str::<Seq>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_accepted_iff_the_grammar_says_so(text in "\\PC{0,70}") {
            let grammar = (1..=64).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            prop_assert_eq!(text.parse::<UserId>().is_ok(), grammar);
        }
    }
}
