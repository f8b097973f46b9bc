//! The kinds of faults and their rates: options of `up`, and the body of `PUT /_local/faults`.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer as _, value::Error},
};

/// A kind of fault; its name in options and in JSON is in `snake_case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// `$disconnect` is not called.
    LostDisconnect,
    /// A function's post to an open connection is answered with 410 `GoneException` and not sent.
    Gone,
    /// A function's post is answered with 429 `LimitExceededException` and not sent. Such posts come in bursts; the rate
    /// is their long-term share of all posts.
    Throttled,
    /// A function's call of DynamoDB is answered with 500 `InternalServerError` and not carried out.
    DynamodbBefore,
    /// A function's write is carried out and then answered with 500 `InternalServerError`.
    DynamodbAfter,
    /// An asynchronous invocation, a batch of a stream or a queue, or a notification of a bucket, is delivered twice.
    Duplicated,
    /// Such a delivery is delayed by a random time of up to [`FaultSettings::delay_ms_max`].
    Delayed,
    /// A process is killed at a random moment within the duration of the last invocation, at the latest when it has
    /// responded; its response is then lost.
    Killed,
    /// A socket ends without a close frame; the rate is per connection and second.
    Cut,
    /// A function's write is refused as if a transaction on the same item were under way: a transaction of its own is
    /// cancelled, and a write of a single item is refused where a transaction has written in the partition before.
    TransactionConflict,
    /// A request of S3 that a function has signed is answered with 500 `InternalError` and not carried out.
    S3Before,
    /// Such a request is carried out, if it changes something, and then answered with 500 `InternalError`.
    S3After,
    /// Such a request is answered with 503 `SlowDown` and not carried out.
    S3SlowDown,
    /// A bucket does not tell EventBridge of a change of an object.
    LostNotification,
}

impl FaultKind {
    pub(crate) const ALL: [Self; 14] = [
        Self::LostDisconnect,
        Self::Gone,
        Self::Throttled,
        Self::DynamodbBefore,
        Self::DynamodbAfter,
        Self::Duplicated,
        Self::Delayed,
        Self::Killed,
        Self::Cut,
        Self::TransactionConflict,
        Self::S3Before,
        Self::S3After,
        Self::S3SlowDown,
        Self::LostNotification,
    ];
}

impl FromStr for FaultKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::deserialize(name.into_deserializer()).map_err(|error: Error| error.to_string())
    }
}

/// The rate of a fault, from 0 (never) to 1 (always).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Rate(f64);

impl Rate {
    pub(crate) const fn get(self) -> f64 {
        self.0
    }

    /// Whether the fault never happens.
    pub(crate) fn is_zero(self) -> bool {
        self.0 <= 0.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err("a rate must be from 0 to 1".to_owned())
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "a rate must be a number from 0 to 1".to_owned()).and_then(f64::try_into)
    }
}

/// The longest delay of a delivery: at most a minute; the default is a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct DelayMsMax(u64);

impl DelayMsMax {
    const LARGEST: u64 = 60_000;

    pub(crate) const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl Default for DelayMsMax {
    fn default() -> Self {
        Self(1_000)
    }
}

impl TryFrom<u64> for DelayMsMax {
    type Error = String;

    fn try_from(delay_ms: u64) -> Result<Self, String> {
        if delay_ms <= Self::LARGEST {
            Ok(Self(delay_ms))
        } else {
            Err(format!("a delay must be at most {} ms", Self::LARGEST))
        }
    }
}

impl FromStr for DelayMsMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "a delay must be a whole number of milliseconds".to_owned())
            .and_then(u64::try_into)
    }
}

impl fmt::Display for DelayMsMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The settings of all faults; by default all are off. In JSON each rate is a member with the name of its kind.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct FaultSettings {
    /// The seed of the random numbers.
    pub(crate) seed: Option<u64>,
    #[serde(default)]
    pub(crate) delay_ms_max: DelayMsMax,
    /// The rates; a kind that is absent is off.
    #[serde(flatten)]
    pub(crate) rates: BTreeMap<FaultKind, Rate>,
}

impl FaultSettings {
    pub(crate) fn rate(&self, kind: FaultKind) -> Rate {
        self.rates.get(&kind).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_rates_by_kind_and_all_are_optional() {
        let read = |body| serde_json::from_value::<FaultSettings>(body).map_err(|error| error.to_string());
        let none = read(json!({})).unwrap();
        assert_eq!(none, FaultSettings::default());
        assert!(FaultKind::ALL.iter().all(|&kind| none.rate(kind).is_zero()));
        let some = read(json!({ "seed": 7, "gone": 1, "cut": 0.25, "delay_ms_max": 20 })).unwrap();
        assert_eq!((some.seed, some.delay_ms_max.get()), (Some(7), Duration::from_millis(20)));
        assert_eq!((some.rate(FaultKind::Gone), some.rate(FaultKind::Cut)), (Rate(1.0), Rate(0.25)));
        for (wrong, why) in [
            (json!({ "gone": 1.1 }), "a rate must be from 0 to 1"),
            (json!({ "gone": -0.1 }), "a rate must be from 0 to 1"),
            (json!({ "gone": "often" }), "invalid type"),
            (json!({ "went": 0.1 }), "unknown variant `went`, expected one of `lost_disconnect`, `gone`"),
            (json!({ "delay_ms_max": 60_001 }), "a delay must be at most 60000 ms"),
            (json!({ "seed": -1 }), "invalid value"),
            (json!([]), "invalid"),
        ] {
            let error = read(wrong.clone()).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn every_kind_is_listed_and_known_by_its_name() {
        for (index, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            let name = serde_json::to_value(kind).unwrap();
            assert_eq!(name.as_str().unwrap().parse(), Ok(kind));
        }
        assert!(serde_json::to_string(&FaultKind::DynamodbAfter).unwrap().contains("dynamodb_after"));
    }

    #[test]
    fn rates_and_delays_are_read_from_options() {
        assert_eq!("0.5".parse(), Ok(Rate(0.5)));
        for wrong in ["", "x", "NaN", "2", "-0.5", "inf"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        assert_eq!(DelayMsMax::default().to_string().parse(), Ok(DelayMsMax(1_000)));
        assert!("1s".parse::<DelayMsMax>().is_err());
    }
}
