//! Requests to a server outside of AWS: an issuer's key set, Whop's API.
//!
//! Only `https` is used, except on this machine, where tests and the local stack run their servers. No redirect is
//! followed, no response is read beyond its size limit, and none is awaited for longer than [`ANSWER_SECS_MAX`].

use std::{fmt, time::Duration};

use bytes::Bytes;
use funnelcast_core::Error;
use http::{HeaderMap, HeaderValue, Request, Uri, header, uri::Authority};
use http_body_util::Full;
use tokio::time::timeout;

use funnelcast_aws::pool::{HttpAnswer, HttpFailure, Pool};

/// How long a request may take in seconds, including the wait for a socket. A client is waiting meanwhile.
pub(crate) const ANSWER_SECS_MAX: u64 = 3;
/// The number of sockets to one server.
const SOCKETS_MAX: usize = 4;
/// The `User-Agent` that is sent: some servers refuse requests without one.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("funnelcast/", env!("CARGO_PKG_VERSION")));

/// A server that is called occasionally.
pub(crate) struct Site {
    pool: Pool,
    authority: Authority,
    path: String,
}

/// Why a single request has no response.
#[derive(Debug)]
pub(crate) enum SiteFailure {
    /// The request used an idle socket that had been closed; the server may have received it all the same. A repeated
    /// request uses another socket.
    Stale,
    /// The request failed for any other reason.
    Failed(Error),
}

impl Site {
    /// A server at `url`, whose path is the prefix of all request paths. Of each response, at most `answer_bytes_max`
    /// are read.
    ///
    /// # Errors
    /// [`Error::Internal`] if `url` is neither an `https` URL nor an `http` URL on this machine.
    pub(crate) fn new(url: &str, answer_bytes_max: usize) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Internal(format!("{url:?} {why}"));
        let parsed: Uri = url.parse().map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        let (scheme, authority) = (parsed.scheme_str(), parsed.authority().cloned());
        let authority = authority.ok_or_else(|| wrong("has no host"))?;
        let is_here = matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]");
        if authority.as_str().contains('@') {
            return Err(Error::Internal("a URL must not have a user or a password".into())); // so that no log contains them
        }
        if scheme != Some("https") && !(scheme == Some("http") && is_here) {
            return Err(wrong("must be an https URL"));
        }
        let path = parsed.path_and_query().map_or("", |path| path.as_str()).trim_end_matches('/').to_owned();
        let pool = Pool::new(parsed, SOCKETS_MAX, answer_bytes_max);
        Ok(Self { pool: pool.map_err(|error| Error::internal("TLS", &error))?, authority, path })
    }

    /// Gets `path` below the path of this site, with `headers`, and returns the response whatever its status.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no response in time.
    pub(crate) async fn get(&self, path: &str, headers: &HeaderMap) -> Result<HttpAnswer, Error> {
        loop {
            match self.get_once(path, headers).await {
                Ok(answer) => return Ok(answer),
                // That socket is discarded, so this ends after at most `SOCKETS_MAX` of them.
                Err(SiteFailure::Stale) => {}
                Err(SiteFailure::Failed(error)) => return Err(error),
            }
        }
    }

    /// Makes a single request, which is not repeated if an idle socket turns out to have been closed.
    pub(crate) async fn get_once(&self, path: &str, headers: &HeaderMap) -> Result<HttpAnswer, SiteFailure> {
        let request = self.request(path, headers).map_err(SiteFailure::Failed)?;
        let answer = async { self.pool.slot().await.send(request).await };
        let failed = |why| SiteFailure::Failed(Error::Internal(format!("{}: {why}", self.authority)));
        match timeout(Duration::from_secs(ANSWER_SECS_MAX), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(HttpFailure::Stale(_))) => Err(SiteFailure::Stale),
            Ok(Err(unanswered)) => Err(failed(unanswered.to_string())),
            Err(_) => Err(failed("no response in time".to_owned())),
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
    fn a_site_is_https_or_on_this_machine() {
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
