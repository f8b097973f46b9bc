//! functions/, template.yaml, events/ and docs/openapi.yaml agree, so that no part of a new route can be forgotten: its
//! folder, its lines in the template, its sample. So do the limits and prices that `local`, which depends on no crate of
//! ours, has to repeat.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use yaml_serde::Value;

/// Routes without a reply, because there is no socket yet, or no longer.
const SILENT_ROUTES: [&str; 2] = ["$connect", "$disconnect"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The resources of a type, as (logical id, properties).
fn resources(template: &Value, kind: &str) -> Vec<(String, Value)> {
    let all = template["Resources"].as_mapping().into_iter().flatten();
    let of_kind = all.filter(|(_, resource)| resource["Type"] == kind);
    of_kind
        .map(|(id, resource)| (id.as_str().unwrap_or_default().to_owned(), resource["Properties"].clone()))
        .collect()
}

fn template() -> Result<Value> {
    let text = std::fs::read_to_string(root().join("template.yaml"))?;
    yaml_serde::from_str(&text).context("template.yaml")
}

/// The names of a folder's entries.
fn names(folder: &str) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(root().join(folder)).with_context(|| folder.to_owned())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The crates, each with its features, from which `cargo lambda` builds these functions when it builds them together.
fn built_of(functions: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let root = root().canonicalize()?.join("functions");
    let packages = functions.iter().map(|name| format!("path+file://{}", root.join(name).display()));
    packages_built_of(packages)
}

/// The crates, each with its features, from which these packages are built when they are built together.
fn packages_built_of(packages: impl IntoIterator<Item = String>) -> Result<BTreeSet<String>> {
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.current_dir(root()).args(["tree", "--locked", "--offline", "--target", "x86_64-unknown-linux-gnu"]);
    tree.args(["--prefix", "none", "--edges", "normal,build", "--format", "{p} {f}"]);
    for package in packages {
        tree.args(["--package".to_owned(), package]);
    }
    let output = tree.output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let crates = String::from_utf8(output.stdout)?;
    Ok(crates.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}

/// Otherwise `sam build`, which builds one function after the other, would compile half of all crates again for each.
#[test]
fn a_function_built_alone_is_built_of_what_all_are_built_of() -> Result<()> {
    let functions = names("functions")?;
    let together = built_of(&functions)?;
    assert!(together.len() > 100, "{}", together.len());
    for name in functions {
        let alone = built_of(&[name.clone()].into())?;
        let others: Vec<_> = alone.difference(&together).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
    }
    Ok(())
}

/// Otherwise `make package` would compile the SDKs again for the commands of an operator.
#[test]
fn the_commands_of_an_operator_are_built_of_what_the_functions_are_built_of() -> Result<()> {
    let name = |built: &String| built.split(' ').next().unwrap_or_default().to_owned();
    let functions = built_of(&names("functions")?)?;
    let known: BTreeSet<_> = functions.iter().map(name).collect();
    let operator = packages_built_of(["funnelcast-operator".to_owned()])?;
    let others: Vec<_> =
        operator.difference(&functions).filter(|built| known.contains(&name(built))).collect();
    assert!(others.is_empty(), "{others:?}");
    Ok(())
}

/// The last part of each function's `CodeUri`.
fn deployed(template: &Value) -> BTreeSet<String> {
    let functions = resources(template, "AWS::Serverless::Function");
    functions
        .iter()
        .filter_map(|(_, function)| {
            function["CodeUri"].as_str()?.strip_prefix("functions/").map(str::to_owned)
        })
        .collect()
}

/// Turns `FunnelUpdate` into `funnel-update`.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// EventBridge silently drops an event that matches no rule.
#[test]
fn every_type_of_the_bus_has_a_rule() -> Result<()> {
    let functions = resources(&template()?, "AWS::Serverless::Function");
    let rules =
        functions.iter().flat_map(|(_, function)| function["Events"].as_mapping().into_iter().flatten());
    let wanted: BTreeSet<String> = rules
        .flat_map(|(_, rule)| {
            rule["Properties"]["Pattern"]["detail-type"].as_sequence().into_iter().flatten()
        })
        .filter_map(|detail_type| Some(format!("{}.json", detail_type.as_str()?)))
        .collect();
    assert_eq!(wanted, names("docs/schemas/bus")?);
    Ok(())
}

#[test]
fn every_folder_is_deployed_and_everything_deployed_has_a_folder() -> Result<()> {
    let template = template()?;
    assert_eq!(names("functions")?, deployed(&template));
    assert_eq!(deployed(&template).len(), resources(&template, "AWS::Serverless::Function").len());
    Ok(())
}

#[test]
fn every_route_that_can_answer_does() -> Result<()> {
    let template = template()?;
    let answered: BTreeSet<String> = resources(&template, "AWS::ApiGatewayV2::RouteResponse")
        .iter()
        .filter(|(_, response)| response["RouteResponseKey"] == "$default")
        .filter_map(|(_, response)| response["RouteId"].as_str().map(str::to_owned))
        .collect();

    let mut expected = BTreeSet::new();
    for (id, api) in resources(&template, "AWS::Serverless::WebSocketApi") {
        for (key, route) in api["Routes"].as_mapping().context("routes")? {
            let key = key.as_str().unwrap_or_default();
            let answers = !SILENT_ROUTES.contains(&key);
            assert_eq!(answers, route["RouteResponseSelectionExpression"] == "$default", "{key}");
            if answers {
                expected.insert(format!("{id}{}Route", capitalised(key.trim_start_matches('$'))));
            }
        }
    }
    assert!(!expected.is_empty());
    assert_eq!(answered, expected);
    Ok(())
}

/// A route's name as SAM writes it in the route's logical id.
fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    first.to_ascii_uppercase() + rest
}

#[test]
fn every_function_and_trigger_has_a_sample() -> Result<()> {
    let template = template()?;
    let samples = names("events")?;
    let mut missing = Vec::new();
    for (id, function) in resources(&template, "AWS::Serverless::Function") {
        let name =
            function["CodeUri"].as_str().unwrap_or_default().trim_start_matches("functions/").to_owned();
        let events = function["Events"].as_mapping().into_iter().flatten().map(|(_, event)| event);
        let rules: Vec<&Value> = events.filter(|event| event["Type"] == "EventBridgeRule").collect();
        for rule in &rules {
            for detail_type in
                rule["Properties"]["Pattern"]["detail-type"].as_sequence().into_iter().flatten()
            {
                let sample = format!("{}.json", kebab_case(detail_type.as_str().unwrap_or_default()));
                missing.extend((!samples.contains(&sample)).then_some(sample));
            }
        }
        let own = |sample: &&String| {
            let stem = sample.trim_end_matches(".json");
            stem == name || stem.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        if rules.is_empty() && !samples.iter().any(|sample| own(&sample)) {
            missing.push(format!("{name}.json for {id}"));
        }
    }
    assert!(missing.is_empty(), "events/ lacks {missing:?}");

    let filters: usize = resources(&template, "AWS::Lambda::EventSourceMapping")
        .iter()
        .filter_map(|(_, mapping)| mapping["FilterCriteria"]["Filters"].as_sequence().map(Vec::len))
        .sum();
    let streams = samples.iter().filter(|sample| sample.starts_with("stream-")).count();
    assert_eq!(streams, filters, "one stream-*.json for each filter pattern");
    Ok(())
}

/// The one path that has a route of its own only because of its throttle.
const TICKETS: &str = "/api/websocket/connect";

/// The one path that has a route and a function of its own.
const WEBHOOK: (&str, &str) = ("/api/websocket/webhooks/whop", "WebhookFunction");

/// The routes send everything below them to one function. docs/openapi.yaml lists the paths, and that function's own test
/// compares them with its router. Only the webhook has another function.
#[test]
fn every_path_of_the_http_api_leads_to_its_function() -> Result<()> {
    let template = template()?;
    let mut routes = Vec::new();
    for (id, function) in resources(&template, "AWS::Serverless::Function") {
        for (_, event) in function["Events"].as_mapping().into_iter().flatten() {
            if event["Type"] == "HttpApi" {
                let text = |name: &str| event["Properties"][name].as_str().unwrap_or_default();
                if (text("Path"), id.as_str()) == WEBHOOK {
                    assert_eq!((text("Method"), text("PayloadFormatVersion")), ("ANY", "2.0"));
                    continue;
                }
                let method = if text("Path") == TICKETS { "POST" } else { "ANY" };
                let route = (id.as_str(), text("Method"), text("PayloadFormatVersion"));
                assert_eq!(route, ("HttpApiFunction", method, "2.0"));
                routes.push(text("Path").to_owned());
            }
        }
    }
    assert!(!routes.is_empty());

    let document = std::fs::read_to_string(self::root().join("docs/openapi.yaml"))?;
    let document: Value = yaml_serde::from_str(&document)?;
    let mut unused = routes.clone();
    for (path, _) in document["paths"].as_mapping().context("paths")? {
        let path = path.as_str().context("a path")?;
        let leads_there = |route: &String| match route.strip_suffix("{proxy+}") {
            Some(root) => path.strip_prefix(root).is_some_and(|below| !below.is_empty()),
            None => path == route,
        };
        assert!(routes.iter().any(leads_there), "none of {routes:?} leads to {path}");
        unused.retain(|route| !leads_there(route));
    }
    assert!(unused.is_empty(), "no operation is behind {unused:?}");
    Ok(())
}

/// `.checkov.yaml` relies on this test, because checkov's own rule knows only KMS.
#[test]
fn every_queue_is_encrypted() -> Result<()> {
    let queues = resources(&template()?, "AWS::SQS::Queue");
    assert!(!queues.is_empty());
    for (id, queue) in queues {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
    }
    Ok(())
}

/// A function writes the dead letter itself, with the reason, just before the queue would without one. Much earlier would be too early:
/// what Lambda receives and cannot hand on, because the account has no invocation to spare, counts as well.
#[test]
fn every_queue_has_one_receive_more_than_its_function() -> Result<()> {
    let receives: u64 = constant("aws/src/batch.rs", "RECEIVES_MAX")?.parse()?;
    let queues = resources(&template()?, "AWS::SQS::Queue");
    let policies = queues.iter().map(|(_, queue)| &queue["RedrivePolicy"]).filter(|policy| !policy.is_null());
    let counts: Vec<u64> = policies.filter_map(|policy| policy["maxReceiveCount"].as_u64()).collect();
    assert_eq!(counts.len(), queues.len() - 1, "all queues but the dead-letter queue");
    assert!(counts.iter().all(|count| *count == receives + 1), "{counts:?}, and {receives} in the functions");
    assert!(receives >= 15, "{receives} receives, of which some are no tries");
    Ok(())
}

/// Lambda would end a function that still waits for S3, and nobody would be told why.
#[test]
fn a_function_waits_for_its_bucket_for_less_time_than_it_has() -> Result<()> {
    let seconds = |file: &str, name: &str| -> Result<u64> {
        let value = constant(file, name)?;
        let number = value.strip_prefix("Duration::fromsecs(").and_then(|value| value.strip_suffix(')'));
        Ok(number.with_context(|| format!("{name}: {value}"))?.parse()?)
    };
    let template = template()?;
    let timeout = |function: &str| {
        let timeout = template["Resources"][function]["Properties"]["Timeout"].as_u64();
        timeout.with_context(|| function.to_owned())
    };
    let attempt = seconds("aws/src/objects/bucket.rs", "ATTEMPT_MAX")?;
    let call = seconds("aws/src/objects/bucket.rs", "CALL_MAX")?;
    let copy = seconds("aws/src/objects/copy.rs", "COPY_MAX")?;
    assert!(attempt < call, "an attempt of {attempt} s leaves nothing of {call} s");
    let http_api = timeout("HttpApiFunction")?;
    assert!(call < http_api, "{call} s of the {http_api} s of `http-api`");
    let files = timeout("FilesFunction")?;
    assert!(call + copy < files, "{call} s and {copy} s of the {files} s of `files`");
    Ok(())
}

#[test]
fn every_sample_is_json() -> Result<()> {
    for sample in names("events")? {
        assert_eq!(Path::new(&sample).extension().and_then(|end| end.to_str()), Some("json"), "{sample}");
        let text = std::fs::read_to_string(root().join("events").join(&sample))?;
        serde_json::from_str::<serde_json::Value>(&text).with_context(|| sample.clone())?;
    }
    Ok(())
}

/// The value of a constant in this source file, as it is written, but without `_` and a trailing `.0`.
fn constant(file: &str, name: &str) -> Result<String> {
    let source = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
    let prefix = format!("const {name}: ");
    let mut lines = source.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix(&prefix));
    let (_, number) =
        lines.next().and_then(|rest| rest.split_once(" = ")).with_context(|| format!("{name} in {file}"))?;
    Ok(number.replace(['_', ';'], "").trim_end_matches(".0").to_owned())
}

/// `funnelcast-local cost` takes these neither from our crates nor from the template, but repeats them.
#[test]
fn what_a_channel_costs_is_estimated_by_the_limits_that_there_are() -> Result<()> {
    const ESTIMATE: &str = "local/src/cost/estimate.rs";
    for (file, name) in [
        ("realtime/src/deliver/delivery.rs", "DIRECT_MEMBERS_MAX"),
        ("realtime/src/deliver/delivery.rs", "DELIVERY_MEMBERS_MAX"),
        ("realtime/src/deliver/delivery.rs", "PAGE_MEMBERS_MAX"),
        ("aws/src/gateway/poster.rs", "IN_FLIGHT_MAX"),
    ] {
        assert_eq!(constant(ESTIMATE, name)?, constant(file, name)?, "{name}");
    }
    let memory = &template()?["Resources"]["BroadcastFunction"]["Properties"]["MemorySize"];
    let memory = memory.as_u64().context("the memory of `broadcast`")?;
    assert_eq!(constant(ESTIMATE, "BROADCAST_MB")?, memory.to_string());
    Ok(())
}

/// A throttle of a route that does not exist would silently limit nothing.
#[test]
fn what_is_not_charged_to_anybody_and_what_reads_much_is_throttled() -> Result<()> {
    for (_, api) in resources(&template()?, "AWS::Serverless::WebSocketApi") {
        let keys = |name: &str| {
            let keys = api[name].as_mapping().into_iter().flatten();
            keys.filter_map(|(key, _)| key.as_str().map(str::to_owned)).collect::<BTreeSet<_>>()
        };
        let throttled = keys("RouteSettings");
        assert!(throttled.is_subset(&keys("Routes")), "{throttled:?}");
        for route in ["$connect", "$default", "history"] {
            assert!(throttled.contains(route), "{route}");
        }
    }
    let template = template()?;
    let events = resources(&template, "AWS::Serverless::Function").into_iter();
    let events = events.filter_map(|(_, function)| function["Events"].as_mapping().cloned());
    let routes = events.flat_map(|events| events.into_iter().map(|(_, event)| event["Properties"].clone()));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let routes: BTreeSet<_> =
        routes.map(|route| format!("{} {}", text(&route["Method"]), text(&route["Path"]))).collect();
    let settings = &template["Resources"]["HttpApi"]["Properties"]["RouteSettings"];
    for (route, _) in settings.as_mapping().context("the throttles of the HTTP API")? {
        assert!(routes.contains(&text(route)), "{route:?}");
    }
    // A browser needs a ticket for each connection.
    let connects = &template["Resources"]["WebSocketApi"]["Properties"]["RouteSettings"]["$connect"];
    let tickets = &settings["POST /api/websocket/connect"]["ThrottlingRateLimit"];
    assert!(tickets.as_str().is_some(), "{tickets:?}");
    assert_eq!(tickets, &connects["ThrottlingRateLimit"]);
    Ok(())
}

/// Users are charged by the prices with which `funnelcast-local cost` calculates.
#[test]
fn users_are_charged_the_list_prices() -> Result<()> {
    let prices = std::fs::read_to_string(root().join("local/src/cost/prices.yaml"))?;
    let prices: Value = yaml_serde::from_str(&prices)?;
    let source = std::fs::read_to_string(root().join("aws/src/spending.rs"))?;
    for (name, listed) in [
        ("MESSAGE: f64 = ", "websocketMillionMessages"),
        ("READ_UNIT: f64 = ", "dynamodbMillionReads"),
        ("WRITE_UNIT: f64 = ", "dynamodbMillionWrites"),
        ("QUEUE_REQUEST: f64 = ", "sqsMillionRequests"),
        ("INVOCATION: f64 = ", "lambdaMillionRequests"),
        ("SECOND: f64 = 0.5 * ", "lambdaGbSecond"),
    ] {
        let (_, number) = source.split_once(&format!("const {name}")).with_context(|| name.to_owned())?;
        let number = number.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
        let million = if listed == "lambdaGbSecond" { 1e6 } else { 1.0 };
        let listed = prices[listed].as_f64().with_context(|| listed.to_owned())? * million;
        assert!((number.parse::<f64>()? - listed).abs() < 1e-9, "{name}: {number}, not {listed}");
    }
    Ok(())
}
