//! What is left after a stack has ended, in whatever way.

use std::fs;

use super::*;
use crate::s3::checksums::{Algorithm, ChecksumKind, Checksums};

async fn file(store: &Store, bytes: &[u8]) -> StoredFile {
    let mut file = store.new_file().await.unwrap();
    file.write(bytes).await.unwrap();
    file.finish().await.unwrap()
}

fn record(files: Vec<StoredFile>) -> Record {
    Record {
        bytes: files.iter().map(|file| file.bytes).sum(),
        files,
        etag: "e".to_owned(),
        modified_ms: 1,
        checksums: Checksums::default(),
        headers: ObjectHeaders::default(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a precondition may refuse")]
fn any(_: Option<&Record>) -> S3Result<()> {
    Ok(())
}

fn count(data: &Path) -> usize {
    fs::read_dir(data.join(FOLDER)).unwrap().count()
}

#[tokio::test]
async fn objects_and_parts_stay_and_what_was_not_finished_goes() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(Some(data.path())).unwrap();
    let object = record(vec![file(&store, b"kept").await]);
    store.put("b", "k", &object, &any).unwrap();
    let upload = UploadRecord {
        bucket: "b".to_owned(),
        key: "u".to_owned(),
        initiated_ms: 1,
        algorithm: Algorithm::Crc64nvme,
        kind: ChecksumKind::FullObject,
        headers: ObjectHeaders::default(),
    };
    store.begin("id", &upload).unwrap();
    let part = PartRecord {
        file: file(&store, b"part").await,
        etag: "e".to_owned(),
        modified_ms: 1,
        checksums: Checksums::default(),
    };
    assert!(store.put_part("id", 1, &part).unwrap());
    file(&store, b"a stack was killed before the index named this").await;
    drop(store.new_file().await.unwrap());
    assert_eq!(count(data.path()), 3, "what is given up is removed at once");
    drop(store);

    let store = Store::open(Some(data.path())).unwrap();
    assert_eq!(count(data.path()), 2);
    assert_eq!(store.get("b", "k").unwrap(), Some(object));
    assert_eq!(store.parts("id").unwrap(), [(1, part)]);
    assert_eq!(store.uploads("b").unwrap(), [("id".to_owned(), upload)]);
    store.abort("id").unwrap();
    store.remove("b", "k", &any).unwrap();
    assert_eq!(count(data.path()), 0);
}

#[tokio::test]
async fn a_part_of_an_upload_that_has_ended_is_not_kept() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(Some(data.path())).unwrap();
    let late = PartRecord {
        file: file(&store, b"late").await,
        etag: String::new(),
        modified_ms: 1,
        checksums: Checksums::default(),
    };
    assert!(!store.put_part("ended", 1, &late).unwrap());
    assert_eq!(count(data.path()), 0);
}

#[tokio::test]
async fn a_precondition_that_does_not_hold_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(Some(data.path())).unwrap();
    let old = record(vec![file(&store, b"old").await]);
    store.put("b", "k", &old, &any).unwrap();
    let new = record(vec![file(&store, b"new").await]);
    let refuse = |_: Option<&Record>| Err(s3s::s3_error!(PreconditionFailed));
    assert!(store.put("b", "k", &new, &refuse).is_err());
    assert!(store.remove("b", "k", &refuse).is_err());
    assert_eq!((store.get("b", "k").unwrap(), count(data.path())), (Some(old), 1));
}
