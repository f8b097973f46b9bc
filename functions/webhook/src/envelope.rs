//! The parts of a webhook that are used: <https://docs.whop.com/developer/guides/webhooks>.

use std::str::FromStr;

use funnelcast_core::{CompanyId, Error, UserId, json};
use serde_json::Value;

/// The longest type, in bytes. EventBridge has the same limit on detail types.
const TYPE_BYTES_MAX: usize = 128;

/// The body of a webhook, of which only the type is known to exist.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The type, such as `membership.activated`: lower case, digits, dots and underscores.
    pub(crate) kind: String,
    /// The whole body, with the company always as `company_id`.
    pub(crate) all: Value,
}

/// A user's membership of a company, which may have changed their access.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) user: UserId,
    pub(crate) company: CompanyId,
}

impl Envelope {
    /// Parses a body.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if it is not a webhook.
    pub(crate) fn parse(body: &str) -> Result<Self, Error> {
        let mut all = json::read(body.as_bytes())
            .map_err(|reason| Error::invalid("body", format!("must be JSON: {reason}")))?;
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
        let kind = all["type"].as_str().unwrap_or_default().to_owned();
        if !(1..=TYPE_BYTES_MAX).contains(&kind.len()) || !kind.bytes().all(is_allowed) {
            return Err(Error::invalid("body.type", "must be [a-z0-9._]{1,128}"));
        }
        let company = ["/company_id", "/account_id", "/data/company/id"]
            .iter()
            .find_map(|at| all.pointer(at)?.as_str());
        if let Some(company) = company.map(str::to_owned) {
            all["company_id"] = company.into();
        }
        Ok(Self { kind, all })
    }

    /// The membership that the webhook is about, if it is about one; an error if a field of it is missing.
    pub(crate) fn membership(&self) -> Option<Result<Membership, Error>> {
        let concerns_access =
            ["membership.activated", "membership.deactivated"].contains(&self.kind.as_str());
        concerns_access.then(|| {
            let (user, company) = (id(&self.all, "/data/user/id")?, id(&self.all, "/company_id")?);
            Ok(Membership { user, company })
        })
    }
}

/// The id at this place.
fn id<T: FromStr<Err = Error>>(webhook: &Value, pointer: &str) -> Result<T, Error> {
    let field = path(pointer);
    let text = webhook.pointer(pointer).and_then(Value::as_str);
    let text = text.ok_or_else(|| Error::invalid(&field, "must be a string"))?;
    text.parse().map_err(|error: Error| error.at(&field))
}

/// A JSON pointer (RFC 6901) as the path of a field within the message of the queue.
pub(crate) fn path(pointer: &str) -> String {
    format!("body{}", pointer.replace('/', "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_may_be_named_by_three_fields() {
        for body in [
            r#"{"type":"membership.activated","company_id":"biz_1","data":{"user":{"id":"user_1"}}}"#,
            r#"{"type":"membership.activated","account_id":"biz_1","data":{"user":{"id":"user_1"}}}"#,
            r#"{"type":"membership.activated","data":{"user":{"id":"user_1"},"company":{"id":"biz_1"}}}"#,
        ] {
            let membership = Envelope::parse(body).unwrap().membership().unwrap().unwrap();
            assert_eq!(
                (membership.user.as_str(), membership.company.as_str()),
                ("user_1", "biz_1"),
                "{body}"
            );
        }
    }

    #[test]
    fn an_invalid_or_incomplete_webhook_is_refused() {
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(129));
        for body in [
            "",
            "7",
            "[]",
            "null",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":""}"#,
            r#"{"type":"a b"}"#,
            r#"{"type":"a\nb"}"#,
            &long,
        ] {
            assert!(Envelope::parse(body).is_err(), "{body}");
        }
        for body in [
            r#"{"type":"membership.activated"}"#,
            r#"{"type":"membership.activated","company_id":"biz_1","data":{"user":{"id":7}}}"#,
            r#"{"type":"membership.activated","company_id":"biz 1","data":{"user":{"id":"user_1"}}}"#,
        ] {
            assert!(Envelope::parse(body).unwrap().membership().unwrap().is_err(), "{body}");
        }
        assert!(Envelope::parse(r#"{"type":"payment.succeeded"}"#).unwrap().membership().is_none());
    }
}
