//! Endpoints, and the paths below them.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;

fn parts(url: &str) -> (String, String, String) {
    let endpoint = Endpoint::parse(url).unwrap();
    let target = endpoint.target(&connection("a=")).unwrap();
    (endpoint.origin.to_string(), endpoint.host.to_str().unwrap().to_owned(), target.to_string())
}

#[test]
fn an_endpoint_is_a_url_with_or_without_a_stage() {
    let expected = |origin: &str, host: &str, target: &str| (origin.into(), host.into(), target.into());
    assert_eq!(
        parts("https://abc.execute-api.us-east-1.amazonaws.com/prod"),
        expected(
            "https://abc.execute-api.us-east-1.amazonaws.com/",
            "abc.execute-api.us-east-1.amazonaws.com",
            "/prod/@connections/a%3D"
        )
    );
    assert_eq!(
        parts("https://rt.example.com"),
        expected("https://rt.example.com/", "rt.example.com", "/@connections/a%3D")
    );
    assert_eq!(
        parts("http://127.0.0.1:3001/dev/"),
        expected("http://127.0.0.1:3001/", "127.0.0.1:3001", "/dev/@connections/a%3D")
    );
    assert_eq!(parts("https://a.example:443/x").1, "a.example");
    assert_eq!(parts("http://a.example:443/x").1, "a.example:443");
    assert_eq!(parts("http://[::1]:80/x").1, "[::1]");
}

#[test]
fn an_invalid_endpoint_is_refused_by_name() {
    for wrong in ["", "dev", "/dev", "ws://a.example/dev", "a.example/dev", "https://", "https://a b/"] {
        let error = Endpoint::parse(wrong).unwrap_err().to_string();
        assert!(error.starts_with("the parameter ManagementEndpoint must be"), "{wrong:?}: {error}");
    }
}

proptest! {
    #[test]
    fn an_id_is_one_segment_and_comes_back(id in "[A-Za-z0-9_=+/-]{1,128}") {
        let endpoint = Endpoint::parse("https://a.example/dev").unwrap();
        let connection = connection(&id);
        let target = endpoint.target(&connection).unwrap();
        let segments: Vec<&str> = target.path().split('/').collect();
        prop_assert_eq!(&segments[..3], ["", "dev", "@connections"]);
        prop_assert_eq!(segments.len(), 4);
        prop_assert!(segments[3].bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        prop_assert_eq!(percent_decode_str(segments[3]).decode_utf8().unwrap(), id.as_str());
        let canonical: String = endpoint.canonical_target(&connection).collect();
        let once = percent_decode_str(&canonical).decode_utf8().unwrap();
        prop_assert_eq!(once, target.path());
    }
}
