//! Credentials that expire and are replaced in time.

use std::sync::atomic::AtomicBool;

use aws_credential_types::{credential_fn::provide_credentials_fn, provider::error::CredentialsError};

use super::{super::signer::Signer, *};

/// How long credentials are valid in these tests.
const LIFE: Duration = Duration::from_mins(10);

/// Provides the keys `key-1`, `key-2` ... in turn, as long as it is working.
#[derive(Clone)]
struct Provider {
    clock: Clock,
    asked: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

impl Provider {
    fn new() -> Self {
        Self { clock: Clock::at(EXAMPLE_SECS), asked: Arc::default(), broken: Arc::default() }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn give(&self) -> Result<Credentials, CredentialsError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if self.broken.load(Ordering::Relaxed) {
            return Err(CredentialsError::provider_error("out of order"));
        }
        Ok(Credentials::builder()
            .access_key_id(format!("key-{number}"))
            .secret_access_key("secret")
            .session_token(format!("token-{number}"))
            .expiry(self.clock.now() + LIFE)
            .provider_name("test")
            .build())
    }

    fn signer(&self) -> Signer {
        let provider = self.clone();
        let provider = provide_credentials_fn(move || std::future::ready(provider.give()));
        Signer::new(&sdk_config(SharedCredentialsProvider::new(provider), &self.clock), "a.example").unwrap()
    }
}

/// The key that signs now.
async fn key(signer: &Signer) -> String {
    let stamp = signer.stamp().await.unwrap();
    let key = stamp.key.credentials.access_key_id().to_owned();
    assert_eq!(stamp.token.as_ref().unwrap(), &key.replace("key", "token"));
    key
}

#[tokio::test]
async fn credentials_are_fetched_once_and_again_before_they_expire() {
    let provider = Provider::new();
    let signer = provider.signer();
    for (secs, expected) in
        [(0, "key-1"), (0, "key-1"), (LIFE.as_secs() - 61, "key-1"), (1, "key-2"), (LIFE.as_secs(), "key-3")]
    {
        provider.clock.let_pass(Duration::from_secs(secs));
        assert_eq!(key(&signer).await, expected, "{secs} s later");
    }
    assert_eq!(provider.asked(), 3);
}

#[tokio::test]
async fn concurrent_posts_renew_credentials_once() {
    let provider = Provider::new();
    let signer = provider.signer();
    futures_util::future::join_all((0..50).map(|_| key(&signer))).await;
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn old_credentials_serve_until_they_expire_if_renewal_fails() {
    let provider = Provider::new();
    let signer = provider.signer();
    assert_eq!(key(&signer).await, "key-1");
    provider.broken.store(true, Ordering::Relaxed);
    provider.clock.let_pass(Duration::from_secs(LIFE.as_secs() - 1));
    assert_eq!(key(&signer).await, "key-1");
    provider.clock.let_pass(Duration::from_secs(1));
    let error = signer.stamp().await.err().unwrap().to_string();
    assert!(error.contains("out of order"), "{error}");
    provider.broken.store(false, Ordering::Relaxed);
    assert_eq!(key(&signer).await, "key-4");
}

#[test]
fn a_region_and_credentials_are_needed_from_the_start() {
    let sdk = SdkConfig::builder().region(Region::from_static("us-east-1")).build();
    let error = Poster::new("https://a.example", &sdk, Patience::default()).unwrap_err();
    assert!(error.to_string().contains("credentials"), "{error}");
    let provider = SharedCredentialsProvider::new(credentials(None));
    let sdk = SdkConfig::builder().credentials_provider(provider).build();
    let error = Poster::new("https://a.example", &sdk, Patience::default()).unwrap_err();
    assert!(error.to_string().contains("region"), "{error}");
}
