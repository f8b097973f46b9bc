//! The template's parameters on this machine: those of the options, and those that only this run can know.
//!
//! A template that has none of the parameters named here is run as it is.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context as _, anyhow};

use super::options::UpOptions;
use crate::{command::Failure, project::folder_of, template::Stack, token::DevKey};

/// The parameter for the key of the dev issuer.
pub(crate) const DEV_KEY: &str = "DevIssuerKey";
/// The parameter for the origins of pages that may connect, separated by commas.
const ALLOWED_ORIGINS: &str = "AllowedOrigins";
/// The parameter for the `source` of the backend's events.
const EVENT_SOURCE: &str = "EventSource";
/// The parameters for a table that exists already. There is none on this machine, so a stack here has its own.
pub(crate) const OTHER_TABLE: [&str; 2] = ["TableName", "TableStreamLabel"];
/// The prefix of the names of a stack's secrets.
const SECRETS: &str = "funnelcast/";

/// The parameters, and what follows from them.
pub(super) struct Parameters {
    /// The parameters that do not have their default.
    pub(super) given: BTreeMap<String, String>,
    /// The key of the dev issuer's tokens; `None` if the template has no dev issuer.
    pub(super) dev_key: Option<DevKey>,
    /// The `source` of the backend's events; empty if the template does not name it.
    pub(super) event_source: String,
}

impl Parameters {
    /// The parameters of a stack whose HTTP port is `http`.
    pub(super) fn new(options: &UpOptions, http: SocketAddr) -> Result<Self, Failure> {
        let mut given: BTreeMap<_, _> = options.parameter.iter().cloned().collect();
        check_secrets(&given, options)?;
        drop_other_table(&mut given, options)?;
        let default = |name| Stack::parameter_default(&options.template, name).map_err(Failure::Input);
        let dev_key = dev_key(options, given.get(DEV_KEY))?;
        if let Some(key) = &dev_key {
            given.entry(DEV_KEY.to_owned()).or_insert_with(|| key.encoded());
        }
        if let (Some(_), Some(allowed)) = (&options.site, default(ALLOWED_ORIGINS)?) {
            given.entry(ALLOWED_ORIGINS.to_owned()).or_insert_with(|| with_page(&allowed, http.port()));
        }
        let event_source = match given.get(EVENT_SOURCE) {
            Some(source) => source.clone(),
            None => default(EVENT_SOURCE)?.unwrap_or_default(),
        };
        Ok(Self { given, dev_key, event_source })
    }
}

/// Leaves out a table that exists already, after the template's rules have been asked about it.
fn drop_other_table(given: &mut BTreeMap<String, String>, options: &UpOptions) -> Result<(), Failure> {
    if OTHER_TABLE.iter().all(|name| given.get(*name).is_none_or(String::is_empty)) {
        return Ok(());
    }
    Stack::check(&options.template, given).map_err(Failure::Input)?;
    for name in OTHER_TABLE {
        given.remove(name);
    }
    tracing::warn!("a local stack has a table of its own: TableName is ignored");
    Ok(())
}

/// Fails if a parameter names a secret that is not set. Functions read secrets when they are needed, so that the stack
/// would start and then refuse everything that needs the secret.
fn check_secrets(given: &BTreeMap<String, String>, options: &UpOptions) -> Result<(), Failure> {
    for (name, parameter) in secrets_named(given) {
        if !options.secret.iter().any(|(secret, _)| *secret == name) {
            let error = anyhow!(
                "parameter {parameter} names the secret {name}, which is missing: add --secret {name}=VALUE"
            );
            return Err(Failure::Input(error));
        }
    }
    Ok(())
}

/// The secrets that parameters name, each with one of the parameters.
pub(crate) fn secrets_named(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    let secrets_in = |value: &str| -> Vec<String> {
        let words = value.split(|c| !is_of_a_name(c)).filter(|word| word.starts_with(SECRETS));
        words.map(str::to_owned).collect()
    };
    let named = given.iter().flat_map(|(parameter, value)| {
        secrets_in(value).into_iter().map(move |secret| (secret, parameter.clone()))
    });
    named.collect()
}

/// The key that was set, otherwise this checkout's.
fn dev_key(options: &UpOptions, given: Option<&String>) -> Result<Option<DevKey>, Failure> {
    match given {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => DevKey::decode(text).map(Some).context(DEV_KEY).map_err(Failure::Input),
        None if Stack::has_parameter(&options.template, DEV_KEY).map_err(Failure::Input)? => {
            let project = options.project.clone();
            let project = project.unwrap_or_else(|| folder_of(Some(&options.template)));
            Ok(Some(DevKey::load_or_create(&project)?))
        }
        None => Ok(None),
    }
}

