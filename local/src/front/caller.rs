//! Which caller signed a request, and whether it may do what it asks for.

use http::{HeaderMap, header};

use super::services::Services;
use crate::{aws_error::AwsError, iam::Request};

/// The caller of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller<'a> {
    /// The name that the calls are counted under: a function's name, or the access key of any other caller.
    pub(super) name: &'a str,
    /// The logical id, if the caller is a function: only functions can be denied something, or meet a fault.
    pub(super) function: Option<&'a str>,
}

impl Services {
    /// The caller that signed the request with these headers; `None` if it is not signed.
    pub(super) fn caller<'a>(&'a self, headers: &'a HeaderMap) -> Option<Caller<'a>> {
        let key = access_key(headers)?;
        Some(match self.functions.signing(key) {
            Some(function) => Caller { name: &function.name, function: Some(&function.id) },
            None => Caller { name: key, function: None },
        })
    }

    /// Refuses requests that the policies of a function do not allow.
    pub(super) fn authorize(&self, caller: Caller<'_>, requests: &[Request]) -> Result<(), AwsError> {
        match caller.function {
            Some(function) => self.rights.check(function, requests),
            None => Ok(()),
        }
    }
}

/// The access key that a request claims to be signed with, which for a function of this stack is its logical id.
///
/// It is read from `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/...`; the signature is not checked. `None` if
/// the request is not signed at all, which AWS refuses.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let credential = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
    credential.split('/').next().filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_names_the_caller() {
        let key = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            access_key(&headers).map(str::to_owned)
        };
        let signed = "AWS4-HMAC-SHA256 Credential=send/20261123/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=00";
        assert_eq!(key(signed).as_deref(), Some("send"));
        let other_order =
            "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=join/20261123/us-east-1/dynamodb/aws4_request";
        assert_eq!(key(other_order).as_deref(), Some("join"));
        for unsigned in ["Bearer x", "AWS4-HMAC-SHA256 Signature=00", "AWS4-HMAC-SHA256 Credential=/x"] {
            assert_eq!(key(unsigned), None, "{unsigned}");
        }
        assert_eq!(access_key(&HeaderMap::new()), None);
    }
}
