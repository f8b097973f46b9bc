//! functions/, template.yaml and events/ agree: a new route is a folder, a few lines and a sample, and nothing of
//! the three can be forgotten.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_yaml_ng::Value;

/// Routes that answer nobody: there is no socket yet, or no more.
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
    serde_yaml_ng::from_str(&text).context("template.yaml")
}

/// The names of what is in a folder.
fn names(folder: &str) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(root().join(folder)).with_context(|| folder.to_owned())?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
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

/// `FunnelUpdate` as `funnel-update`.
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

/// As SAM makes a route's logical id.
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
        let rules: Vec<&Value> =
            function["Events"].as_mapping().into_iter().flatten().map(|(_, event)| event).collect();
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
    assert_eq!(streams, filters, "one stream-*.json a filter pattern");
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
