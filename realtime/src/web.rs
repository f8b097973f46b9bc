//! Questions to a server outside of AWS: an issuer's key set, Whop's API.
//!
//! Over `https` alone, but for this machine itself, where tests and the local stack have their servers. No redirect is
//! followed, no answer is read beyond its limit, and none is waited for longer than [`ANSWER_SECS_MAX`].

use std::{fmt, time::Duration};

use bytes::Bytes;
use funnelcast_core::Error;
use http::{HeaderMap, HeaderValue, Request, Uri, header, uri::Authority};
use http_body_util::Full;
use tokio::time::timeout;

use funnelcast_aws::pool::{HttpAnswer, HttpFailure, Pool};

/// How long an answer may take, with all that comes before it. A client waits meanwhile.
pub(crate) const ANSWER_SECS_MAX: u64 = 3;
/// The sockets to one server.
const SOCKETS_MAX: usize = 4;
/// What we call ourselves: some servers refuse who does not.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("funnelcast/", env!("CARGO_PKG_VERSION")));

/// A server that is asked something now and then.
pub(crate) struct Site {
    pool: Pool,
    authority: Authority,
    path: String,
}

/// Why one request has no answer.
#[derive(Debug)]
pub(crate) enum SiteFailure {
    /// It went over an idle socket that had ended; it may have been heard all the same. Another one goes over another socket.
    Stale,
    /// Something else is wrong.
    Failed(Error),
}

impl Site {
    /// The one at `url`, whose path is what all others begin with; of its answers at most `answer_bytes_max` are read.
    ///
    /// # Errors
    /// [`Error::Internal`] where that is no URL of `https`, nor of `http` on this machine.
    pub(crate) fn new(url: &str, answer_bytes_max: usize) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Internal(format!("{url:?} {why}"));
        let parsed: Uri = url.parse().map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let (scheme, authority) = (parsed.scheme_str(), parsed.authority().cloned());
        let authority = authority.ok_or_else(|| wrong("names no server"))?;
        let is_here = matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]");
        if authority.as_str().contains('@') {
            return Err(Error::Internal("a URL has no user and no password".into())); // and no log has them
        }
        if scheme != Some("https") && !(scheme == Some("http") && is_here) {
            return Err(wrong("is not of https"));
        }
        let path = parsed.path_and_query().map_or("", |path| path.as_str()).trim_end_matches('/').to_owned();
        let pool = Pool::new(parsed, SOCKETS_MAX, answer_bytes_max);
        Ok(Self { pool: pool.map_err(|error| Error::internal("TLS", &error))?, authority, path })
    }

    /// Asks for what is at `path` below this site's own, with `headers`, and returns whatever is answered.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is no answer in time.
    pub(crate) async fn get(&self, path: &str, headers: &HeaderMap) -> Result<HttpAnswer, Error> {
        loop {
            match self.get_once(path, headers).await {
                Ok(answer) => return Ok(answer),
                Err(SiteFailure::Stale) => {} // that socket is used up, and there are not many
                Err(SiteFailure::Failed(error)) => return Err(error),
            }
        }
    }

    /// The same with one request, which is not made again where an idle socket turns out to have ended.
    pub(crate) async fn get_once(&self, path: &str, headers: &HeaderMap) -> Result<HttpAnswer, SiteFailure> {
        let request = self.request(path, headers).map_err(SiteFailure::Failed)?;
        let answer = async { self.pool.slot().await.send(request).await };
        let failed = |why| SiteFailure::Failed(Error::Internal(format!("{}: {why}", self.authority)));
        match timeout(Duration::from_secs(ANSWER_SECS_MAX), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(HttpFailure::Stale(_))) => Err(SiteFailure::Stale),
            Ok(Err(unanswered)) => Err(failed(unanswered.to_string())),
            Err(_) => Err(failed("no answer in time".to_owned())),
        }
    }

    fn request(&self, path: &str, headers: &HeaderMap) -> Result<Request<Full<Bytes>>, Error> {
        let target = format!("{}{path}", self.path);
        let request = Request::get(if target.is_empty() { "/" } else { &target })
            .header(header::HOST, self.authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, USER_AGENT);
        let mut request =
            request.body(Full::default()).map_err(|error| Error::internal("a request", &error))?;
        request.headers_mut().extend(headers.clone());
        Ok(request)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("authority", &self.authority)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_of_https_or_on_this_machine() {
        for good in [
            "https://api.whop.com/api/v1",
            "http://127.0.0.1:8080/jwks",
            "http://localhost/jwks",
            "http://[::1]:80",
        ] {
            assert!(Site::new(good, 1024).is_ok(), "{good}");
        }
        for bad in [
            "",
            "jwks.json",
            "/jwks",
            "http://api.whop.com/",
            "ftp://127.0.0.1/",
            "https://",
            "http://127.0.0.1.evil.example/",
            "https://user:hunter2@api.whop.com/",
            "http://localhost@evil.example/",
        ] {
            let error = Site::new(bad, 1024).expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
