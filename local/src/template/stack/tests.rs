//! The project's own template, and small invalid ones whose error is one line.

use std::{io::Write as _, time::Duration};

use serde_json::json;

use super::*;
use crate::template::{ApiKey, LogLevel, RecursiveLoop, Rule, Source, StartingPosition, Target, Trigger};

fn endpoints() -> Endpoints {
    Endpoints { aws: "http://127.0.0.1:3001".to_owned(), http: "http://127.0.0.1:3000".to_owned() }
}

fn load(text: &str) -> Result<Stack, String> {
    let mut document = Document::parse(text).map_err(|error| format!("{error:#}"))?;
    build(&mut document, &BTreeMap::new(), &endpoints()).map_err(|error| format!("{error:#}"))
}

/// The project's template with these parameters.
fn project(given: &[(&str, &str)]) -> Result<Stack> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Stack::load(&path, &given, &endpoints())
}

#[test]
fn the_projects_template_loads_whole() {
    let stack = project(&[("Stage", "test")]).unwrap();
    assert_eq!(stack.stage, "test");
    assert_eq!(stack.websocket.authorizer.as_deref(), Some("AuthorizeFunction"));
    let rate_of = |route| stack.websocket.throttles.of(route).unwrap().rate;
    assert!(rate_of("send") > rate_of("history") && rate_of("history") > rate_of("$default"));
    let http = stack.http.as_ref().unwrap();
    for route in http.throttles.routes.keys() {
        assert!(http.routes.iter().any(|of| of.key() == *route), "{route}");
    }
    for (key, responds) in [("$connect", false), ("$disconnect", false), ("$default", true), ("send", true)] {
        assert_eq!(stack.websocket.routes[key].responds, responds, "{key}");
    }
    let send = &stack.functions["SendFunction"];
    assert_eq!((send.name.as_str(), send.handler.as_str()), ("send", "bootstrap"));
    assert_eq!(send.arn, "arn:aws:lambda:us-east-1:000000000000:function:funnelcast-test-SendFunction");
    assert_eq!(send.environment["MANAGEMENT_ENDPOINT"], "http://127.0.0.1:3001/test");
    assert_eq!(send.environment["TABLE_NAME"], "funnelcast-test-Table");
    assert_eq!(send.environment["STAGE"], "test");
    assert_eq!(stack.outputs["WebSocketUrl"], "ws://127.0.0.1:3001/test");
    assert!(
        stack.buses.contains(&"funnelcast-test".to_owned()) && stack.buses.contains(&"default".to_owned())
    );
    assert_eq!(stack.tables[0].name, "funnelcast-test-Table");
    assert_eq!(stack.tables[0].ttl_attribute.as_deref(), Some("ttl"));
    assert!(stack.queues.iter().any(|queue| queue.name == "funnelcast-test-DeadLetters"));
}

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/1";

#[test]
fn a_domain_of_the_users_own_is_this_machine_here() {
    let plain = project(&[]).unwrap();
    assert_eq!(plain.functions["HttpApiFunction"].environment["WEBSOCKET_URL"], "");
    let named = [
        ("WebSocketDomain", "ws.app.example"),
        ("HttpDomain", "api.app.example"),
        ("CertificateArn", CERTIFICATE),
    ];
    for more in
        [&[][..], &[("HostedZoneId", "Z0123456789ABC")], &[("Waf", "on"), ("HostedZoneId", "Z0123456789ABC")]]
    {
        let stack = project(&[&named[..], more].concat()).unwrap();
        let http_api = &stack.functions["HttpApiFunction"].environment;
        assert_eq!(http_api["WEBSOCKET_URL"], "ws://127.0.0.1:3001/dev");
        assert_eq!(
            http_api["MANAGEMENT_ENDPOINT"],
            plain.functions["HttpApiFunction"].environment["MANAGEMENT_ENDPOINT"]
        );
        assert_eq!(stack.outputs["WebSocketUrl"], "ws://127.0.0.1:3001/dev");
        assert!(
            stack.outputs.contains_key("HttpDomainTarget")
                && stack.outputs.contains_key("WebSocketDomainTarget")
        );
    }
    assert_eq!(project(&named).unwrap().outputs["HttpUrl"], "http://127.0.0.1:3000");
}

#[test]
fn parameters_that_break_a_rule_together_are_refused() {
    let refusal = |given: &[(&str, &str)]| format!("{:#}", project(given).unwrap_err());
    assert!(refusal(&[("HttpDomain", "api.app.example")]).ends_with("need CertificateArn."));
    let both =
        [("HttpDomain", "app.example"), ("WebSocketDomain", "app.example"), ("CertificateArn", CERTIFICATE)];
    assert!(refusal(&both).contains("must be two names"));
    for (name, value) in [
        ("HttpDomain", "https://app.example"),
        ("WebSocketDomain", "App.example"),
        ("CertificateArn", "certificate/1"),
        ("HostedZoneId", "app.example"),
        ("LogLevel", "loud"),
        ("AllowedOrigins", "https://app.example/"),
        ("ThrottleRate", "0"),
    ] {
        let refusal = refusal(&[(name, value)]);
        assert!(refusal.contains(&format!("parameter {name}")), "{refusal}");
    }
}

