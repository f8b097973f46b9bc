//! samconfig.toml: the parameters with which `sam deploy` deploys each environment, as SAM CLI takes them
//! (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html>).

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use anyhow::{Context as _, Result, bail};
use regex_lite::Regex;
use toml::{Table, Value};

/// The name that SAM CLI gives the file.
pub(crate) const FILE: &str = "samconfig.toml";
/// The commands whose options `sam deploy` has: those of all commands, then its own.
const COMMANDS: [&str; 2] = ["global", "deploy"];
/// The option for the parameters.
const OVERRIDES: &str = "parameter_overrides";

/// The parameters of each environment that the file at `path` deploys, by the environment's name.
pub(crate) fn environments(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let document: Table = text.parse().context("is not valid TOML")?;
    let mut environments = BTreeMap::new();
    for (name, environment) in &document {
        let of_command = |command| environment.get(command)?.get("parameters")?.as_table();
        let options: Vec<_> = COMMANDS.into_iter().filter_map(of_command).collect();
        if options.is_empty() {
            continue; // `version`, and what only builds
        }
        // As SAM does it: the option of the command replaces that of all commands, and no environment has another's.
        let overrides = options.iter().rev().find_map(|options| options.get(OVERRIDES));
        let mut parameters = BTreeMap::new();
        if let Some(overrides) = overrides {
            read(overrides, &mut parameters).with_context(|| format!("environment {name}: {OVERRIDES}"))?;
        }
        environments.insert(name.clone(), parameters);
    }
    Ok(environments)
}

/// Adds the parameters of a table, of a string such as `Stage=prod LogLevel=info`, or of a list of both.
fn read(overrides: &Value, parameters: &mut BTreeMap<String, String>) -> Result<()> {
    match overrides {
        Value::Table(table) => {
            for (name, value) in table {
                let text = match value {
                    Value::Array(items) => joined(items).with_context(|| name.clone())?,
                    value => scalar(value).with_context(|| name.clone())?,
                };
                parameters.insert(name.clone(), unquoted(&text));
            }
        }
        Value::Array(items) => {
            for item in items {
                read(item, parameters)?;
            }
        }
        Value::String(text) if text.starts_with("file://") => {
            bail!("{text} is not read: write the parameters into {FILE} to have them checked");
        }
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => parameters.extend(pairs(text)?),
        other => bail!("{other} must be a table, or a string such as \"Stage=prod\""),
    }
    Ok(())
}

/// A list, as SAM passes it on: without empty items, separated by commas.
fn joined(items: &[Value]) -> Result<String> {
    let items = items.iter().map(scalar).collect::<Result<Vec<_>>>()?;
    let items: Vec<_> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
    Ok(items.join(","))
}

/// The text that SAM, which is written in Python, makes of a value.
fn scalar(value: &Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(true) => "True".to_owned(),
        Value::Boolean(false) => "False".to_owned(),
        other => bail!("{other} must be a string; JSON goes in single quotes"),
    })
}

/// The pairs of a string, found by the expressions that SAM finds them by. What matches none is left out without a word, which
/// is how a value ends at its first quotation mark.
fn pairs(text: &str) -> Result<BTreeMap<String, String>> {
    const KEY: &str = r#"([A-Za-z0-9"']+)"#;
    const VALUE: &str = r#"("(?:\\.|[^"\\]+)*"|'(?:\\.|[^'\\]+)*'|(?:\\.|[^ "\\]+)+)"#;
    static PATTERNS: LazyLock<[Option<Regex>; 2]> = LazyLock::new(|| {
        [format!("ParameterKey={KEY},ParameterValue={VALUE}"), format!(" {KEY}={VALUE}")]
            .map(|pattern| Regex::new(&pattern).ok())
    });
    let text = format!(" {}", text.trim());
    for pattern in PATTERNS.iter().flatten() {
        let pairs: BTreeMap<_, _> =
            pattern.captures_iter(&text).map(|pair| (unquoted(&pair[1]), unquoted(&pair[2]))).collect();
        if !pairs.is_empty() {
            return Ok(pairs);
        }
    }
    bail!("{:?} must have a parameter's name and value, as in \"Stage=prod LogLevel=info\"", text.trim())
}

