//! The examples that AWS publishes
//! (<https://github.com/awslabs/aws-c-auth/tree/v0.9.0/tests/aws-signing-test-suite/v4>). In `vectors.txt` each has
//! its name and its signature, followed by the canonical request.
//!
//! Examples of requests other than posts are signed here from their canonical request on.

use super::{
    super::{
        frame::sha256_hex,
        sign::{DayKey, Moment, Stamp},
    },
    *,
};

fn stamp(at_secs: u64) -> Stamp {
    let moment = Moment::new(UNIX_EPOCH + Duration::from_secs(at_secs)).unwrap();
    let key = DayKey::new(credentials(None), &moment, "us-east-1", "service");
    Stamp::new(Arc::new(key), &moment, "example.amazonaws.com").unwrap()
}

#[test]
fn every_canonical_request_is_signed_as_published() {
    let vectors: Vec<&str> = include_str!("vectors.txt").split("=== ").skip(1).collect();
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let (title, canonical_request) = vector.split_once('\n').unwrap();
        let (name, signature) = title.split_once(' ').unwrap();
        let canonical_request = canonical_request.strip_suffix('\n').unwrap();
        assert_eq!(stamp(EXAMPLE_SECS).sign(std::iter::once(canonical_request)), signature, "{name}");
        // The signature is the same if the request is given in pieces.
        let pieces = canonical_request.split_inclusive(['\n', '/']);
        assert_eq!(stamp(EXAMPLE_SECS).sign(pieces), signature, "{name}");
    }
}

/// The suite's `double-encode-path`, which is about the management API.
#[test]
fn the_path_of_a_connection_is_canonical_as_published() {
    let endpoint = Endpoint::parse("https://tj9n5r0m12.execute-api.us-east-1.amazonaws.com/test").unwrap();
    let connection = connection("JBDvjfGEIAMCERw=");
    let canonical: String = endpoint.canonical_target(&connection).collect();
    assert_eq!(endpoint.target(&connection).unwrap(), "/test/@connections/JBDvjfGEIAMCERw%3D");
    assert_eq!(canonical, "/test/%40connections/JBDvjfGEIAMCERw%253D");
}

#[test]
fn the_hash_of_an_empty_body_is_the_known_one() {
    let known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256_hex([""; 0]), known);
    assert_eq!(frame("").sha256, known);
}