#[test]
fn the_projects_triggers_are_read() {
    let stack = project(&[]).unwrap();
    let broadcast = &stack.functions["BroadcastFunction"];
    assert_eq!(broadcast.retries_max, 2);
    assert_eq!(
        broadcast.on_failure.as_deref(),
        Some("arn:aws:sqs:us-east-1:000000000000:funnelcast-dev-DeadLetters")
    );
    let event = json!({"source": "funnelcast.app", "detail-type": "FunnelUpdate", "detail": {}});
    let wanting = |stack: &Stack, event: &serde_json::Value| -> Vec<Target> {
        let wants = |rule: &&Rule| match &rule.trigger {
            Trigger::Event { bus, pattern } => bus == "funnelcast-dev" && pattern.matches(event),
            Trigger::Every { .. } => false,
        };
        stack.rules.iter().filter(wants).map(|rule| rule.target.clone()).collect()
    };
    assert_eq!(wanting(&stack, &event), [Target::Function("BroadcastFunction".to_owned())]);
    assert!(wanting(&stack, &json!({"source": "other", "detail-type": "FunnelUpdate"})).is_empty());

    let stream = stack.mappings.iter().find(|mapping| mapping.id == "BroadcastStream").unwrap();
    let Source::Stream(source) = &stream.source else { panic!("not a stream") };
    assert_eq!(source.start, StartingPosition::TrimHorizon);
    assert_eq!(source.table, "funnelcast-dev-Table");
    assert!(source.bisect && stream.partial_failures && source.on_failure.is_some());
    let removed = |pk: &str, sk: &str| {
        let record = json!({"eventName": "REMOVE", "dynamodb": {"Keys": {"pk": {"S": pk}, "sk": {"S": sk}}}});
        stream.filters.iter().any(|filter| filter.matches(&record))
    };
    assert!(removed("USER#user_1", "CONN#abc="));
    assert!(!removed("CH#system#0", "CONN#abc="), "a membership of a user whose id is CONN");
    assert!(!removed("TICKET#abc", "META"));
}

