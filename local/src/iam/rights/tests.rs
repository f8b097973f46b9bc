//! Checks against the project's own template, and how their results are counted and written.

use std::collections::BTreeMap;

use super::*;
use crate::iam::Statement;
use crate::template::Endpoints;

const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/funnelcast-dev-Table";

fn project() -> Stack {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let anywhere = Endpoints { aws: "http://127.0.0.1:1".to_owned(), http: "http://127.0.0.1:2".to_owned() };
    Stack::load(&path, &BTreeMap::new(), &anywhere).unwrap()
}

fn delete(key: &str) -> Request {
    Request { leading_keys: vec![key.to_owned()], ..Request::new("dynamodb:DeleteItem", TABLE) }
}

#[test]
fn a_call_that_no_policy_allows_is_denied() {
    let rights = Rights::new(&project(), None).unwrap();
    assert_eq!(rights.check("AuthorizeFunction", &[delete("TICKET#a")]), Ok(()));
    let denied = rights.check("AuthorizeFunction", &[delete("USER#u")]).unwrap_err();
    assert_eq!((denied.status, denied.code.as_str()), (400, "AccessDeniedException"));
    assert_eq!(
        denied.message,
        format!(
            "User: arn:aws:sts::000000000000:assumed-role/funnelcast-dev-AuthorizeFunctionRole/\
             funnelcast-dev-AuthorizeFunction is not authorized to perform: dynamodb:DeleteItem on resource: {TABLE} \
             because no identity-based policy allows the dynamodb:DeleteItem action"
        )
    );
    // A call is denied if one of its parts is.
    let both = [delete("TICKET#a"), delete("USER#u")];
    assert!(rights.check("AuthorizeFunction", &both).is_err());
    assert!(rights.check("DefaultFunction", &[delete("TICKET#a")]).is_err(), "it has no policies");
}

#[test]
fn an_explicit_deny_overrides_all() {
    let mut stack = project();
    let status = stack.functions.get_mut("StatusFunction").unwrap();
    let deny = Statement { effect: Effect::Deny, ..status.policies[0].clone() };
    status.policies.push(deny);
    let read = Request::new("dynamodb:GetItem", TABLE);
    let denied = Rights::new(&stack, None).unwrap().check("StatusFunction", &[read]).unwrap_err();
    assert!(
        denied.message.ends_with("with an explicit deny in an identity-based policy"),
        "{}",
        denied.message
    );
}

#[test]
fn a_mapping_needs_its_functions_rights() {
    let mut stack = project();
    Rights::new(&stack, None).unwrap().check_mappings(&stack).unwrap();
    for statement in &mut stack.functions.get_mut("TimersFunction").unwrap().policies {
        statement.actions.retain(|action| action != "sqs:ReceiveMessage");
    }
    let refused = Rights::new(&stack, None).unwrap().check_mappings(&stack).unwrap_err().to_string();
    assert!(
        refused.starts_with(
            "TimersQueue: no policy of TimersFunction allows sqs:ReceiveMessage on arn:aws:sqs:"
        ),
        "{refused}"
    );
}

#[test]
fn each_right_is_counted_and_its_first_use_is_logged() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let rights = Rights::new(&project(), Some(file.path())).unwrap();
    for _ in 0..2 {
        rights.check("AuthorizeFunction", &[delete("TICKET#a")]).unwrap();
        rights.check("AuthorizeFunction", &[delete("USER#u")]).unwrap_err();
    }
    let snapshot = rights.snapshot();
    let used = snapshot["rights"].as_array().unwrap().iter().filter(|right| right["used"] != 0);
    assert_eq!(
        used.collect::<Vec<_>>(),
        [&json!({ "function": "AuthorizeFunction", "statement": 0, "action": "dynamodb:DeleteItem",
            "resource": TABLE, "used": 2 })]
    );
    let denied =
        json!({ "function": "AuthorizeFunction", "action": "dynamodb:DeleteItem", "resource": TABLE });
    assert_eq!(snapshot["denied"][0]["count"], 2);
    let lines = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1], json!({ "denied": denied }));
}
