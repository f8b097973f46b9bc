//! The samples of the HTTP API: a reply of every operation, requests of all that have fields, and every refusal.

use std::collections::BTreeSet;

use funnelcast_core::{
    http_api::{Connection, OPERATIONS, Operation, Refusal},
    schema::{self, WireType},
};

use super::{Typed, errors, names, samples};

/// Every sample of the HTTP API, with its type.
pub(super) fn typed() -> Vec<Typed> {
    let (requests, replies) = (samples("http/requests"), samples("http/replies"));
    let mut all = Vec::new();
    for operation in &OPERATIONS {
        let is_of = |(name, _): &(&String, &serde_json::Value)| name.split('.').next() == Some(operation.id);
        if let Some(type_) = operation.reply {
            for (name, value) in replies.iter().filter(is_of) {
                let (of, value) = (format!("http/replies/{name}"), value.clone());
                all.push(Typed { of, type_, settings: schema::received(), value });
            }
        }
        let Some(type_) = operation.request else { continue };
        for (name, request) in requests.iter().filter(is_of) {
            let mut value = request.clone();
            value.as_object_mut().unwrap().retain(|field, _| field != "connectionId" && field != "id");
            all.push(Typed { of: format!("http/requests/{name}"), type_, settings: schema::sent(), value });
        }
    }
    for (name, value) in samples("http/refusals") {
        let (of, type_) = (format!("http/refusals/{name}"), WireType::of::<Refusal>());
        all.push(Typed { of, type_, settings: schema::received(), value });
    }
    all
}

#[test]
fn there_is_a_sample_of_every_operation_and_no_other() {
    let replying = OPERATIONS.iter().filter(|operation| operation.reply.is_some());
    let replies = names("http/replies");
    let replies: BTreeSet<_> = replies.iter().map(|name| name.split('.').next().unwrap()).collect();
    assert_eq!(replies, replying.map(|operation| operation.id).collect());
    let takes_something = |operation: &&Operation| {
        operation.request.is_some()
            || operation.connection != Connection::Absent
            || operation.path.contains("{id}")
    };
    let asked = names("http/requests");
    let asked: BTreeSet<_> = asked.iter().map(|name| name.split('.').next().unwrap()).collect();
    assert_eq!(asked, OPERATIONS.iter().filter(takes_something).map(|operation| operation.id).collect());
    let refusals = OPERATIONS.iter().flat_map(Operation::refusals).map(|refusal| refusal.as_str().to_owned());
    assert_eq!(names("http/refusals"), refusals.collect());
}

#[test]
fn each_operation_is_there_once() {
    let places: BTreeSet<_> =
        OPERATIONS.iter().map(|operation| (operation.method.as_str(), operation.path)).collect();
    assert_eq!(places.len(), OPERATIONS.len());
    let all: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.id).collect();
    assert_eq!(all.len(), OPERATIONS.len());
}

#[test]
fn a_refusal_has_the_status_of_its_error() {
    let samples = samples("http/refusals");
    for refusal in OPERATIONS.iter().flat_map(Operation::refusals) {
        let code = &samples[refusal.as_str()]["error"]["code"];
        let error = errors().into_iter().find(|error| *code == error.code()).unwrap();
        assert_eq!(refusal.status(), error.status(), "{refusal:?}");
    }
}