/// Without the quotation marks around it, and with what was escaped.
fn unquoted(text: &str) -> String {
    let inside = ['"', '\''].into_iter().find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark));
    inside.unwrap_or(text).replace("\\ ", " ").replace("\\\"", "\"").replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(overrides: &str) -> Result<BTreeMap<String, String>, String> {
        let text = format!("[prod.deploy.parameters]\nparameter_overrides = {overrides}\n");
        parse(&text).map(|mut all| all.remove("prod").unwrap()).map_err(|error| format!("{error:#}"))
    }

    fn pairs_of<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn parameters_are_read_as_sam_reads_them() {
        let json = r#"[{"kind":"whop","aud":"app_1"}]"#;
        for (overrides, expected) in [
            (
                format!("{{ Stage = 'prod', Issuers = '{json}' }}"),
                pairs_of([("Stage", "prod"), ("Issuers", json)]),
            ),
            ("{ LeaseSeconds = 60, Waf = true }".into(), pairs_of([("LeaseSeconds", "60"), ("Waf", "True")])),
            ("{ UserDollarsPerHour = 1.0 }".into(), pairs_of([("UserDollarsPerHour", "1.0")])),
            ("{ AllowedOrigins = ['a', ' b ', ''] }".into(), pairs_of([("AllowedOrigins", "a,b")])),
            ("'Stage=prod LogLevel=info'".into(), pairs_of([("Stage", "prod"), ("LogLevel", "info")])),
            (
                r#"'Stage="prod" ParameterKey=A,ParameterValue=b'"#.into(),
                pairs_of([("A", "b")]), // SAM looks for the one form, and else for the other
            ),
            (
                r#"['Stage=prod', { LogLevel = "info" }]"#.into(),
                pairs_of([("Stage", "prod"), ("LogLevel", "info")]),
            ),
            // SAM cuts a value at a quotation mark, and says nothing of it.
            (format!("'Issuers={json}'"), pairs_of([("Issuers", "[{")])),
            (format!("\"Issuers='{}'\"", json.replace('"', "\\\"")), pairs_of([("Issuers", json)])),
            ("''".into(), pairs_of([])),
        ] {
            assert_eq!(environment(&overrides), Ok(expected), "{overrides}");
        }
        for (overrides, reason) in [
            ("5", "must be a table"),
            ("'Stage'", "as in \"Stage=prod"),
            ("{ Issuers = [{ kind = 'whop' }] }", "Issuers: { kind = \"whop\" } must be a string"),
            ("'file://parameters.yaml'", "is not read"),
        ] {
            let error = environment(overrides).unwrap_err();
            assert!(
                error.starts_with("environment prod: ") && error.contains(reason),
                "{overrides}: {error}"
            );
        }
        assert!(parse("[").is_err());
    }

    #[test]
    fn an_environment_has_its_own_options_and_those_of_all_commands() {
        let read = parse(
            "version = 0.1\n[default.deploy.parameters]\nregion = 'eu-west-1'\n\
             [test.global.parameters]\nparameter_overrides = 'Stage=test'\n\
             [live.global.parameters]\nparameter_overrides = 'Stage=test'\n\
             [live.deploy.parameters]\nparameter_overrides = 'Stage=live'\n\
             [other.build.parameters]\nparallel = true\n",
        )
        .unwrap();
        let expected = [
            ("default", pairs_of([])),
            ("live", pairs_of([("Stage", "live")])),
            ("test", pairs_of([("Stage", "test")])),
        ];
        assert_eq!(read, expected.into_iter().map(|(name, pairs)| (name.to_owned(), pairs)).collect());
    }

    #[test]
    fn the_projects_own_file_has_dev_and_prod() {
        let read = parse(include_str!("../../samconfig.toml")).unwrap();
        assert_eq!(read["default"]["Stage"], "dev");
        assert_eq!(read["prod"]["Stage"], "prod");
    }
}
