//! The parameters of a stack for development: those of the command line, before those of the file, before the defaults
//! that suit an app on this machine.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use super::options::StackOptions;
use crate::{
    keys::{APP_AUDIENCE, APP_ISSUER, SigningKey},
    template::Stack,
};

/// The file of parameters that is read without being named, relative to the project's folder.
const FILE: &str = "funnelcast.yaml";
/// The parameter for the issuers of tokens, a JSON list.
const ISSUERS: &str = "Issuers";
/// The parameter for the origins of pages, separated by commas.
const ALLOWED_ORIGINS: &str = "AllowedOrigins";
/// The ports that development servers of pages take by default, each with those that they go on to: Next.js and Remix, Angular, Astro,
/// Vite's preview and Vite, Storybook, Django and others, Wrangler, Jupyter.
const PAGE_PORTS: [std::ops::RangeInclusive<u16>; 9] = [
    3000..=3010,
    4173..=4175,
    4200..=4202,
    4321..=4323,
    5173..=5178,
    6006..=6007,
    8000..=8003,
    8080..=8083,
    8787..=8789,
];

/// The file of parameters: the one that the options name, or else the default one, which may be missing.
pub(super) fn file(options: &StackOptions, folder: &Path) -> PathBuf {
    options.parameters.clone().unwrap_or_else(|| folder.join(FILE))
}

/// The parameters of the file and, before them, of the options.
pub(crate) fn given(options: &StackOptions, folder: &Path) -> Result<BTreeMap<String, String>> {
    let path = file(options, folder);
    let mut given = match fs::read_to_string(&path) {
        Ok(text) => parse(&text).with_context(|| path.display().to_string())?,
        Err(error) if error.kind() == ErrorKind::NotFound && options.parameters.is_none() => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    given.extend(options.parameter.iter().cloned());
    Ok(given)
}

/// Reads `Name: value` pairs. A list of strings is joined by commas, and anything else that is not plain is passed on as
/// JSON, so that `Issuers` needs no quoting.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let fields: Option<Map<String, Value>> = yaml_serde::from_str(text)
        .context("must have a parameter's name and value on each line, as `Name: value`")?;
    let mut parameters = BTreeMap::new();
    for (name, value) in fields.unwrap_or_default() {
        let text = match &value {
            Value::Null => bail!("{name} has no value; an empty one is written as \"\""),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Array(items) => strings(items).map_or_else(|| value.to_string(), |items| items.join(",")),
            Value::Object(_) => value.to_string(),
        };
        parameters.insert(name, text);
    }
    Ok(parameters)
}

/// The items, if all of them are strings and there are any.
fn strings(items: &[Value]) -> Option<Vec<&str>> {
    let strings = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    (!strings.is_empty()).then_some(strings)
}

/// Whether the app's backend can sign with the project's own key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AppIssuer {
    /// The stack accepts its tokens.
    Added,
    /// `Issuers` has an entry of that name already, so the backend has another key.
    Given,
    /// The template has no such parameter, or its value is no list, which the stack is to report.
    Impossible,
}

/// Adds to `given` what suits an app on this machine: an issuer for `key`, and the origins of pages on localhost, with that
/// of the stack's own page on `http_port`.
pub(super) fn complete(
    given: &mut BTreeMap<String, String>,
    template: &Path,
    key: &SigningKey,
    http_port: u16,
) -> Result<AppIssuer> {
    if Stack::has_parameter(template, ALLOWED_ORIGINS)? {
        given.entry(ALLOWED_ORIGINS.to_owned()).or_insert_with(|| origins_of_localhost(http_port));
    }
    if !Stack::has_parameter(template, ISSUERS)? {
        return Ok(AppIssuer::Impossible);
    }
    let listed = given.get(ISSUERS).map_or("[]", String::as_str);
    let Ok(Value::Array(mut entries)) = serde_json::from_str(listed) else {
        return Ok(AppIssuer::Impossible);
    };
    if entries.iter().any(|entry| entry["iss"] == APP_ISSUER) {
        return Ok(AppIssuer::Given);
    }
    entries.push(key.issuer(APP_ISSUER, APP_AUDIENCE));
    given.insert(ISSUERS.to_owned(), Value::from(entries).to_string());
    Ok(AppIssuer::Added)
}

fn origins_of_localhost(http_port: u16) -> String {
    let ports = PAGE_PORTS.into_iter().flatten();
    let ports = ports.filter(|port| *port != http_port).chain([http_port]);
    let origins: Vec<_> = ports
        .flat_map(|port| [format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")])
        .collect();
    origins.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_has_names_and_values() {
        let read = parse(
            "Stage: test\nLeaseSeconds: 60\nAllowedOrigins: [http://a.example, http://b.example]\n\
             Issuers:\n  - {kind: whop, aud: app_1}\n",
        )
        .unwrap();
        assert_eq!(read["Stage"], "test");
        assert_eq!(read["LeaseSeconds"], "60");
        assert_eq!(read["AllowedOrigins"], "http://a.example,http://b.example");
        let issuers: Value = serde_json::from_str(&read["Issuers"]).unwrap();
        assert_eq!(issuers, json!([{ "kind": "whop", "aud": "app_1" }]));
        assert_eq!(parse(r#"{"Issuers": []}"#).unwrap()["Issuers"], "[]");
        assert!(parse("").unwrap().is_empty());
        for wrong in ["Stage", "- Stage", "Stage:", "Stage: [", "1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_backends_issuer_is_added_to_the_given_ones() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("template.yaml");
        fs::write(&template, "Parameters: {Issuers: {Type: String}, AllowedOrigins: {Type: String}}")
            .unwrap();
        let key = SigningKey::generate(None).unwrap();
        let complete = |issuers: Option<&str>| {
            let mut given: BTreeMap<_, _> =
                issuers.map(|issuers| (ISSUERS.to_owned(), issuers.to_owned())).into_iter().collect();
            let outcome = complete(&mut given, &template, &key, 3005).unwrap();
            (outcome, given)
        };
        let (outcome, given) = complete(Some(r#"[{"kind":"whop","aud":"app_1"}]"#));
        let issuers: Value = serde_json::from_str(&given[ISSUERS]).unwrap();
        assert_eq!(
            (outcome, &issuers[0]["kind"], &issuers[1]["iss"]),
            (AppIssuer::Added, &json!("whop"), &json!("my-app"))
        );
        let origins: Vec<_> = given[ALLOWED_ORIGINS].split(',').collect();
        for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://localhost:3005"] {
            assert_eq!(origins.iter().filter(|listed| **listed == origin).count(), 1, "{origin}");
        }
        assert_eq!(complete(Some(r#"[{"kind":"app","iss":"my-app"}]"#)).0, AppIssuer::Given);
        let (outcome, given) = complete(Some("nobody"));
        assert_eq!((outcome, given[ISSUERS].as_str()), (AppIssuer::Impossible, "nobody"));
    }
}
