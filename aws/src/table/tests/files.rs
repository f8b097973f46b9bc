//! Files: how long they live, and that what has been found out about one is written once.

use funnelcast_core::{
    file::{Attachment, FileRefusal, FileState, FileUpdate},
    message::ChangeKind,
};

use super::{
    changes::{change, delete},
    *,
};
use crate::table::files::{FileOwner, StoredFile, UNUSED_FILE_LIFE};

fn file(state: FileState) -> Attachment {
    let name = "a.png".to_owned().try_into().unwrap();
    let new = Attachment::new("file_1".parse().unwrap(), name, "image/png".parse().unwrap(), 70);
    Attachment { state, ..new }
}

impl TestTable {
    async fn put_file_of_ann(&self, state: FileState, at: Timestamp) {
        let stored = StoredFile::new(FileOwner::User("ann".parse().unwrap()), channel(), file(state));
        self.put_file(stored, at).await.unwrap();
    }

    /// The `ttl` of the file's item.
    async fn file_ttl(&self) -> Option<i64> {
        let item = self.get("FILE#file_1".to_owned(), "META".to_owned()).send().await.unwrap().item.unwrap();
        item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_found_out_is_written_once() {
    let table = TestTable::new().await;
    table.put_file_of_ann(FileState::Uploading, now()).await;
    let id = &file(FileState::Ready).id;
    assert_eq!(table.file_uploaded(id).await.unwrap().unwrap().file.state, FileState::Checking);
    assert_eq!(table.file_uploaded(id).await.unwrap(), None);
    let ready = Attachment { width: Some(3), ..file(FileState::Ready) };
    let before = table.file(id).await.unwrap().unwrap();
    assert!(table.settle_file(&before, &ready, now()).await.unwrap());
    let refused = Attachment { refusal: Some(FileRefusal::Damaged), ..file(FileState::Refused) };
    assert!(!table.settle_file(&before, &refused, now()).await.unwrap(), "the twin that came later");
    assert_eq!(table.file_uploaded(id).await.unwrap(), None);
    table.file_is_clean(id).await.unwrap();
    let stored = table.file(id).await.unwrap().unwrap();
    assert_eq!((stored.file, stored.is_clean, stored.message), (ready, true, None));
    table.file_is_clean(&"other".parse().unwrap()).await.unwrap();
    assert_eq!(
        table.files(&["other".parse().unwrap(), id.clone()]).await.unwrap().iter().flatten().count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_no_message_names_is_gone_after_a_day() {
    let table = TestTable::new().await;
    let before =
        Timestamp::from_millis(now().as_millis() - i64::try_from(UNUSED_FILE_LIFE.as_millis()).unwrap());
    table.put_file_of_ann(FileState::Ready, before).await;
    assert_eq!(table.file(&"file_1".parse().unwrap()).await.unwrap(), None);
    assert_eq!(table.files(&["file_1".parse().unwrap()]).await.unwrap(), [None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_lives_as_long_as_its_message() {
    let table = TestTable::new().await;
    table.put_file_of_ann(FileState::Ready, now()).await;
    let unused = table.file_ttl().await.unwrap();
    assert_eq!(unused, (now() + UNUSED_FILE_LIFE).as_secs());
    let publication = message("look");
    let read = table.file(&"file_1".parse().unwrap()).await.unwrap().unwrap();
    let mut view = table.look_back(&channel(), Known::Nothing).await.unwrap();
    let appended =
        table.append_with_files(&mut view, &publication, std::slice::from_ref(&read)).await.unwrap();
    assert_eq!(Sent::of(appended.unwrap()), Sent::New(1));
    assert!(table.file_ttl().await.unwrap() >= unused + 5 * 24 * 3600, "the message is kept for a week");
    let mut view = table.look_back(&channel(), Known::Nothing).await.unwrap();
    let taken =
        table.append_with_files(&mut view, &message("again"), std::slice::from_ref(&read)).await.unwrap();
    assert!(taken.is_none(), "it is in a message");
    assert_eq!(table.seqs().await, [1]);
    let mut view = table.look_back(&channel(), Known::Nothing).await.unwrap();
    let repeated = table.append_with_files(&mut view, &publication, &[read]).await.unwrap();
    assert_eq!(
        Sent::of(repeated.unwrap()),
        Sent::New(1),
        "the SDK repeats a transaction whose answer is lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_says_of_a_file_goes_with_its_message() {
    let table = TestTable::new().await;
    table.put_file_of_ann(FileState::Checking, now()).await;
    let read = table.file(&"file_1".parse().unwrap()).await.unwrap().unwrap();
    let mut view = table.look_back(&channel(), Known::Nothing).await.unwrap();
    let look = message("look").with_attachments(vec![read.file.clone()]).unwrap();
    table.append_with_files(&mut view, &look, &[read]).await.unwrap().unwrap();
    table.send(&message("between"), base(1)).await;
    let ready = Attachment { width: Some(3), ..file(FileState::Ready) };
    let found = change("user_1", 1, ChangeKind::File(ready.clone()));
    let found = Publication { key: Some("file:file_1".parse().unwrap()), ..found };
    table.change_message(&found, base(2)).await.unwrap();
    assert_eq!(table.data(3).await, json!({"target": 1, "file": ready}));
    table.change_message(&delete(1), base(3)).await.unwrap();
    let removed = FileUpdate::removed(Some(Seq::ZERO.next()), FileState::Ready).unwrap();
    assert_eq!(table.data(3).await, json!(removed), "its form is kept, which clients know");
    let stored = format!("{:?}", table.log_items().await);
    for said in ["a.png", "image/png", "width", "file_1"] {
        assert!(!stored.contains(said), "{said}: {stored}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decodings_that_never_end_are_counted() {
    let table = TestTable::new().await;
    table.put_file_of_ann(FileState::Checking, now()).await;
    let id = &file(FileState::Checking).id;
    assert_eq!(table.begin_decoding(id).await.unwrap(), 1);
    assert_eq!(table.begin_decoding(id).await.unwrap(), 2, "the first has ended its process");
    table.end_decoding(id).await.unwrap();
    assert_eq!(table.begin_decoding(id).await.unwrap(), 1);
    let stored = table.file(id).await.unwrap().unwrap();
    assert_eq!(stored.file, file(FileState::Checking), "nothing else has changed");
    let gone = "file_2".parse().unwrap();
    assert_eq!(table.begin_decoding(&gone).await.unwrap(), 1);
    table.end_decoding(&gone).await.unwrap();
    assert_eq!(table.file(&gone).await.unwrap(), None);
}
