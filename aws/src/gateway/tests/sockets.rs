//! Sockets are kept alive and reused, and there are never more of them than posts under way.

use futures_util::{StreamExt, stream};

use super::*;

/// Posts this many at once, and returns how many were sent.
pub(super) async fn post_many(poster: &Poster, posts: usize) -> usize {
    let (id, frame) = (connection("L0SM9cOFvHcCIhw="), frame("hello"));
    let (id, frame) = (&id, &frame);
    stream::iter(0..posts)
        .map(async |_| poster.post(id, frame).await)
        .buffer_unordered(posts)
        .filter(|delivered| std::future::ready(*delivered == PostOutcome::Sent))
        .count()
        .await
}

#[tokio::test]
async fn a_thousand_posts_share_a_hundred_sockets() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    assert_eq!(post_many(&poster, 1_000).await, 1_000);
    assert!(stub.sockets_opened() <= IN_FLIGHT_MAX, "{} sockets", stub.sockets_opened());
    assert!(stub.in_flight_most() > 1 && stub.in_flight_most() <= IN_FLIGHT_MAX);
}

#[tokio::test]
async fn one_post_after_another_needs_one_socket() {
    let stub = Stub::answering(&[Answer::Status(200), Answer::Status(410), Answer::Status(200)]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    for expected in [PostOutcome::Sent, PostOutcome::Gone, PostOutcome::Sent, PostOutcome::Sent] {
        assert_eq!(poster.post(&connection("a="), &frame("hello")).await, expected);
    }
    assert_eq!(stub.sockets_opened(), 1);
}

#[tokio::test]
async fn the_first_post_finds_the_socket_that_was_opened_for_it() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    poster.open().await;
    while stub.sockets_opened() == 0 {
        tokio::task::yield_now().await; // the socket opens before the stub has noticed it
    }
    assert_eq!(poster.post(&connection("a="), &frame("hello")).await, PostOutcome::Sent);
    assert_eq!((stub.sockets_opened(), stub.requests().len()), (1, 1));
}

#[tokio::test]
async fn an_answer_that_does_not_end_counts_by_its_status_and_costs_its_socket() {
    let stub = Stub::answering(&[Answer::Wordy(410), Answer::Wordy(200), Answer::Status(200)]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    for expected in [PostOutcome::Gone, PostOutcome::Sent, PostOutcome::Sent] {
        assert_eq!(poster.post(&connection("a="), &frame("hello")).await, expected);
    }
    assert_eq!((stub.sockets_opened(), stub.requests().len()), (3, 3));
}

#[tokio::test]
async fn a_server_that_closes_each_socket_is_asked_on_a_new_one() {
    let stub = Stub::answering(&[Answer::Last]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    assert_eq!(post_many(&poster, 300).await, 300);
    assert_eq!((stub.sockets_opened(), stub.requests().len()), (300, 300));
}

/// Allows a single attempt: the first pause would already be too long.
fn impatient() -> Patience {
    let hour = Duration::from_hours(1);
    Patience { first_pause: hour, longest_pause: hour, ..Patience::default() }
}

#[tokio::test]
async fn a_socket_that_was_closed_while_idle_costs_no_attempt() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let poster = poster_with(&stub, impatient());
    assert_eq!(post_many(&poster, 20).await, 20);
    let opened = stub.sockets_opened();
    stub.close_sockets().await;
    assert_eq!(poster.post(&connection("a="), &frame("hello")).await, PostOutcome::Sent);
    assert_eq!((stub.sockets_opened(), stub.requests().len()), (opened + 1, 21));
}

/// Lambda freezes the process between two invocations, and after its start. A socket that is closed meanwhile looks open when the
/// process continues, whether it has been used before or was opened beforehand.
#[tokio::test]
async fn a_socket_that_was_closed_while_frozen_costs_no_attempt() {
    for posts_before in [2, 0] {
        let elsewhere =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stub = elsewhere.spawn(Stub::answering(&[Answer::Status(200)])).await.unwrap();
        let stub = Arc::new(stub);
        let poster = poster_with(&stub, impatient());
        poster.open().await;
        while stub.sockets_opened() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..posts_before {
            assert_eq!(poster.post(&connection("a="), &frame("hello")).await, PostOutcome::Sent);
        }
        let opened = stub.sockets_opened();

        let (closed, wait_for_closed) = std::sync::mpsc::channel();
        let gateway = Arc::clone(&stub);
        elsewhere.spawn(async move {
            gateway.close_sockets().await;
            closed.send(()).unwrap();
        });
        wait_for_closed.recv().unwrap(); // nothing runs in this thread until then

        let outcome = poster.post(&connection("a="), &frame("hello")).await;
        elsewhere.shutdown_background();
        assert_eq!(outcome, PostOutcome::Sent, "after {posts_before} posts");
        assert_eq!((stub.sockets_opened(), stub.requests().len()), (opened + 1, posts_before + 1));
    }
}

#[tokio::test]
async fn a_socket_that_was_idle_for_long_is_not_trusted() {
    let stub = Stub::answering(&[Answer::Status(200)]).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    let post = async || poster.post(&connection("a="), &frame("hello")).await;
    for (idle_secs, sockets_opened) in [(0, 1), (80, 1), (100, 2), (0, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(idle_secs)).await;
        tokio::time::resume();
        assert_eq!(post().await, PostOutcome::Sent);
        assert_eq!(stub.sockets_opened(), sockets_opened, "after {idle_secs} s");
    }
}

#[tokio::test]
async fn abandoned_posts_close_their_sockets_and_free_their_slots() {
    let mut answers = vec![Answer::Never; 150];
    answers.push(Answer::Status(200));
    let stub = Stub::answering(&answers).await;
    let poster = poster_at(&stub, &Clock::at(EXAMPLE_SECS), None);
    for _ in 0..3 {
        // The caller drops them as soon as 50 are under way.
        let begun = stub.requests().len();
        let all_there = async {
            while stub.requests().len() < begun + 50 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = post_many(&poster, 50) => unreachable!("nobody answers"),
            () = all_there => {}
        }
    }
    assert_eq!(post_many(&poster, 200).await, 200);
}
