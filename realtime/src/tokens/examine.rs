//! What is wrong with the configured issuers, for whoever operates the stack.

use funnelcast_aws::{Config, clock::now};
use funnelcast_core::Error;
use futures_util::future::join_all;

use super::{
    Issuer,
    keys::Keys,
    table::{self, Kind},
};

/// An issuer, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerReport {
    /// Its kind, as in the parameter `Issuers`, or `dev`.
    pub kind: &'static str,
    /// The `iss` of its tokens.
    pub iss: String,
    /// Their audience.
    pub aud: String,
    /// Where its keys come from.
    pub keys: KeyPlace,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// The configuration has them.
    Listed,
    /// A URL, and why they could not be fetched from there just now, if they could not.
    Url(String, Option<Error>),
    /// The secret with this name.
    Secret(String),
}

/// The shortest secret that signs tokens, in bytes.
pub const SIGNING_SECRET_BYTES_MIN: usize = table::HS256_SECRET_BYTES_MIN;

/// Examines the configured issuers: 1 request for each key set that is published.
///
/// # Errors
/// [`Error::Internal`] if the configuration is invalid, for the reason for which no function would start.
pub async fn examine(config: &Config) -> Result<Vec<IssuerReport>, Error> {
    let rows = table::rows(config)?.into_iter();
    let rows = rows.map(|row| {
        let secret = match &row.keys {
            table::Keys::Secret(name) => Some(name.as_str().to_owned()),
            table::Keys::Jwks(url) => Some(url.clone()),
            table::Keys::One(_) | table::Keys::Static(_) => None,
        };
        Issuer::new(row, config).map(|issuer| (issuer, secret.unwrap_or_default()))
    });
    let issuers = rows.collect::<Result<Vec<_>, _>>()?;
    let reports = issuers.into_iter().map(async |(Issuer { kind, iss, aud, keys, .. }, place)| {
        let keys = match keys {
            Keys::Static(_) => KeyPlace::Listed,
            Keys::Jwks(jwks) => KeyPlace::Url(place, jwks.try_fetch(now()).await.err()),
            Keys::Shared(_) => KeyPlace::Secret(place),
        };
        IssuerReport { kind: name(kind), iss, aud, keys }
    });
    Ok(join_all(reports).await)
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Whop => "whop",
        Kind::App => "app",
        Kind::Oidc => "oidc",
        Kind::Dev => "dev",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_issuer_says_where_its_keys_are_and_whether_they_can_be_had() {
        let issuers = r#"[{"kind": "app", "iss": "shop", "aud": "a", "alg": "HS256", "keys": {"secret": "funnelcast/dev/shop"}},
            {"kind": "oidc", "iss": "id", "aud": "a", "alg": "RS256", "keys": {"jwks": "http://127.0.0.1:1/keys"}}]"#;
        let variables = [
            ("ISSUERS", issuers),
            ("STAGE", "dev"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
        ];
        let config = |wrong: bool| {
            Config::from_lookup(|name| {
                let found =
                    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
                if wrong { found.map(|value| value.replace("HS256", "HS255")) } else { found }
            })
        };
        let reports = examine(&config(false).unwrap()).await.unwrap();
        assert_eq!(
            (reports[0].kind, &reports[0].keys),
            ("app", &KeyPlace::Secret("funnelcast/dev/shop".to_owned()))
        );
        assert!(
            matches!(&reports[1].keys, KeyPlace::Url(url, Some(_)) if url.ends_with("/keys")),
            "{:?}",
            reports[1]
        );
        let invalid = examine(&config(true).unwrap()).await.unwrap_err().to_string();
        assert!(invalid.contains("Issuers") && invalid.contains("HS255"), "{invalid}");
    }
}
