//! Mistakes are planted into a stack that has none, and each must be found, alone, with its severity.

use std::collections::BTreeSet;

use funnelcast_aws::account::{
    functions::{Concurrency, EnvironmentError, Function, Mapping},
    monitoring::{Alarm, LogGroup},
    state::{QueueState, SecretState, TableState},
    triggers::Rule,
};
use funnelcast_core::Error;
use funnelcast_realtime::tokens::examine::{IssuerReport, KeyPlace};
use serde_json::json;

use super::{
    super::{
        facts::{Facts, Known},
        finding::Severity,
        gather::QUEUES,
    },
    account::ALARMS,
    all,
};
use crate::stack::FUNCTIONS;

const TEMPLATE: &str = include_str!("../../../../../template.yaml");
const STREAM: &str = "arn:aws:dynamodb:eu-west-1:1:table/shop-Table-1/stream/2026-11-20T08:15:30.456";

const REVIEW: &str = "arn:aws:lambda:eu-west-1:1:function:review";

fn function(id: &str) -> Function {
    let arn = format!("arn:aws:lambda:eu-west-1:1:function:shop-{id}-1");
    let shared = [
        ("STAGE", "prod"),
        ("TABLE_NAME", "shop-Table-1"),
        ("RUST_LOG", "info"),
        ("LEASE_SECONDS", "300"),
        ("MANAGEMENT_ENDPOINT", "https://a1.execute-api.eu-west-1.amazonaws.com/prod"),
        ("EVENT_SOURCE", "funnelcast.app"),
        ("ALLOWED_ORIGINS", "https://app.example"),
        ("WHOP_API_KEY_SECRET", "funnelcast/prod/whop"),
        ("WHOP_WEBHOOK_SECRET", "funnelcast/prod/hooks"),
        ("REVIEW_FUNCTION", "arn:aws:lambda:eu-west-1:1:function:review:live"),
    ];
    Function {
        function_name: format!("shop-{id}-1"),
        function_arn: arn,
        runtime: Some("provided.al2023".to_owned()),
        architectures: vec!["arm64".to_owned()],
        environment: shared.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Function::default()
    }
}

fn queue_arn(variable: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:1:{variable}")
}

fn mapping(id: &str, source: &str) -> Mapping {
    Mapping {
        function_arn: function(id).function_arn,
        event_source_arn: source.to_owned(),
        state: "Enabled".to_owned(),
        last_processing_result: Some("OK".to_owned()),
    }
}

/// A stack that serves customers, and has no mistake.
fn healthy() -> Facts {
    let alarm = |name: &&str| Alarm {
        alarm_name: format!("funnelcast-prod-{name}"),
        state_value: "OK".to_owned(),
        actions_enabled: true,
        alarm_actions: vec!["arn:aws:sns:eu-west-1:1:ops".to_owned()],
    };
    let rule = |id: &str| Rule {
        name: format!("shop-{id}"),
        is_enabled: true,
        pattern: json!({ "source": ["funnelcast.app"] }),
        targets: vec![function(id).function_arn],
    };
    let queue = |variable: &'static str| {
        let dead_letters = (variable != "DEAD_LETTERS_URL").then(|| queue_arn("DEAD_LETTERS_URL"));
        (
            variable,
            Known::Is(Some(QueueState { arn: queue_arn(variable), dead_letters, ..QueueState::default() })),
        )
    };
    let secret = |parameter: &str, name: &str| {
        ((parameter.to_owned(), name.to_owned()), Known::Is(SecretState::Held(48)))
    };
    Facts {
        stage: "prod".to_owned(),
        is_for_development: false,
        is_local: false,
        neighbours: FUNCTIONS
            .map(|id| function(id).function_arn)
            .into_iter()
            .chain([REVIEW.to_owned()])
            .collect(),
        functions: FUNCTIONS.map(|id| (id.to_owned(), function(id))).into(),
        configuration: Ok(()),
        issuers: Ok(vec![
            IssuerReport {
                kind: "whop",
                iss: "urn:whopcom:exp-proxy".to_owned(),
                aud: "app_1".to_owned(),
                keys: KeyPlace::Url("https://api.whop.com/.well-known/jwks.json".to_owned(), None),
            },
            IssuerReport {
                kind: "app",
                iss: "shop".to_owned(),
                aud: "funnelcast".to_owned(),
                keys: KeyPlace::Secret("funnelcast/prod/shop".to_owned()),
            },
        ]),
        mappings: Known::Is(vec![
            mapping("BroadcastFunction", STREAM),
            mapping("DigestFunction", STREAM),
            mapping("BroadcastFunction", &queue_arn("DELIVERY_QUEUE_URL")),
            mapping("TimersFunction", &queue_arn("TIMER_QUEUE_URL")),
            mapping("WebhookFunction", &queue_arn("WEBHOOK_QUEUE_URL")),
            mapping("FilesFunction", &queue_arn("FILES_QUEUE_URL")),
        ]),
        concurrency: Known::Is(Concurrency {
            concurrent_executions: 1_000,
            unreserved_concurrent_executions: 1_000,
        }),
        rules: Known::Is(Some(vec![rule("BroadcastFunction"), rule("AccessFunction")])),
        table: Known::Is(Some(TableState {
            status: "ACTIVE".to_owned(),
            stream: Some(STREAM.to_owned()),
            stream_view: Some("NEW_AND_OLD_IMAGES".to_owned()),
            ttl: Some("ttl".to_owned()),
            indexes: vec!["byActivity".to_owned()],
        })),
        is_recoverable: Known::Is(true),
        queues: QUEUES.map(queue).into(),
        secrets: [
            secret("WhopApiKeySecret", "funnelcast/prod/whop"),
            secret("WhopWebhookSecret", "funnelcast/prod/hooks"),
            secret("Issuers (shop)", "funnelcast/prod/shop"),
        ]
        .into(),
        alarms: Known::Is(ALARMS.iter().map(alarm).collect()),
        logs: Known::Is(Some(LogGroup {
            log_group_name: "/funnelcast/prod".to_owned(),
            retention_in_days: Some(90),
        })),
    }
}