/// The origins `allowed`, and those of the page on `port` of this machine.
fn with_page(allowed: &str, port: u16) -> String {
    format!("{allowed},http://localhost:{port},http://127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        up: UpOptions,
    }

    /// What these options make of a template with these parameters.
    fn parameters(declared: &str, options: &[&str]) -> Result<Parameters, String> {
        let directory = tempfile::tempdir().unwrap();
        let template = directory.path().join("template.yaml");
        std::fs::write(&template, format!("Parameters: {{{declared}}}\nResources: {{}}\n")).unwrap();
        let template = template.to_str().unwrap();
        let up = Cli::parse_from([&["up", "--template", template], options].concat()).up;
        Parameters::new(&up, ([127, 0, 0, 1], 4000).into()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_secret_that_a_parameter_names_must_be_set() {
        let issuers = r#"Issuers=[{"keys":{"secret":"funnelcast/dev/app"}}]"#;
        let declared = "Issuers: {Type: String, Default: '[]'}";
        let missing = parameters(declared, &["--parameter", issuers]).err().unwrap();
        assert!(missing.contains("--secret funnelcast/dev/app=VALUE"), "{missing}");
        let given = ["--parameter", issuers, "--secret", "funnelcast/dev/app=value"];
        assert!(parameters(declared, &given).is_ok());
    }

    #[test]
    fn the_origin_of_a_page_is_allowed() {
        let declared = "AllowedOrigins: {Type: String, Default: 'http://localhost:3000'}";
        let origins = |options: &[&str]| parameters(declared, options).unwrap().given.remove(ALLOWED_ORIGINS);
        assert_eq!(origins(&[]), None);
        assert_eq!(
            origins(&["--site", "."]).unwrap(),
            "http://localhost:3000,http://localhost:4000,http://127.0.0.1:4000"
        );
        let given = ["--site", ".", "--parameter", "AllowedOrigins=https://app.example"];
        assert_eq!(origins(&given).unwrap(), "https://app.example");
        assert!(parameters("", &["--site", "."]).unwrap().given.is_empty());
    }

    #[test]
    fn tokens_are_signed_with_the_key_that_the_stack_takes() {
        let declared = "DevIssuerKey: {Type: String, Default: ''}";
        let made = parameters(declared, &[]).unwrap();
        assert_eq!(made.given[DEV_KEY], made.dev_key.unwrap().encoded());
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        let given = parameters(declared, &["--parameter", &format!("DevIssuerKey={key}")]).unwrap();
        assert_eq!(given.dev_key.unwrap().encoded(), key);
        assert!(parameters(declared, &["--parameter", "DevIssuerKey="]).unwrap().dev_key.is_none());
        assert!(parameters("", &[]).unwrap().dev_key.is_none());
        assert!(parameters(declared, &["--parameter", "DevIssuerKey=short"]).is_err());
    }

    #[test]
    fn events_have_the_source_that_the_stack_listens_to() {
        let declared = "EventSource: {Type: String, Default: funnelcast.app}";
        assert_eq!(parameters(declared, &[]).unwrap().event_source, "funnelcast.app");
        let given = parameters(declared, &["--parameter", "EventSource=mine"]).unwrap();
        assert_eq!(given.event_source, "mine");
    }

    #[test]
    fn a_table_that_exists_already_is_left_out_once_the_rules_are_kept() {
        let declared = "TableName: {Type: String, Default: ''}, TableStreamLabel: {Type: String, Default: ''}}
Rules: {Both: {RuleCondition: {'Fn::Not': [{'Fn::Equals': [{Ref: TableName}, '']}]}, Assertions: [{
  Assert: {'Fn::Not': [{'Fn::Equals': [{Ref: TableStreamLabel}, '']}]}, AssertDescription: it needs its label}]}";
        let both =
            ["--parameter", "TableName=restored", "--parameter", "TableStreamLabel=2026-12-01T10:00:00.123"];
        assert!(parameters(declared, &both).unwrap().given.is_empty());
        let broken = parameters(declared, &both[..2]).err().unwrap();
        assert!(broken.contains("it needs its label"), "{broken}");
        assert!(parameters(declared, &["--parameter", "TableName="]).is_ok());
    }
}
