//! Whether a request is Whop's, by Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>). It is implemented
//! here because the crate of that name has a clock of its own, only accepts UTF-8 and brings a second HMAC. The crate
//! is the oracle of the tests.

use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest::SHA256_OUTPUT_LEN, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use funnelcast_core::{Key, Timestamp};

/// How far Whop's clock and this one may differ, and so for how long a request can be replayed.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The most signatures of a request that are compared. The rotation of a secret takes two or three.
const SIGNATURES_MAX: usize = 8;

/// Why a request is refused, for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `webhook-id`, `webhook-timestamp` or `webhook-signature` is missing or malformed.
    Header(&'static str),
    /// Its timestamp differs too much from the present time.
    Time,
    /// None of its signatures is by any of the secrets.
    Signature,
}

/// Verifies a request by its headers and its body, byte for byte as it was sent. Returns its id.
///
/// The key is the bytes of Whop's secret itself, not what it decodes to as base64. While the secret is rotated there
/// are two of them, and a request may have several signatures: any of its first [`SIGNATURES_MAX`] by any secret is
/// accepted. The body is read once for each secret, and not at all where no signature has the right form.
pub(crate) fn verify<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
    secrets: impl Iterator<Item = &'a str>,
    now: Timestamp,
) -> Result<Key, Refusal> {
    let get = |name: &'static str| header(name).ok_or(Refusal::Header(name));
    let id: Key = get("webhook-id")?.parse().map_err(|_| Refusal::Header("webhook-id"))?;
    let time = get("webhook-timestamp")?;
    let signatures = get("webhook-signature")?;
    let at: i64 = time.parse().map_err(|_| Refusal::Header("webhook-timestamp"))?;
    let at = Timestamp::from_secs(at);
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        return Err(Refusal::Time);
    }
    let signed = [id.as_str().as_bytes(), b".", time.as_bytes(), b".", body].concat();
    let tags: Vec<_> = signatures.split(' ').filter_map(tag).take(SIGNATURES_MAX).collect();
    let is_signed_with = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let own = hmac::sign(&key, &signed); // once, however many signatures there are
        tags.iter().any(|tag| verify_slices_are_equal(own.as_ref(), tag).is_ok())
    };
    if !tags.is_empty() && { secrets }.any(|secret| !secret.is_empty() && is_signed_with(secret)) {
        Ok(id)
    } else {
        Err(Refusal::Signature)
    }
}

/// The HMAC of a signature of version 1; `None` if it is none.
fn tag(signature: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let encoded = signature.strip_prefix("v1,")?;
    STANDARD.decode(encoded).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use standardwebhooks::Webhook;

    use super::*;

    const SECRET: &str = "ws_0123456789abcdef0123456789abcdef";
    const BODY: &[u8] = br#"{"type":"payment.succeeded"}"#;
    const AT: i64 = 1_795_428_000;

    /// A signature by the crate of the standard.
    fn signature(secret: &str, id: &str, at: i64, body: &[u8]) -> String {
        Webhook::from_bytes(secret.into()).unwrap().sign(id, at, body).unwrap()
    }

    fn headers() -> BTreeMap<&'static str, String> {
        let signature = signature(SECRET, "msg_1", AT, BODY);
        let headers = [("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", AT.to_string())];
        headers.into_iter().chain([("webhook-signature", signature)]).collect()
    }

    fn check(
        headers: &BTreeMap<&'static str, String>,
        body: &[u8],
        secrets: &[&str],
        now: i64,
    ) -> Result<(), Refusal> {
        let header = |name: &str| headers.get(name).map(String::as_str);
        verify(header, body, secrets.iter().copied(), Timestamp::from_secs(now))
            .map(|id| assert_eq!(id.as_str(), "msg_1"))
    }

    #[test]
    fn a_signature_by_the_standard_is_accepted() {
        assert_eq!(check(&headers(), BODY, &[SECRET], AT), Ok(()));
        assert_eq!(check(&headers(), BODY, &["ws_older", SECRET], AT), Ok(()), "while the secret is rotated");
        let mut several = headers();
        several
            .insert("webhook-signature", format!("v1,bm90IHRoaXM= v1a,x {}", headers()["webhook-signature"]));
        assert_eq!(check(&several, BODY, &[SECRET], AT), Ok(()));
    }

    #[test]
    fn only_the_first_signatures_are_compared() {
        let good = headers()["webhook-signature"].clone();
        let wrong = format!("v1,{}", STANDARD.encode([0; SHA256_OUTPUT_LEN]));
        for (before, is_accepted) in [
            (vec![&*wrong; SIGNATURES_MAX - 1], true),
            (vec![&*wrong; SIGNATURES_MAX], false),
            (vec!["v1,", "v1,bm90IHRoaXM=", "v1a,x", "v2,x", "", "v1,====", "v1,", "v1,", "v1,"], true),
        ] {
            let mut several = headers();
            several.insert("webhook-signature", format!("{} {good}", before.join(" ")));
            let verdict = if is_accepted { Ok(()) } else { Err(Refusal::Signature) };
            assert_eq!(check(&several, BODY, &[SECRET], AT), verdict, "{before:?}");
        }
    }

    #[test]
    fn a_timestamp_may_be_off_by_five_minutes_and_no_more() {
        for (now, verdict) in [
            (AT + 300, Ok(())),
            (AT - 300, Ok(())),
            (AT + 301, Err(Refusal::Time)),
            (AT - 301, Err(Refusal::Time)),
        ] {
            assert_eq!(check(&headers(), BODY, &[SECRET], now), verdict, "{}", now - AT);
        }
    }

    #[test]
    fn a_wrong_signature_is_refused() {
        use Refusal::{Header, Signature};
        assert_eq!(
            check(&headers(), b"{\"type\":\"payment.succeeded\"} ", &[SECRET], AT),
            Err(Signature),
            "one more byte"
        );
        assert_eq!(check(&headers(), BODY, &["ws_other"], AT), Err(Signature));
        assert_eq!(check(&headers(), BODY, &[], AT), Err(Signature), "there is no secret");
        let mut empty = headers();
        empty.insert("webhook-signature", signature("", "msg_1", AT, BODY));
        assert_eq!(check(&empty, BODY, &["", SECRET], AT), Err(Signature), "an empty secret is none");
        let good = headers()["webhook-signature"].clone();
        for (name, value, refusal) in [
            ("webhook-id", "msg_2".to_owned(), Signature),
            ("webhook-id", "msg 1".to_owned(), Header("webhook-id")),
            ("webhook-id", "x".repeat(65), Header("webhook-id")),
            ("webhook-timestamp", (AT + 1).to_string(), Signature),
            ("webhook-timestamp", format!("+{AT}"), Signature),
            ("webhook-timestamp", format!("{AT}.0"), Header("webhook-timestamp")),
            ("webhook-timestamp", String::new(), Header("webhook-timestamp")),
            ("webhook-timestamp", "99999999999999999999".to_owned(), Header("webhook-timestamp")),
            ("webhook-signature", String::new(), Signature),
            ("webhook-signature", good.replace("v1,", "v2,"), Signature),
            ("webhook-signature", good.replace("v1,", ""), Signature),
            ("webhook-signature", "v1,".to_owned(), Signature),
            ("webhook-signature", "v1,====".to_owned(), Signature),
        ] {
            let mut headers = headers();
            headers.insert(name, value.clone());
            assert_eq!(check(&headers, BODY, &[SECRET], AT), Err(refusal), "{name}: {value}");
            headers.remove(name);
            assert_eq!(check(&headers, BODY, &[SECRET], AT), Err(Header(name)));
        }
    }
}
