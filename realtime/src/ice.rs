//! The STUN and TURN servers of calls, with credentials for one user.
//!
//! TURN relays what is not ours, so a TURN server asks who wants that. Its credentials are those of coturn's REST API, which
//! others understand too (<https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00>): the name says until when
//! they are valid and for whom, and the password is its HMAC with a secret that only the stack and the TURN server know. So
//! nothing is kept anywhere, and the server never asks us.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use funnelcast_aws::{
    Config, Resource,
    config::IceServers,
    secrets::{Secret, SecretName},
};
use funnelcast_core::{
    Caller, Error, Timestamp, UserId,
    call::{IceQuery, IceReply, IceServer},
    event::EventName,
    grant::Capability,
};

use crate::{access::Access, rates::ICE};

/// How long the credentials are valid. A relay is prolonged with the same ones, so it is more than most calls last.
const CREDENTIALS_LIFE: Duration = Duration::from_hours(1);
/// The shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 16;

/// The servers, and the secret that the TURN servers among them know.
#[derive(Debug)]
pub struct Ice {
    servers: IceServers,
    secret: Option<Secret>,
}

impl Resource for Ice {
    async fn build(config: &Config) -> Result<Self, Error> {
        let secret =
            |name: &String| Secret::new(SecretName::try_from(name.clone())?, config, SECRET_BYTES_MIN);
        let secret = config.calls.turn_secret.as_ref().map(secret).transpose()?;
        Ok(Self { servers: config.calls.ice_servers.clone(), secret })
    }
}

impl Ice {
    /// The servers for a user who may join a conversation: the check of a `join`, and 1 request for a secret in 5 minutes.
    ///
    /// # Errors
    /// [`Error::Forbidden`] on a channel without calls, or if the user may not join it; [`Error::Banned`] if they are banned there;
    /// [`Error::RateLimited`] if they ask too often; [`Error::Internal`] if the secret cannot be read.
    pub async fn servers(
        &self,
        access: &Access,
        caller: Caller<'_>,
        query: IceQuery,
    ) -> Result<IceReply, Error> {
        let (channel, user, now) = (query.channel, &caller.identity().user, caller.now());
        if channel.kind().policy().lane(EventName::CallUpdate).is_none() {
            return Err(Error::Forbidden("this channel has no calls"));
        }
        access.rates.admit(&ICE, user, now).await?;
        access.check_use(caller, &channel, Capability::Join).await?;
        let expires_at = now + CREDENTIALS_LIFE;
        let mut ice_servers = Vec::new();
        if !self.servers.stun.is_empty() {
            ice_servers.push(IceServer { urls: self.servers.stun.clone(), username: None, credential: None });
        }
        if let (Some(secret), false) = (&self.secret, self.servers.turn.is_empty()) {
            let (username, credential) = credentials(&secret.value(now).await?, user, expires_at);
            ice_servers.push(IceServer {
                urls: self.servers.turn.clone(),
                username: Some(username),
                credential: Some(credential),
            });
        }
        Ok(IceReply { ice_servers, expires_at })
    }
}

/// The user name and the password by which a TURN server knows a user until `expires_at`.
fn credentials(secret: &str, user: &UserId, expires_at: Timestamp) -> (String, String) {
    let username = format!("{}:{user}", expires_at.as_secs());
    // SHA-1 is what TURN servers expect. Its weakness is collisions, which an HMAC does not depend on (RFC 6194, section 3.3).
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let credential = BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    (username, credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checked against `printf %s 1795431600:user_1 | openssl dgst -sha1 -hmac north-star-secret -binary | base64`.
    #[test]
    fn credentials_are_those_of_the_rest_api() {
        let (username, credential) =
            credentials("north-star-secret", &"user_1".parse().unwrap(), Timestamp::from_secs(1_795_431_600));
        assert_eq!(username, "1795431600:user_1");
        assert_eq!(credential, "cSMQqKPr0GDazp2CXBGNLz+T23w=");
    }
}
