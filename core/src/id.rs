//! Ids, keys and sequence numbers: strings and numbers of a fixed form, which is checked when they are made.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, parse::whole_number};

limits! {
    /// The longest id of a user, company, conversation, experience, room, funnel or resource, and the longest key, in bytes.
    pub const ID_BYTES_MAX: usize = 64;
    /// The longest `id` of a request, in bytes.
    pub const REQUEST_ID_BYTES_MAX: usize = 64;
}

/// The longest connection id, in bytes. API Gateway's ids are about 16 bytes of base64 today.
pub const CONNECTION_ID_BYTES_MAX: usize = 128;

/// Defines a string type whose constructors check its length and alphabet. `$pattern` is the alphabet as a regular expression,
/// for the schema; a type without one may contain any text.
macro_rules! string_type {
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr, $allowed:expr, $rule:literal $(, $pattern:literal $(, $example:literal)?)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(inline, extend("minLength" = 1, "maxLength" = $bytes_max $(, "pattern" = $pattern $(, "examples" = [$example])?)?))
        )]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::Error;

            fn try_from(text: String) -> Result<Self, crate::Error> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$bytes_max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text))
                } else {
                    Err(crate::Error::BadRequest($rule.into()))
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> Result<Self, crate::Error> {
                Self::try_from(text.to_owned())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use string_type;

/// Whether a byte belongs to the alphabet of ids, which needs no escaping in a channel's name, a key of the table or a path.
const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Whether a byte belongs to the alphabet of keys.
pub(crate) const fn is_key_byte(byte: u8) -> bool {
    is_id_byte(byte) || byte == b'.' || byte == b':'
}

string_type!(
    /// The id of a user: the `sub` of their token, e.g. `user_1`.
    UserId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
impl UserId {
    /// The one id that stands for every user who has been erased. No user may have it.
    pub const ERASED: &str = "deleted";

    /// The user who stands for every user who has been erased.
    pub fn erased() -> Self {
        Self(Self::ERASED.to_owned())
    }
}

string_type!(
    /// The id of a company, e.g. `biz_1`.
    CompanyId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of a conversation.
    ConversationId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of an experience: an app that a company has installed in its Whop, e.g. `exp_1`.
    ExperienceId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of a room.
    RoomId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of a funnel.
    FunnelId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of a resource, of which funnels are made.
    ResourceId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// The id of a file.
    FileId, ID_BYTES_MAX, is_id_byte, "must match [A-Za-z0-9_-]{1,64}", "^[A-Za-z0-9_-]+$"
);
string_type!(
    /// A client message id, by which a retried send is recognised. It is unique per user, not globally.
    Key, ID_BYTES_MAX, is_key_byte, "must match [A-Za-z0-9_.:-]{1,64}",
    "^[A-Za-z0-9_.:-]+$"
);
string_type!(
    /// The caller's reference for a request, which is echoed in the reply.
    RequestId, REQUEST_ID_BYTES_MAX, |_| true, "must be 1 to 64 bytes of text"
);
string_type!(
    /// API Gateway's id of a connection. It is base64, so it may contain `=` and must be percent-encoded in a URL.
    ConnectionId, CONNECTION_ID_BYTES_MAX, |b| is_id_byte(b) || matches!(b, b'=' | b'+' | b'/'),
    "must match [A-Za-z0-9_=+/-]{1,128}", "^[A-Za-z0-9_=+/-]+$", "Lq8F9e5oIAMCKyw="
);

const NO_SEQ: &str = "must be a whole number from 0 to 9007199254740991";

/// The place of a durable event in the log of its channel: 1, 2, 3 and so on without gaps. 0 is the place before the first.
///
/// It is at most 2^53 - 1, so that a JavaScript number can hold it. JSON does not tell integers from other numbers, so `41.0` is
/// accepted as 41.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "u64", extend("maximum" = Self::MAX.0)))]
pub struct Seq(u64);

impl Seq {
    /// The place before the first event.
    pub const ZERO: Self = Self(0);
    /// JavaScript's `Number.MAX_SAFE_INTEGER`.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The place as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The seq after this one. [`Seq::MAX`], which no channel reaches, is followed by itself.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 { Self(self.0 + 1) } else { self }
    }

    /// The seq before this one. Zero is preceded by itself.
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
