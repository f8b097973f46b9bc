//! The bucket of files: an upload, and the function that is told of it. Tests by boto3 and the AWS CLI are in `tests/s3`.

use std::fs;

use anyhow::{Context as _, Result};
use http::{Method, StatusCode};
use serde_json::Value;
use tests::{Stack, eventually, unique};

/// The log lines of the function `files` so far that have this message.
fn noted(stack: &Stack, message: &str) -> Result<Vec<Value>> {
    let log = fs::read_to_string(stack.log().context("a log")?)?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.filter(|line| line["function"] == "files" && line["message"] == message).collect())
}

#[tokio::test]
async fn an_upload_reaches_its_function_which_removes_what_nobody_has_asked_for() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let (file, upload) = (format!("file/{}", unique("f")), format!("upload/{}", unique("f")));
    let digest = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="; // the SHA-256 of "hello"
    let headers = [("content-type", "text/plain"), ("x-amz-checksum-sha256", digest)];
    let refused = stack.ask_bucket(Method::PUT, &upload, &headers, b"other").await?;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::BAD_REQUEST, "BadDigest"));
    for key in [&file, &upload] {
        let put = stack.ask_bucket(Method::PUT, key, &headers, b"hello").await?;
        assert_eq!((put.status, put.code()), (StatusCode::OK, String::new()));
    }
    eventually("the upload to be removed", async || {
        let got = stack.ask_bucket(Method::GET, &upload, &[], b"").await?;
        Ok((got.code() == "NoSuchKey").then_some(()))
    })
    .await?;
    let got = stack.ask_bucket(Method::GET, &file, &[], b"").await?;
    assert_eq!((&got.body[..], &got.headers["content-type"]), (&b"hello"[..], &"text/plain".parse()?));
    Ok(())
}

#[tokio::test]
async fn faults_of_s3_meet_functions_alone() -> Result<()> {
    let faults = ["--fault", "s3_before=1", "--fault", "s3_slow_down=1", "--fault", "lost_notification=1"];
    let Some(stack) = Stack::private(&[&faults[..], &["--log-format", "json"]].concat())? else {
        return Ok(());
    };
    let upload = format!("upload/{}", unique("f"));
    let put = stack.ask_bucket(Method::PUT, &upload, &[], b"hello").await?;
    assert_eq!(put.status, StatusCode::OK, "the owner of the account has no faults");
    assert_eq!(stack.faults().await?["injected"]["lost_notification"], 1);
    assert!(noted(&stack, "uploaded")?.is_empty());
    Ok(())
}
