//! The command `keys`: a key pair for the tokens that an app's backend signs, and where each half goes.
//!
//! Both halves are JWKs that carry the id of the key (`kid`), so that several keys of one issuer can be told apart while one
//! replaces another.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsBigEndian as _, EcPrivateKeyBin},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::kid;

/// The variable of the app's backend that has the private half.
pub(crate) const VARIABLE: &str = "TOKEN_KEY";
/// The default `iss` of an app's backend, which is the one in all examples.
pub(crate) const APP_ISSUER: &str = "my-app";
/// The default `aud`.
pub(crate) const APP_AUDIENCE: &str = "funnelcast";

const EXAMPLES: &str = "\
Examples:
  funnelcast keys                              a pair, with what to do with each half
  funnelcast keys --iss shop --kid 2026-12     for the issuer `shop`, with an id of your choice
  funnelcast keys --json | jq -r .TOKEN_KEY    the private half alone

To replace a key without refusing a token:
  1. Make a new pair, and add its public half to the `keys` of the same entry of Issuers. Deploy.
  2. Set TOKEN_KEY to the new private half. Deploy the app.
  3. When the last token of the old key has expired, remove its public half. Deploy.";

/// Makes an ES256 key pair for the tokens of your app's backend, and says where each half goes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysOptions {
    /// `iss` of the tokens: the name of your backend among the issuers.
    #[arg(long, value_name = "NAME", default_value = APP_ISSUER)]
    iss: String,
    /// `aud` of the tokens.
    #[arg(long, value_name = "NAME", default_value = APP_AUDIENCE)]
    aud: String,
    /// Id of the key [default: derived from the key, as in RFC 7638].
    #[arg(long, value_name = "ID", value_parser = kid)]
    kid: Option<String>,
    /// Print one line of JSON: `kid`, `TOKEN_KEY`, and `Issuers` with the entry of this key.
    #[arg(long)]
    json: bool,
}

/// Prints a new pair.
pub(crate) fn run(options: KeysOptions) -> anyhow::Result<()> {
    let key = SigningKey::generate(options.kid)?;
    let (private, entry) = (key.encoded()?, key.issuer(&options.iss, &options.aud));
    if options.json {
        let line = json!({ "kid": key.public.kid, VARIABLE: private, "Issuers": [entry] });
        println!("{line}");
        return Ok(());
    }
    let (iss, aud) = (&options.iss, &options.aud);
    println!(
        "\
# The private half. It goes into the environment of your app's backend (.env.local; on Vercel: Environment Variables), and
# nowhere else: whoever has it can sign as anybody.
{VARIABLE}='{private}'

# The public half. It goes into the stack's parameter Issuers: in samconfig.toml for AWS, in funnelcast.yaml for
# `funnelcast dev`. If Issuers has an entry of {iss:?} already, add the object in \"keys\":[...] to the keys of that entry.
Issuers = '[{entry}]'

# In your backend:
#   createTokenIssuer({{ iss: '{iss}', aud: '{aud}', alg: 'ES256', key: process.env.{VARIABLE} }})"
    );
    Ok(())
}

/// A private key of P-256, which signs tokens (ES256).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SigningKey {
    #[serde(flatten)]
    public: PublicKey,
    d: String,
}

/// Its public half, as the JWK of a key set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PublicKey {
    kty: String,
    crv: String,
    kid: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    x: String,
    y: String,
}

impl SigningKey {
    /// A new key, with this id or one that is derived from it.
    pub(crate) fn generate(kid: Option<String>) -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| anyhow!("cannot generate a key pair"))?;
        let point = pair.public_key().as_ref(); // 4, then x and y (SEC 1, 2.3.3)
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let private: EcPrivateKeyBin =
            pair.private_key().as_be_bytes().map_err(|_| anyhow!("cannot read the key"))?;
        let d = URL_SAFE_NO_PAD.encode(private.as_ref());
        let kid = kid.unwrap_or_else(|| thumbprint(&x, &y));
        let [kty, crv, alg, usage] = ["EC", "P-256", "ES256", "sig"].map(str::to_owned);
        Ok(Self { public: PublicKey { kty, crv, kid, alg, usage, x, y }, d })
    }

    /// Parses what [`encoded`](Self::encoded) returned.
    pub(crate) fn decode(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).context("it is not a private key as JWK")
    }

    /// The key as one line of JSON, the form of the variable [`VARIABLE`].
    pub(crate) fn encoded(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The entry of the parameter `Issuers` that accepts the tokens that this key signs.
    pub(crate) fn issuer(&self, iss: &str, aud: &str) -> Value {
        json!({ "kind": "app", "iss": iss, "aud": aud, "alg": "ES256", "keys": { "static": { "keys": [self.public] } } })
    }
}

/// The id of a key that follows from the key itself: <https://www.rfc-editor.org/rfc/rfc7638>.
fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};

    use super::*;

    #[test]
    fn the_public_half_verifies_what_the_private_half_signs() {
        let key = SigningKey::decode(&SigningKey::generate(None).unwrap().encoded().unwrap()).unwrap();
        let entry = key.issuer("shop", "web");
        assert_eq!((&entry["iss"], &entry["aud"]), (&json!("shop"), &json!("web")));
        let listed = &entry["keys"]["static"]["keys"][0];
        assert!(listed.get("d").is_none() && listed["kid"] == key.public.kid);

        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let point = [vec![4], bytes(&key.public.x), bytes(&key.public.y)].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &bytes(&key.d),
            &point,
        )
        .unwrap();
        let signer = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let claims = json!({ "sub": "user_1", "exp": 9_999_999_999_i64 });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &signer).unwrap();
        let public = DecodingKey::from_jwk(&serde_json::from_value::<Jwk>(listed.clone()).unwrap()).unwrap();
        assert!(jsonwebtoken::decode::<Value>(&token, &public, &Validation::new(Algorithm::ES256)).is_ok());
    }

    #[test]
    fn an_id_is_given_or_derived() {
        let named = SigningKey::generate(Some("2026-12".to_owned())).unwrap();
        assert_eq!(named.public.kid, "2026-12");
        let (one, other) = (SigningKey::generate(None).unwrap(), SigningKey::generate(None).unwrap());
        assert!(one.public.kid.len() == 43 && one.public.kid != other.public.kid);
        // The coordinates of RFC 7517, A.1.
        let (x, y) =
            ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
        assert_eq!(thumbprint(x, y), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }
}
