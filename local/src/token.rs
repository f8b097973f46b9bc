//! The command `token`, and the dev issuer: its key, and tokens signed with it for any client of a local stack.
//!
//! The key is created once per checkout and kept, so that a token works with every `up` of that checkout, without an
//! option. A stack on AWS never has the key, as the template's parameter is empty there.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::{command::Period, kept, project::folder_of};

/// `iss` of the dev issuer's tokens.
const ISSUER: &str = "funnelcast-dev";
/// `aud` of the dev issuer's tokens.
const AUDIENCE: &str = "funnelcast";
/// `sub` of a token to publish.
const BACKEND: &str = "backend";
/// `scope` of a token to publish.
const PUBLISH_SCOPE: &str = "publish";
/// The file of the key, in the project's `.funnelcast`.
const KEY_FILE: &str = "dev-issuer.key";
const KEY_BYTES: usize = 32;
/// The longest id of a user or a company.
const ID_BYTES_MAX: usize = 64;
/// The longest display name.
const NAME_BYTES_MAX: usize = 128;

const EXAMPLES: &str = "\
Roles in a company:
  admin     of the team: all of its channels and conversations
  member    of the team, too
  customer  only the conversations that they take part in
  backend   your backend: manages conversations, and joins no channel of the company

Examples:
  funnelcast token --user user_1 --name Ann --company biz_1:admin
  funnelcast token --user user_2                   a participant of conversations, of no company
  funnelcast token --user user_3 --company biz_1:customer --company biz_2:member --ttl 12h
  funnelcast token --publish                       for POST /api/publish
  npx wscat -c \"ws://127.0.0.1:3001/dev?token=$(funnelcast token --user user_2)\"";

/// Prints a token of the dev issuer, for any client of a local stack.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TokenOptions {
    /// Id of the user: 1 to 64 of A-Z, a-z, 0-9, - and _.
    #[arg(long, value_name = "ID", value_parser = parse_id, required_unless_present = "publish")]
    user: Option<String>,
    /// A token for the app's backend to publish with, which is no user's.
    #[arg(long, conflicts_with_all = ["user", "name", "company", "experience", "room"])]
    publish: bool,
    /// Name that others see: 1 to 128 bytes.
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,
    /// A company of the user and the role there: admin, member, customer or backend; see below. May be repeated.
    #[arg(long, value_name = "ID:ROLE")]
    company: Vec<Company>,
    /// An experience that the user has access to. May be repeated.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    experience: Vec<String>,
    /// A room that the user may join. May be repeated.
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    room: Vec<String>,
    /// How long the token is valid.
    #[arg(long, value_name = "TIME", default_value_t = Period(Duration::from_hours(1)))]
    ttl: Period,
    /// A template whose folder has the issuer's key, in .funnelcast [default: the current folder].
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

/// Prints the token that `options` describe.
pub(crate) fn run(options: TokenOptions) -> anyhow::Result<()> {
    let (user, name, companies) = (options.user, options.name, options.company);
    let scope = options.publish.then_some(PUBLISH_SCOPE);
    let (experiences, rooms) = (options.experience, options.room);
    let user = user.unwrap_or_else(|| BACKEND.to_owned());
    let bearer = Bearer { user, name, companies, experiences, rooms, scope };
    let key = DevKey::load_or_create(&folder_of(options.template.as_deref()))?;
    println!("{}", key.sign(&bearer, options.ttl.0)?);
    Ok(())
}

/// The dev issuer's key, for HS256.
pub(crate) struct DevKey([u8; KEY_BYTES]);

/// The claims about the bearer of a token.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Bearer {
    /// User id.
    #[serde(rename = "sub")]
    pub(crate) user: String,
    /// The name that others see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The companies of the user.
    pub(crate) companies: Vec<Company>,
    /// The experiences that the user has access to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) experiences: Vec<String>,
    /// The rooms that the user may join.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rooms: Vec<String>,
    /// What a token that is no user's is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'static str>,
}

/// One company of a bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Company {
    /// E.g. `biz_1`.
    pub(crate) id: String,
    /// The user's role in the company.
    pub(crate) role: Role,
}

/// The role of a user in a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Admin,
    Member,
    Customer,
    Backend,
}

impl std::str::FromStr for Company {
    type Err = String;

