//! Every function answers its samples in `events/` as it must, invoked one by one as `make sam-local` does in containers.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use tests::Stack;
use tests::samples::{Invoker, invoke_all, listed};

#[tokio::test]
async fn every_function_answers_its_samples() -> Result<()> {
    // A stack of its own: the ids of the samples are fixed.
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    invoke_all(&stack, &Invoker::Stack, |_, _, _| {}).await
}

#[test]
fn no_function_and_no_sample_is_left_out() -> Result<()> {
    let (functions, samples) = listed();
    assert_eq!(set(functions), names("functions")?);
    assert_eq!(set(samples), names("events")?);
    Ok(())
}

fn set(names: Vec<&str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The names of a folder's entries, without extensions.
fn names(folder: &str) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder))?;
    let names =
        entries.map(|entry| Ok(entry?.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()));
    names.collect()
}