/// Sets a variable of every function.
fn set(facts: &mut Facts, name: &str, value: &str) {
    for function in facts.functions.values_mut() {
        function.environment.insert(name.to_owned(), value.to_owned());
    }
}

fn unset(facts: &mut Facts, name: &str) {
    for function in facts.functions.values_mut() {
        function.environment.remove(name);
    }
}

/// What is known of something, to be spoilt.
fn spoil<T>(known: &mut Known<T>, spoil: impl FnOnce(&mut T)) {
    match known {
        Known::Is(value) => spoil(value),
        Known::Refused(_) | Known::Failed(_) | Known::NotAsked => panic!("it is known"),
    }
}

fn spoil_table(facts: &mut Facts, spoiling: impl FnOnce(&mut TableState)) {
    spoil(&mut facts.table, |table| spoiling(table.as_mut().unwrap()));
}

fn spoil_rules(facts: &mut Facts, spoiling: impl FnOnce(&mut Vec<Rule>)) {
    spoil(&mut facts.rules, |rules| spoiling(rules.as_mut().unwrap()));
}

fn spoil_queue(facts: &mut Facts, variable: &str, spoiling: impl FnOnce(&mut QueueState)) {
    spoil(facts.queues.get_mut(variable).unwrap(), |queue| spoiling(queue.as_mut().unwrap()));
}

fn set_secret(facts: &mut Facts, name: &str, state: &SecretState) {
    let (_, secret) = facts.secrets.iter_mut().find(|((_, known), _)| known == name).unwrap();
    *secret = Known::Is(state.clone());
}

/// Encrypts the variables of two functions with a key that cannot be used.
fn lock(facts: &mut Facts, code: &str) {
    for id in ["SendFunction", "AckFunction"] {
        let function = facts.functions.get_mut(id).unwrap();
        function.environment.clear();
        let message = "Lambda was unable to decrypt your environment variables".to_owned();
        function.environment_error = Some(EnvironmentError { error_code: code.to_owned(), message });
    }
}

type Plant = fn(&mut Facts);

