//! The logic of `append` and `append_change` (`aws/src/table/log.rs`, `log/change.rs`), checked in every order of its
//! steps: three senders, of which some change a message, and each of which may crash after any step and retry; responses
//! that are lost, writes that conflict with a transaction, events that expire, and a TTL that removes them in any order.
//! Also shown is that the check can fail: what goes wrong without each part that the logic relies on.
//!
//! This checks the logic, not the code. That the code does the same is tested against a real engine by the tests of
//! the table.

mod changes;
mod logic;
mod model;
mod properties;

use model::{AppendModel, Kind, LIE, Mutation};
use stateright::{Checker, HasDiscoveries, Model};

/// A log that has never had an event, and three senders, two of which share a key.
const NEW_LOG: AppendModel = AppendModel {
    mutation: Mutation::None,
    keys: [0, 0, 1],
    bases: [0, 0, 0],
    kinds: [Kind::Send; 3],
    events_before: 0,
    marker_before: false,
    retries: 1,
    conflicts: 0,
    expires: true,
};
/// A log of two events; one sender has seen them, one has seen none, and one has a base that cannot be true.
const OLD_LOG: AppendModel = AppendModel { bases: [2, 0, LIE], events_before: 2, ..NEW_LOG };
/// An old log, of which two senders edit the first event while a third one sends.
const EDITED_LOG: AppendModel = AppendModel {
    keys: [0, 1, 2],
    kinds: [Kind::Edit, Kind::Edit, Kind::Send],
    conflicts: 1,
    expires: false,
    ..OLD_LOG
};
/// An old log, of which one user edits the first event on two connections, and another one deletes it.
const DELETED_LOG: AppendModel =
    AppendModel { keys: [0, 0, 1], kinds: [Kind::Edit, Kind::Edit, Kind::Delete], ..EDITED_LOG };

const IN_LOG_AND_MESSAGE: &str = "a change is in the log if and only if its message has it";

fn check(model: AppendModel) -> impl Checker<AppendModel> {
    model.checker().threads(2).spawn_bfs().join()
}

/// Asserts that with this mutation, a log loses this property.
fn assert_breaks(model: AppendModel, mutation: Mutation, property: &'static str) {
    let broken = AppendModel { mutation, ..model }.checker();
    let broken = broken.finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    assert!(broken.discovery(property).is_some(), "{mutation:?} went unnoticed");
}

#[test]
fn a_new_log_keeps_its_promises() {
    check(NEW_LOG).assert_properties();
}

#[test]
fn a_new_log_whose_first_sender_crashed_keeps_its_promises() {
    check(AppendModel { marker_before: true, ..NEW_LOG }).assert_properties();
}

#[test]
fn an_old_log_keeps_its_promises() {
    check(OLD_LOG).assert_properties();
}

#[test]
fn three_senders_on_an_old_log_keep_its_promises() {
    check(AppendModel { keys: [0, 1, 2], ..OLD_LOG }).assert_properties();
}

#[test]
fn without_looking_for_the_key_after_a_lost_race_a_key_is_kept_twice() {
    assert_breaks(OLD_LOG, Mutation::NoKeyCheckAfterLostRace, "a key once");
    assert_breaks(OLD_LOG, Mutation::NoKeyCheckAfterLostRace, "an ack stands");
}

#[test]
fn without_agreeing_on_the_start_a_restart_leaves_a_gap() {
    assert_breaks(OLD_LOG, Mutation::NoAgreement, "no hole");
}

#[test]
fn without_a_start_above_all_before_a_seq_is_given_twice() {
    assert_breaks(OLD_LOG, Mutation::RestartAtOne, "each seq is above all before");
}

#[test]
fn trusting_any_base_leaves_a_gap() {
    assert_breaks(OLD_LOG, Mutation::TrustBase, "no hole");
}

/// This is why an event's retention is counted from when it was written.
#[test]
fn an_end_that_expires_before_what_lies_below_it_is_given_twice() {
    assert_breaks(OLD_LOG, Mutation::NewestExpiresFirst, "each seq is above all before");
}

/// The one case that only time prevents: a sender reads the end of a log just before it expires, and puts its event
/// after another sender has restarted the log.
#[test]
fn an_end_that_expires_under_an_append_is_where_the_promise_ends() {
    assert_breaks(OLD_LOG, Mutation::ExpiryUnderAppend, "each seq is above all before");
}

#[test]
fn two_edits_and_a_message_keep_its_promises() {
    check(EDITED_LOG).assert_properties();
}

#[test]
fn an_edit_on_two_connections_and_a_deletion_keep_its_promises() {
    check(DELETED_LOG).assert_properties();
}

#[test]
fn changes_of_a_log_that_expires_keep_its_promises() {
    check(AppendModel {
        retries: 0,
        expires: true,
        kinds: [Kind::Edit, Kind::Delete, Kind::Send],
        ..EDITED_LOG
    })
    .assert_properties();
}

#[test]
fn a_write_that_conflicts_with_a_transaction_keeps_its_promises() {
    check(AppendModel { conflicts: 1, retries: 0, ..OLD_LOG }).assert_properties();
}

#[test]
fn without_a_condition_on_the_message_a_change_is_lost() {
    assert_breaks(EDITED_LOG, Mutation::NoCondition, IN_LOG_AND_MESSAGE);
    assert_breaks(EDITED_LOG, Mutation::NoCondition, "an acked change stays");
    assert_breaks(DELETED_LOG, Mutation::NoCondition, "nothing changes a message that is deleted");
}

#[test]
fn without_a_transaction_a_change_is_in_the_log_alone() {
    assert_breaks(EDITED_LOG, Mutation::TwoWrites, IN_LOG_AND_MESSAGE);
}

#[test]
fn without_removing_it_a_text_outlives_what_replaces_it() {
    assert_breaks(EDITED_LOG, Mutation::KeepReplacedText, "only the last edit has the text");
    assert_breaks(DELETED_LOG, Mutation::KeepReplacedText, "only the last edit has the text");
}

#[test]
fn reading_on_from_the_lost_seq_itself_takes_a_refused_write_for_an_empty_log() {
    assert_breaks(EDITED_LOG, Mutation::ReadOnFromLostSeq, "only a message that is gone refuses a change");
    let sent = AppendModel { conflicts: 1, ..OLD_LOG };
    assert_breaks(sent, Mutation::ReadOnFromLostSeq, "each seq is above all before");
}

#[test]
fn refusing_a_change_without_looking_once_more_denies_an_earlier_try() {
    assert_breaks(DELETED_LOG, Mutation::RefuseAtOnce, "what is refused is not in the log");
}
