//! A function's binary is replaced while the stack runs.

use std::{
    fs::{self, File},
    io::{Seek as _, Write as _},
    time::Duration,
};

use super::{
    super::fixture::{BOOTSTRAP, fixture},
    gone,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_was_replaced_is_reloaded() {
    let fixture = fixture(&[]).await;
    let before: i32 = fixture.invoke("pid").await.unwrap().parse().unwrap();
    fixture.replace_binary();
    let after = fixture.invoke("pid").await.unwrap();
    assert_ne!(after, before.to_string());
    gone(before).await;
    assert_eq!(fixture.invoke("pid").await.unwrap(), after, "the new build is reloaded once");
    // Without an invocation the process of the old build is ended as well.
    fixture.replace_binary();
    gone(after.parse().unwrap()).await;
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_the_old_build_finishes_its_invocation() {
    let fixture = fixture(&[]).await;
    let old = fixture.invoke("pid").await.unwrap();
    let replaced = async {
        fixture.until(|| fixture.met() == 1).await;
        fixture.replace_binary();
        fixture.invoke("meet 2").await
    };
    let (first, second) = tokio::join!(fixture.invoke("meet 1"), replaced);
    let second = second.unwrap();
    assert_eq!(first.unwrap(), old);
    assert_ne!(second, old);
    gone(old.parse().unwrap()).await;
    assert_eq!(fixture.invoke("pid").await.unwrap(), second);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_is_still_being_written_is_not_started() {
    let fixture = fixture(&[]).await;
    let before = fixture.invoke("pid").await.unwrap();
    let mut file = File::options().write(true).truncate(true).open(fixture.binary()).unwrap();
    file.write_all(b"#!/bin/sh\nexit 9\n").unwrap();
    let written = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            file.write_all(b"# more is to come\n").unwrap();
        }
        file.rewind().unwrap();
        file.set_len(0).unwrap();
        file.write_all(BOOTSTRAP.as_bytes()).unwrap();
        drop(file);
    };
    let (invoked, ()) = tokio::join!(fixture.invoke("pid"), written);
    assert_ne!(invoked.unwrap(), before);
    fixture.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_process_works_without_its_binary() {
    let fixture = fixture(&[]).await;
    let before = fixture.invoke("pid").await.unwrap();
    fs::remove_file(fixture.binary()).unwrap();
    assert_eq!(fixture.invoke("pid").await.unwrap(), before);
    fixture.replace_binary();
    assert_ne!(fixture.invoke("pid").await.unwrap(), before);
    fixture.lambda.stop().await;
}