/// The mistakes, each with the check that finds it.
const PLANTED: [(&str, Severity, Plant); 48] = {
    use Severity::{Error as E, Note as N, Warning as W};
    [
        ("origins.none", W, |facts| unset(facts, "ALLOWED_ORIGINS")),
        ("origins.form", E, |facts| set(facts, "ALLOWED_ORIGINS", "https://app.example/")),
        ("origins.form", E, |facts| set(facts, "ALLOWED_ORIGINS", "https://app.example/chat")),
        ("origins.http", E, |facts| set(facts, "ALLOWED_ORIGINS", "http://app.example")),
        ("origins.localhost", W, |facts| set(facts, "ALLOWED_ORIGINS", "http://localhost:3000")),
        ("issuers.none", E, |facts| facts.issuers = Ok(Vec::new())),
        ("issuers.invalid", E, |facts| facts.issuers = Err("the parameter Issuers must be ...".to_owned())),
        ("issuers.keys", E, |facts| {
            let failed = Some(Error::Internal("the key set's server answered 404".to_owned()));
            facts.issuers.as_mut().unwrap()[0].keys =
                KeyPlace::Url("https://wrong.example".to_owned(), failed);
        }),
        ("issuers.dev", E, |facts| facts.issuers.as_mut().unwrap()[1].kind = "dev"),
        ("parameters.invalid", E, |facts| {
            facts.configuration = Err("the parameter LeaseSeconds ...".to_owned());
        }),
        ("whop.key", W, |facts| unset(facts, "WHOP_API_KEY_SECRET")),
        ("whop.webhooks", N, |facts| unset(facts, "WHOP_WEBHOOK_SECRET")),
        ("secrets.missing", E, |facts| set_secret(facts, "funnelcast/prod/whop", &SecretState::Missing)),
        ("secrets.missing", E, |facts| set_secret(facts, "funnelcast/prod/whop", &SecretState::Deleted)),
        ("review.missing", E, |facts| facts.neighbours.retain(|arn| arn != REVIEW)),
        ("review.missing", E, |facts| {
            set(facts, "REVIEW_FUNCTION", "arn:aws:lambda:eu-west-1:1:function:reviewer");
        }),
        ("review.elsewhere", N, |facts| {
            set(facts, "REVIEW_FUNCTION", "arn:aws:lambda:eu-west-1:2:function:review");
        }),
        ("secrets.short", E, |facts| set_secret(facts, "funnelcast/prod/shop", &SecretState::Held(12))),
        ("secrets.name", E, |facts| {
            let name = ("TurnSecret".to_owned(), "funnelcast/dev/turn".to_owned());
            facts.secrets.insert(name, Known::Is(SecretState::Held(48)));
        }),
        ("log.level", W, |facts| set(facts, "RUST_LOG", "info,funnelcast_aws=debug")),
        ("lease.short", W, |facts| set(facts, "LEASE_SECONDS", "10")),
        ("management.endpoint", E, |facts| set(facts, "MANAGEMENT_ENDPOINT", "http://127.0.0.1:3001/prod")),
        ("functions.missing", E, |facts| drop(facts.functions.remove("SendFunction"))),
        ("functions.differ", E, |facts| {
            facts.functions.get_mut("SendFunction").unwrap().architectures = vec!["x86_64".to_owned()];
        }),
        ("functions.differ", E, |facts| {
            let send = facts.functions.get_mut("SendFunction").unwrap();
            send.environment.insert("TABLE_NAME".to_owned(), "old-Table-1".to_owned());
        }),
        ("functions.variables", E, |facts| lock(facts, "KMSDisabledException")),
        ("functions.variables", N, |facts| lock(facts, "AccessDeniedException")),
        ("mappings.disabled", E, |facts| {
            spoil(&mut facts.mappings, |all| all[0].state = "Disabled".to_owned());
        }),
        ("mappings.missing", E, |facts| spoil(&mut facts.mappings, |all| drop(all.pop()))),
        ("mappings.missing", E, |facts| {
            spoil_table(facts, |table| table.stream = Some(STREAM.replace("08:15", "09:15")));
        }),
        ("mappings.failing", W, |facts| {
            spoil(&mut facts.mappings, |all| {
                all[1].last_processing_result = Some("PROBLEM: Function call failed".to_owned());
            });
        }),
        ("rules.missing", E, |facts| spoil_rules(facts, |rules| drop(rules.pop()))),
        ("bus.missing", E, |facts| facts.rules = Known::Is(None)),
        ("rules.disabled", E, |facts| spoil_rules(facts, |rules| rules[0].is_enabled = false)),
        ("rules.source", E, |facts| {
            spoil_rules(facts, |rules| rules[1].pattern = json!({ "source": ["my.app"] }));
        }),
        ("letters.waiting", W, |facts| spoil_queue(facts, "DEAD_LETTERS_URL", |queue| queue.waiting = 3)),
        ("letters.waiting", W, |facts| spoil_queue(facts, "DEAD_LETTERS_URL", |queue| queue.hidden = 3)),
        ("queues.redrive", E, |facts| {
            spoil_queue(facts, "TIMER_QUEUE_URL", |queue| queue.dead_letters = None);
        }),
        ("queues.missing", E, |facts| {
            spoil(facts.queues.get_mut("FILES_QUEUE_URL").unwrap(), |queue| *queue = None);
        }),
        ("table.missing", E, |facts| facts.table = Known::Is(None)),
        ("table.ttl", E, |facts| spoil_table(facts, |table| table.ttl = None)),
        ("table.recovery", E, |facts| facts.is_recoverable = Known::Is(false)),
        ("unread", N, |facts| facts.is_recoverable = Known::Refused("AccessDeniedException".to_owned())),
        ("unread.failed", W, |facts| facts.is_recoverable = Known::Failed("ThrottlingException".to_owned())),
        ("table.shared", E, |facts| {
            spoil(&mut facts.mappings, |all| {
                let other = "arn:aws:lambda:eu-west-1:1:function:blog-BroadcastFunction-2".to_owned();
                all.push(Mapping { function_arn: other, ..mapping("BroadcastFunction", STREAM) });
            });
        }),
        ("alarms.none", W, |facts| facts.alarms = Known::Is(Vec::new())),
        ("logs.retention", W, |facts| {
            spoil(&mut facts.logs, |logs| logs.as_mut().unwrap().retention_in_days = None);
        }),
        ("quota.concurrency", E, |facts| {
            facts.concurrency =
                Known::Is(Concurrency { concurrent_executions: 10, unreserved_concurrent_executions: 10 });
        }),
    ]
};

