//! A gateway over `https`, as every gateway except the local one is.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::{sockets::post_many, *};
use crate::pool::OPENING_AT_ONCE;

/// A gateway whose certificate is for `name`, and the roots that trust it.
async fn gateway_of(name: &str) -> (Stub, RootCertStore) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    (Stub::start_tls(TlsAcceptor::from(Arc::new(config))).await, roots)
}

fn poster(stub: &Stub, roots: RootCertStore, patience: Patience) -> Poster {
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
    Poster::trusting(roots, &stub.url(), &sdk, patience).unwrap()
}

async fn post(poster: &Poster) -> PostOutcome {
    poster.post(&connection("a="), &frame("hello")).await
}

#[tokio::test]
async fn a_gateway_with_a_valid_certificate_is_posted_to() {
    let (stub, roots) = gateway_of("127.0.0.1").await;
    let poster = poster(&stub, roots, Patience::default());
    for _ in 0..3 {
        assert_eq!(post(&poster).await, PostOutcome::Sent);
    }
    assert_eq!((stub.sockets_opened(), stub.requests().len()), (1, 3));
    assert_eq!(stub.requests()[0].target, "/dev/@connections/a%3D");
}

/// A process that has just started has one socket. Its posts need not wait for others, and do not open one each.
#[tokio::test]
async fn posts_take_what_comes_first_a_socket_that_is_free_or_a_new_one() {
    const POSTS: usize = 60;
    let (stub, roots) = gateway_of("127.0.0.1").await;
    stub.serve_only(1);
    let poster = poster(&stub, roots, Patience::default());
    poster.open().await;
    assert_eq!(post_many(&poster, POSTS).await, POSTS);
    assert_eq!(stub.requests().len(), POSTS, "none was repeated");
    tokio::task::yield_now().await;
    assert_eq!(poster.sockets_opening(), 0, "when Lambda freezes the process");
    assert!(stub.sockets_opened() <= 1 + OPENING_AT_ONCE, "{} sockets", stub.sockets_opened());
}

/// Each session of TLS gives two tickets, by which others are resumed.
#[tokio::test]
async fn sockets_resume_the_session_of_those_before_them() {
    let (stub, roots) = gateway_of("127.0.0.1").await;
    let poster = poster(&stub, roots, Patience::default());
    poster.open().await;
    assert_eq!(post_many(&poster, IN_FLIGHT_MAX).await, IN_FLIGHT_MAX);
    let (opened, resumed) = (stub.sockets_opened(), stub.sockets_resumed());
    assert!(opened - resumed <= 3 * OPENING_AT_ONCE, "{resumed} of {opened}");
}

#[tokio::test]
async fn a_gateway_with_an_invalid_certificate_gets_nothing() {
    let hasty = Patience { post: Duration::from_millis(100), ..Patience::default() };
    let (other, roots_of_other) = gateway_of("other.example").await;
    assert_eq!(post(&poster(&other, roots_of_other.clone(), hasty)).await, PostOutcome::Failed, "its name");
    let (unknown, _) = gateway_of("127.0.0.1").await;
    assert_eq!(post(&poster(&unknown, roots_of_other, hasty)).await, PostOutcome::Failed, "its issuer");
    let sdk = sdk_config(SharedCredentialsProvider::new(credentials(None)), &Clock::at(EXAMPLE_SECS));
    let as_deployed = Poster::new(&unknown.url(), &sdk, hasty).unwrap();
    assert_eq!(post(&as_deployed).await, PostOutcome::Failed, "Mozilla's roots do not include its issuer");
    assert_eq!(other.requests().len() + unknown.requests().len(), 0);
}