    /// Reads `biz_1:admin`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (id, role) = text.split_once(':').ok_or("must be ID:ROLE, such as biz_1:admin")?;
        let role = match role {
            "admin" => Role::Admin,
            "member" => Role::Member,
            "customer" => Role::Customer,
            "backend" => Role::Backend,
            other => {
                return Err(format!("the role must be admin, member, customer or backend, not {other:?}"));
            }
        };
        Ok(Self { id: parse_id(id)?, role })
    }
}

/// Parses the id of a user or a company. The stack would refuse a token with an id of another form.
pub(crate) fn parse_id(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("an id must be 1 to {ID_BYTES_MAX} of A-Z, a-z, 0-9, - and _"))
    }
}

/// Parses a display name. The stack would refuse a token with a name of another form.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    if (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("a name must be 1 to {NAME_BYTES_MAX} bytes without control characters"))
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    bearer: &'a Bearer,
}

impl DevKey {
    /// Reads the key of the project in this folder, or creates it there.
    pub(crate) fn load_or_create(project: &Path) -> anyhow::Result<Self> {
        let text = kept::read_or_create(project, KEY_FILE, || Ok(Self(rand::random()).encoded()))?;
        Self::decode(&text).with_context(|| format!("cannot use {}", kept::path(project, KEY_FILE).display()))
    }

    /// The key in base64url without padding, the form of the template's parameter.
    pub(crate) fn encoded(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Parses what [`DevKey::encoded`] returned.
    pub(crate) fn decode(text: &str) -> anyhow::Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).context("it is not base64url")?;
        let bytes = <[u8; KEY_BYTES]>::try_from(bytes).ok().context("it is not 32 bytes long")?;
        Ok(Self(bytes))
    }

    /// A token for `bearer` that is valid for `ttl` from now on.
    pub(crate) fn sign(&self, bearer: &Bearer, ttl: Duration) -> anyhow::Result<String> {
        let iat = Timestamp::now().as_second();
        let exp = iat.checked_add_unsigned(ttl.as_secs()).context("the ttl is too long")?;
        ensure!(exp > iat, "the ttl must be at least a second");
        let claims = Claims { iss: ISSUER, aud: AUDIENCE, iat, exp, bearer };
        let key = EncodingKey::from_secret(&self.0);
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_key_is_kept_and_a_broken_one_is_refused_not_replaced() {
        let project = tempfile::tempdir().unwrap();
        let first = DevKey::load_or_create(project.path()).unwrap();
        let second = DevKey::load_or_create(project.path()).unwrap();
        assert_eq!(first.encoded(), second.encoded());
        fs::write(kept::path(project.path(), KEY_FILE), "short").unwrap();
        assert!(DevKey::load_or_create(project.path()).is_err());
    }

    #[test]
    fn what_the_stack_would_refuse_is_refused_at_once() {
        assert_eq!(parse_id("user_1-A"), Ok("user_1-A".to_owned()));
        for id in ["", "a b", "a:b", "ä", &"x".repeat(65)] {
            assert!(parse_id(id).is_err(), "{id}");
            assert!(format!("{id}:admin").parse::<Company>().is_err(), "{id}");
        }
        assert!(parse_name("Ännchen von Tharau").is_ok());
        for name in ["", "a\nb", &"x".repeat(129)] {
            assert!(parse_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_token_has_the_claims_of_its_bearer() {
        let key = DevKey([7; KEY_BYTES]);
        let companies = vec!["biz_1:admin".parse().unwrap()];
        let bearer = Bearer {
            user: "user_1".to_owned(),
            name: Some("Ann".to_owned()),
            companies,
            experiences: vec![],
            rooms: vec![],
            scope: None,
        };
        let token = key.sign(&bearer, Duration::from_hours(1)).unwrap();

        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims =
            jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_secret(&[7; KEY_BYTES]), &validation)
                .unwrap()
                .claims;
        assert_eq!(claims["sub"], "user_1");
        assert_eq!(claims["name"], "Ann");
        assert_eq!(claims["companies"], json!([{ "id": "biz_1", "role": "admin" }]));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    }

    #[test]
    fn a_company_is_an_id_and_a_role() {
        assert_eq!("biz_1:member".parse(), Ok(Company { id: "biz_1".to_owned(), role: Role::Member }));
        for wrong in ["biz_1", "biz_1:owner", ":admin"] {
            assert!(wrong.parse::<Company>().is_err(), "{wrong}");
        }
    }
}