#[test]
fn a_stack_without_mistakes_has_no_findings() {
    assert_eq!(all(&healthy()), []);
}

#[test]
fn each_planted_mistake_is_found_and_nothing_else() {
    for (code, severity, plant) in PLANTED {
        let mut facts = healthy();
        plant(&mut facts);
        let found = all(&facts);
        let codes: BTreeSet<_> = found.iter().map(|finding| (finding.code, finding.severity)).collect();
        assert_eq!(codes, [(code, severity)].into(), "{found:?}");
        assert!(
            found.iter().all(|finding| !finding.message.is_empty() && !finding.todo.is_empty()),
            "{found:?}"
        );
    }
}

#[test]
fn more_mistakes_of_the_table_and_the_alarms_are_found() {
    let codes = |plant: Plant| {
        let mut facts = healthy();
        plant(&mut facts);
        all(&facts).into_iter().map(|finding| finding.code).collect::<BTreeSet<_>>()
    };
    // Without a stream, nothing can be fed from it either.
    let no_stream =
        codes(|facts| spoil_table(facts, |table| (table.stream, table.stream_view) = (None, None)));
    assert!(no_stream.contains("table.stream"), "{no_stream:?}");
    let view = codes(|facts| spoil_table(facts, |table| table.stream_view = Some("KEYS_ONLY".to_owned())));
    assert_eq!(view, ["table.stream"].into());
    assert_eq!(codes(|facts| spoil_table(facts, |table| table.indexes.clear())), ["table.index"].into());
    let raised = codes(|facts| spoil(&mut facts.alarms, |all| all[0].state_value = "ALARM".to_owned()));
    assert_eq!(raised, ["alarms.raised"].into());
    let silent = codes(|facts| spoil(&mut facts.alarms, |all| all[0].alarm_actions.clear()));
    assert_eq!(silent, ["alarms.silent"].into());
    assert_eq!(codes(|facts| spoil(&mut facts.alarms, |all| drop(all.pop()))), ["alarms.missing"].into());
    assert_eq!(codes(|facts| facts.logs = Known::Is(None)), ["logs.missing"].into());
    let unread = codes(|facts| facts.alarms = Known::Refused("AccessDenied".to_owned()));
    assert_eq!(unread, ["unread"].into());
}

#[test]
fn what_is_expected_is_what_the_template_has() {
    let ids: BTreeSet<&str> = TEMPLATE
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix("Function:"))
        .filter(|name| !name.is_empty() && !name.starts_with(' ') && *name != "Review")
        .collect();
    assert_eq!(ids, FUNCTIONS.iter().map(|id| id.trim_end_matches("Function")).collect());
    let mut alarms: BTreeSet<&str> = TEMPLATE
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("AlarmName: !Sub \"funnelcast-${Stage}-")?.strip_suffix('"')
        })
        .collect();
    assert!(alarms.remove("CompanyMessages"), "it is only there where that parameter is set");
    assert_eq!(alarms, ALARMS.into());
    for variable in QUEUES {
        assert!(TEMPLATE.contains(&format!("{variable}: !Ref ")), "{variable}");
    }
}