#[test]
fn the_projects_bucket_is_read() {
    let stack = project(&[("AllowedOrigins", "https://app.example,https://other.example")]).unwrap();
    let [bucket] = &stack.buckets[..] else { panic!("one bucket") };
    assert_eq!((bucket.name.as_str(), bucket.notifies), ("funnelcast-dev-filesbucket", true));
    assert_eq!(bucket.cors[0].origins, ["https://app.example", "https://other.example"]);
    assert_eq!(stack.functions["FilesFunction"].environment["FILES_BUCKET"], bucket.name);
    assert!(project(&[("AllowedOrigins", "")]).unwrap().buckets[0].cors.is_empty());

    let put = |key: &str, name: &str| {
        let detail = json!({"bucket": {"name": name}, "object": {"key": key}});
        json!({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
    };
    let scanned = json!({
        "source": "aws.guardduty", "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "detail": {"s3ObjectDetails": {"bucketName": bucket.name}},
    });
    let is_wanted = |stack: &Stack, event: &serde_json::Value| {
        stack.rules.iter().any(|rule| match &rule.trigger {
            Trigger::Event { bus, pattern } => bus == "default" && pattern.matches(event),
            Trigger::Every { .. } => false,
        })
    };
    assert!(is_wanted(&stack, &put("upload/1", &bucket.name)));
    for other in [put("file/1", &bucket.name), put("upload/1", "other"), scanned.clone()] {
        assert!(!is_wanted(&stack, &other), "{other}");
    }
    assert!(is_wanted(&project(&[("MalwareScan", "on")]).unwrap(), &scanned));
}

#[test]
fn a_bucket_that_would_behave_otherwise_is_refused() {
    let bucket = |properties: &str| {
        let function = "F: {Type: AWS::Serverless::Function, Properties: {CodeUri: f/g}}";
        load(&format!("{API}  {function}\n  B: {{Type: AWS::S3::Bucket, Properties: {{{properties}}}}}"))
    };
    assert!(!bucket("BucketName: mine").unwrap().buckets[0].notifies);
    for (properties, reason) in [
        ("VersioningConfiguration: {Status: Enabled}", "VersioningConfiguration is Enabled"),
        ("NotificationConfiguration: {QueueConfigurations: []}", "use EventBridge"),
    ] {
        let refusal = bucket(properties).map(drop).unwrap_err();
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[test]
fn what_lambda_does_to_the_projects_functions_is_read() {
    let stack = project(&[]).unwrap();
    let looping = stack.functions.values().filter(|it| it.recursive_loop == RecursiveLoop::Allow);
    assert_eq!(looping.map(|it| it.name.as_str()).collect::<Vec<_>>(), ["broadcast", "files", "timers"]);
    assert!(stack.functions.values().all(|it| it.log_level == LogLevel::Trace), "RUST_LOG alone decides");
    let queues = stack.mappings.iter().filter_map(|mapping| match &mapping.source {
        Source::Queue { concurrency_max, .. } => Some(*concurrency_max),
        Source::Stream(_) => None,
    });
    assert_eq!(queues.collect::<Vec<_>>(), [Some(2); 4]);
    let json = load(&format!(
        "{API}  F: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: f/g, LoggingConfig: {{LogFormat: JSON}}}}}}"
    ));
    assert_eq!(json.unwrap().functions["F"].log_level, LogLevel::Info, "Lambda's default");
}

#[test]
fn parameters_of_the_project_are_checked() {
    let error = project(&[("Stage", "No Good")]).unwrap_err();
    assert!(format!("{error:#}").contains("parameter Stage: \"No Good\" does not match"), "{error:#}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    assert!(Stack::has_parameter(&path, "DevIssuerKey").unwrap());
    assert!(!Stack::has_parameter(&path, "Nope").unwrap());
}

#[test]
fn a_missing_file_is_named() {
    let error = Stack::load(Path::new("/nowhere/template.yaml"), &BTreeMap::new(), &endpoints()).unwrap_err();
    assert!(format!("{error:#}").contains("cannot read /nowhere/template.yaml"), "{error:#}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"Resources: {").unwrap();
    let error = Stack::load(file.path(), &BTreeMap::new(), &endpoints()).unwrap_err();
    assert!(format!("{error:#}").contains("not YAML"), "{error:#}");
}

const API: &str = "
Conditions: {Never: !Equals [a, b]}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties: {RouteSelectionExpression: $request.body.action, StageName: dev, Routes: {ping: {FunctionArn: !GetAtt F.Arn}}}
";

#[test]
fn triggers_of_every_kind() {
    let stack = load(&format!(
        "{API}
  Off: {{Type: AWS::SQS::Queue, Condition: Never}}
  Dead: {{Type: AWS::SQS::Queue}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {{RedrivePolicy: {{deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: \"3\"}}, VisibilityTimeout: 5}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {{source: [x]}}
      Targets: [{{Id: a, Arn: !GetAtt Dead.Arn}}, {{Id: b, Arn: !GetAtt F.Arn}}]
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/f/
      Events:
        Tick: {{Type: Schedule, Properties: {{Schedule: rate(1 minute)}}}}
        Work: {{Type: SQS, Properties: {{Queue: !GetAtt Jobs.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}}}}
        Web: {{Type: HttpApi, Properties: {{Path: /x, Method: post}}}}
        Any: {{Type: HttpApi}}
"
    ))
    .unwrap();
    assert_eq!(stack.queues.len(), 2, "the one whose condition does not hold is absent");
    assert_eq!(
        stack.queues.iter().find(|queue| queue.id == "Jobs").unwrap().redrive.as_ref().unwrap().receives_max,
        3
    );
    assert_eq!(stack.rules.len(), 3);
    assert!(stack.rules.iter().any(|rule| rule.target == Target::Function("F".to_owned())
        && matches!(rule.trigger, Trigger::Every { period, .. } if period == Duration::from_mins(1))));
    assert!(
        stack.rules.iter().any(|rule| matches!(&rule.target, Target::Queue(arn) if arn.ends_with("Dead")))
    );
    let mapping = &stack.mappings[0];
    assert!(matches!(&mapping.source, Source::Queue { arn, .. } if arn.ends_with("Jobs")));
    assert!(mapping.batch_size == 5 && mapping.partial_failures);
    let routes = stack.http.unwrap().routes;
    let route = |method: &str, path: &str| HttpRoute {
        method: method.into(),
        path: path.into(),
        function: "F".into(),
    };
    assert_eq!(routes, [route("ANY", "$default"), route("POST", "/x")]);
    assert!(!stack.websocket.routes["ping"].responds, "there is no RouteResponse");
}

#[test]
fn a_rule_sends_events_to_a_url() {
    let given = [
        ("ChatEvents", "on"),
        ("ChatEventsUrl", "http://localhost:3002/api/chat-events"),
        ("ChatEventsKeySecret", "funnelcast/dev/chat-events"),
    ];
    assert!(project(&given[1..]).is_err(), "ChatEvents is off");
    assert!(project(&given[..2]).is_err(), "there is no key");
    let https = project(&[given[0], ("ChatEventsUrl", "https://app.example"), given[2]]).unwrap_err();
    assert!(
        format!("{https:#}").contains("ChatEventsDestination: InvocationEndpoint is https://app.example")
    );
    let stack = project(&given).unwrap();
    let targets = stack.rules.iter().filter_map(|rule| match &rule.target {
        Target::Destination(target) => Some((rule, target)),
        _ => None,
    });
    let [(rule, target)] = targets.collect::<Vec<_>>()[..] else { panic!("{:?}", stack.rules) };
    let Trigger::Event { bus, pattern } = &rule.trigger else { panic!("{rule:?}") };
    assert!(bus == "funnelcast-dev" && pattern.matches(&json!({"source": "funnelcast.chat"})));
    assert!(!pattern.matches(&json!({"source": "funnelcast.app"})));
    let (name, key) = &target.destination.key;
    assert_eq!(
        (name.as_str(), key),
        ("funnelcast-key", &ApiKey::Secret("funnelcast/dev/chat-events".to_owned()))
    );
    assert_eq!((target.retries_max, target.event_age_max), (185, Duration::from_hours(24)));
    assert!(
        stack
            .queues
            .iter()
            .any(|queue| queue.arn == target.queue.arn && queue.retention > target.event_age_max)
    );
    assert!(target.dead_letters.as_deref().is_some_and(|arn| arn.ends_with("DeadLetters")));
}

#[test]
fn an_error_is_one_line_with_the_logical_id() {
    let function = |properties: &str| {
        format!(
            "{API}  F: {{Type: AWS::Serverless::Function, Properties: {{CodeUri: functions/f, {properties}}}}}"
        )
    };
    let cases = [
        ("Resources: {}".to_owned(), "the template has no AWS::Serverless::WebSocketApi"),
        (API.to_owned(), "Api: Routes: ping: FunctionArn: F.Arn: F is not a resource of the template"),
        (format!("{API}  F: {{Type: AWS::Serverless::Function}}"), "F: CodeUri is missing"),
        (function("Timeout: 1000"), "F: Timeout is \"1000\", not a number from 1 to 900"),
        (
            function("Environment: {Variables: {A: !Ref Nope}}"),
            "F: Environment: Variables: Nope is neither a parameter nor a resource of the template",
        ),
        (
            function(
                "EventInvokeConfig: {DestinationConfig: {OnFailure: {Destination: \"arn:aws:sqs:a:b:c\"}}}",
            ),
            "F: arn:aws:sqs:a:b:c is not a queue of the template",
        ),
        (
            function("Events: {E: {Type: EventBridgeRule, Properties: {Pattern: {source: [{like: x}]}}}}"),
            "F: Events: E: Properties: Pattern: source: like: this operator is not supported locally",
        ),
        (
            function(
                "Events: {E: {Type: EventBridgeRule, Properties: {EventBusName: b, Pattern: {source: [x]}}}}",
            ),
            "F: Events: E: Properties: the template has no event bus b",
        ),
        (
            function("Events: {E: {Type: Kafka, Properties: {}}}"),
            "F: Events: E: an event of type Kafka is not supported locally",
        ),
        (
            function("Events: {E: {Type: SQS, Properties: {Queue: \"arn:aws:sqs:a:b:c\"}}}"),
            "F: Events: E: Properties: arn:aws:sqs:a:b:c is neither a table's stream nor a queue of the template",
        ),
        (function("Policies: [AWSLambdaExecute]"), "F: Policies[0] is not a mapping"),
        (
            function("Policies: [{DynamoDBCrudPolicy: {TableName: t}}]"),
            "F: Policies[0]: only statements are supported locally",
        ),
        (
            function("Policies: [{Statement: [{Effect: Allow, NotAction: a, Resource: b}]}]"),
            "F: Policies[0]: Statement[0]: NotAction is not supported locally",
        ),
        (
            function(
                "Policies: [{Statement: [{Effect: Allow, Action: a, Resource: b, Condition: {Bool: {c: true}}}]}]",
            ),
            "F: Policies[0]: Statement[0]: Condition: Bool: this operator is not supported locally",
        ),
        (function("Role: r"), "F: Role is not supported locally; use Policies"),
        (function("RecursiveLoop: Maybe"), "F: RecursiveLoop is Maybe, not Allow or Terminate"),
        (
            function("LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: LOUD}"),
            "F: LoggingConfig: ApplicationLogLevel is LOUD, which is not a level",
        ),
    ];
    for (text, line) in cases {
        assert_eq!(load(&text).map(|_| ()), Err(line.to_owned()), "{text}");
    }
}
