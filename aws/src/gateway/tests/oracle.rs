//! The same request, byte for byte, and the same signature as the SDK's at the same moment.

use std::time::Duration;

use aws_sdk_apigatewaymanagement::{
    Client,
    config::{
        Builder, ConfigBag, Credentials, Intercept, RuntimeComponents, SharedCredentialsProvider,
        interceptors::BeforeTransmitInterceptorContextMut,
    },
    error::BoxError,
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use proptest::prelude::*;

use super::{
    super::sign::{DayKey, Moment, SERVICE, Stamp},
    *,
};

/// Headers that only the SDK sends, about itself: they are not compared.
const TELEMETRY: [&str; 3] = ["x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request"];

#[derive(Debug)]
struct WithoutTelemetry;

impl Intercept for WithoutTelemetry {
    fn name(&self) -> &'static str {
        "WithoutTelemetry"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for header in TELEMETRY {
            context.request_mut().headers_mut().remove(header);
        }
        Ok(())
    }
}

fn sdk_client(stub: &Stub, clock: &Clock, credentials: Credentials) -> Client {
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials), clock);
    let config = Builder::from(&sdk).endpoint_url(stub.url()).interceptor(WithoutTelemetry).build();
    Client::from_conf(config)
}

/// Posts by both, and compares what arrived.
async fn same_request(clock: &Clock, token: Option<&str>, connection: &ConnectionId, frame: &Frame) {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    assert_eq!(poster_at(&stub, clock, token).post(connection, frame).await, PostOutcome::Sent);
    let client = sdk_client(&stub, clock, credentials(token));
    assert_eq!(post_by_sdk(&client, connection, frame).await, PostOutcome::Sent);
    let [ours, sdks] = stub.requests().try_into().unwrap();
    assert_eq!((ours.method.as_str(), ours.target.as_str()), (sdks.method.as_str(), sdks.target.as_str()));
    assert_eq!(ours.body, sdks.body);
    let signed = ["host", "content-type", "content-length", "x-amz-date", "x-amz-security-token"];
    for header in signed.into_iter().chain(["authorization"]) {
        assert_eq!(ours.header(header), sdks.header(header), "{header} of {connection}");
    }
    assert!(ours.header("authorization").is_some());
    assert_eq!(ours.header("x-amz-security-token"), token);
}

#[tokio::test]
async fn a_post_is_the_sdks_post() {
    let clock = Clock::at(EXAMPLE_SECS);
    for id in ["L0SM9cOFvHcCIhw=", "a+b/c=", "-_", "=", &"+/=".repeat(42)] {
        same_request(&clock, None, &connection(id), &frame("hello")).await;
    }
    let id = connection("L0SM9cOFvHcCIhw=");
    for body in ["", "{\"type\":\"event\"}", "\u{1f600} ünïcode", &"x".repeat(32 * 1024)] {
        same_request(&clock, None, &id, &frame(body)).await;
        same_request(&clock, Some("IQoJb3JpZ2luX2VjEHAaCXVzLWVhc3QtMSJHMEUCIQD//+/="), &id, &frame(body))
            .await;
    }
}

#[tokio::test]
async fn a_signature_is_the_sdks_in_the_next_second_and_on_the_next_day() {
    let (clock, id, frame) = (Clock::at(EXAMPLE_SECS), connection("L0SM9cOFvHcCIhw="), frame("hello"));
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let (poster, client) = (poster_at(&stub, &clock, None), sdk_client(&stub, &clock, credentials(None)));
    for time in [0, 1, 59, 11 * 3600 + 23 * 60, 1, 365 * 24 * 3600] {
        clock.let_pass(Duration::from_secs(time));
        assert_eq!(poster.post(&id, &frame).await, PostOutcome::Sent);
        assert_eq!(post_by_sdk(&client, &id, &frame).await, PostOutcome::Sent);
    }
    let requests = stub.requests();
    let mut dates = Vec::new();
    for pair in requests.chunks(2) {
        assert_eq!(pair[0].header("authorization"), pair[1].header("authorization"));
        dates.push(pair[0].header("x-amz-date").unwrap());
    }
    assert_eq!(
        dates,
        [
            "20150830T123600Z",
            "20150830T123601Z",
            "20150830T123700Z",
            "20150831T000000Z",
            "20150831T000001Z",
            "20160830T000001Z"
        ]
    );
}

proptest! {
    /// The SDK's signer, called as the SDK calls it for this operation, for any input.
    #[test]
    fn a_signature_is_the_sdks_signature(
        id in "[A-Za-z0-9_=+/-]{1,128}",
        stage in "(/[A-Za-z0-9_$~-][A-Za-z0-9_$.~-]{0,19}){0,2}",
        body in proptest::collection::vec(any::<u8>(), 0..300),
        token in proptest::option::of("[!-~]{1,1500}"),
        secs in 0_u64..4_000_000_000,
    ) {
        let url = format!("https://abc123.execute-api.eu-central-1.amazonaws.com{stage}");
        let (endpoint, connection) = (Endpoint::parse(&url).unwrap(), connection(&id));
        let at = UNIX_EPOCH + Duration::from_secs(secs);
        let frame = Frame::from(Bytes::from(body.clone()));
        let moment = Moment::new(at).unwrap();
        let key = DayKey::new(credentials(token.as_deref()), &moment, "eu-central-1", SERVICE);
        let stamp = Stamp::new(Arc::new(key), &moment, endpoint.host.to_str().unwrap()).unwrap();
        let ours = stamp.authorize(&endpoint, &connection, &frame).unwrap();

        let identity = credentials(token.as_deref()).into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(SERVICE)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let uri = format!("https://{}{}", endpoint.host.to_str().unwrap(), endpoint.target(&connection).unwrap());
        let length = body.len().to_string();
        let headers = [("content-type", "application/octet-stream"), ("content-length", length.as_str())];
        let request = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
        let sdks = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1;
        prop_assert_eq!(ours.to_str().unwrap(), sdks);
    }
}
