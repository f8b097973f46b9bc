//! Who signs a request.

use http::{HeaderMap, header};

/// The access key that a request says it is signed with: for a function of this stack, the function's name.
///
/// Read from `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/...`; the signature is not checked. `None` where
/// a request is not signed at all, which AWS refuses.
pub(super) fn access_key(headers: &HeaderMap) -> Option<&str> {
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
