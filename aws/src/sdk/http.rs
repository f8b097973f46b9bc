//! The HTTP client of the SDKs: hyper-util's pool over the connector that the poster uses too.
//!
//! The SDK's own client reads the machine's certificates at every start, which took 2 ms of a function's 5 ms of CPU
//! time, and brings HTTP/2 and a second way to configure TLS. The services of AWS accept HTTP/1.1, and Mozilla's
//! roots are compiled in.

use std::fmt;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect},
    rt::TokioExecutor,
};

use crate::{pool, trace};

/// One pool for all clients that are created from one configuration. It has no timeouts, because the SDK limits the
/// time of a call, including the socket.
#[derive(Debug, Clone)]
pub(crate) struct SdkHttp {
    client: Client<HttpsConnector<connect::HttpConnector>, SdkBody>,
    connector: SharedHttpConnector,
}

struct Connector(Client<HttpsConnector<connect::HttpConnector>, SdkBody>);

impl SdkHttp {
    /// A pool without sockets.
    ///
    /// # Errors
    /// If the TLS library does not support what it was built for.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let connector = pool::connector(pool::roots())?;
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { connector: SharedHttpConnector::new(Connector(client.clone())), client })
    }

    /// Opens a socket to the host of `url` by a request without effect: DynamoDB answers `/ping` without credentials,
    /// and any other response leaves the socket open too. If this fails, the first call will fail too and say why.
    pub(crate) async fn open(&self, url: &str) {
        let opening = async {
            let request = Request::get(format!("{url}/ping")).body(SdkBody::empty())?;
            let answer = self.client.request(request).await?;
            answer.into_body().collect().await?;
            Ok::<_, BoxError>(())
        };
        pool::beforehand(url, opening).await;
    }

    /// Sends a request that has been signed.
    ///
    /// # Errors
    /// If no socket can be opened, or if it ends before the response.
    pub(crate) async fn send(
        &self,
        request: Request<SdkBody>,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        self.client.request(request).await
    }
}

impl HttpClient for SdkHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector.clone()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let mut request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            if let Some(trace) = trace::current() {
                request.headers_mut().insert(trace::HEADER, trace);
            }
            let response = client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    ConnectorError::io(error.into()).never_connected()
                } else {
                    // The socket was closed: the SDK retries, as it does with its own client.
                    ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
                }
            })?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_apigatewaymanagement::{
        Client,
        config::{Builder, SharedCredentialsProvider, retry::RetryConfig},
    };

    use funnelcast_testing::gateway::{Answer, Stub};

    use super::*;
    use crate::gateway::tests::{Clock, EXAMPLE_SECS, credentials, sdk_config};

    fn client(url: &str) -> Client {
        client_over(SdkHttp::new().unwrap(), url)
    }

    fn client_over(http: SdkHttp, url: &str) -> Client {
        let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
        let config = Builder::from(&sdk)
            .endpoint_url(url)
            .http_client(http)
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)));
        Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn a_socket_is_kept_alive_and_reused() {
        let stub = Stub::answering(&[Answer::Status(204)]).await;
        let client = client(&stub.url());
        for _ in 0..3 {
            client.delete_connection().connection_id("ann=").send().await.unwrap();
        }
        assert_eq!(stub.sockets_opened(), 1);
        assert_eq!(stub.requests()[2].target, "/dev/@connections/ann%3D");
    }

    #[tokio::test]
    async fn the_first_call_finds_the_socket_that_was_opened_for_it() {
        let stub = Stub::answering(&[Answer::Status(404), Answer::Status(204)]).await;
        let http = SdkHttp::new().unwrap();
        http.open(&stub.url()).await;
        assert_eq!((stub.sockets_opened(), stub.requests()[0].target.as_str()), (1, "/dev/ping"));
        client_over(http, &stub.url()).delete_connection().connection_id("ann=").send().await.unwrap();
        assert_eq!((stub.sockets_opened(), stub.requests().len()), (1, 2));
        SdkHttp::new().unwrap().open("http://127.0.0.1:1").await; // nothing listens there: no harm
    }

    #[tokio::test]
    async fn a_refusal_is_read() {
        let stub = Stub::answering(&[Answer::Status(410)]).await;
        let error = client(&stub.url()).delete_connection().connection_id("ann=").send().await.unwrap_err();
        assert!(error.into_service_error().is_gone_exception());
    }

    #[tokio::test]
    async fn a_call_on_a_lost_socket_is_retried() {
        let stub = Stub::answering(&[Answer::Reset, Answer::Status(204)]).await;
        client(&stub.url()).delete_connection().connection_id("ann=").send().await.unwrap();
        assert_eq!(stub.requests().len(), 2);
    }

    #[tokio::test]
    async fn an_unreachable_server_is_an_error_after_all_attempts() {
        let url = Stub::answering(&[Answer::Never]).await.url(); // dropped at once
        let error = client(&url).delete_connection().connection_id("ann=").send().await.unwrap_err();
        assert!(error.as_service_error().is_none());
    }
}
