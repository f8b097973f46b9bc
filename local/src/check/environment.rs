//! Whether Lambda takes the environment variables of each function. A local stack does: it has longer ones itself, as `dev`
//! allows the pages of many ports.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, bail};

use crate::{
    template::{Endpoints, Function, REGION, Stack},
    up::OTHER_TABLE,
};

/// What Lambda takes: the names and values as one JSON object.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENT_BYTES_MAX: usize = 4_096;
/// What CloudFormation appends to a name that it generates: a hyphen, and up to 13 letters and digits.
const NAME_SUFFIX_BYTES: usize = 14;
/// How many of the largest variables an error names.
const VARIABLES_NAMED: usize = 2;

/// Fails if a function of the template at `template` would have more variables than Lambda takes, with these parameters on AWS.
pub(super) fn check(template: &Path, parameters: &BTreeMap<String, String>) -> Result<()> {
    let mut parameters = parameters.clone();
    parameters.retain(|name, _| !OTHER_TABLE.contains(&name.as_str()));
    // As long as those of AWS, as the URLs of queues are among the variables.
    let aws = format!("https://sqs.{REGION}.amazonaws.com");
    let stack = Stack::load(template, &parameters, &Endpoints { http: aws.clone(), aws })?;
    let prefix = format!("funnelcast-{}-", stack.stage);
    let measured = stack.functions.values().map(|function| (bytes(function, &prefix), function));
    let Some((bytes, function)) = measured.max_by_key(|(bytes, _)| *bytes) else { return Ok(()) };
    if bytes > ENVIRONMENT_BYTES_MAX {
        bail!(
            "{} would have some {bytes} bytes of environment variables, and Lambda takes {ENVIRONMENT_BYTES_MAX}; the largest are {}",
            function.id,
            largest(function)
        );
    }
    Ok(())
}

/// How many bytes the variables of a function have, with names as long as those that CloudFormation makes of `prefix`.
fn bytes(function: &Function, prefix: &str) -> usize {
    let names: usize = function.environment.values().map(|value| value.matches(prefix).count()).sum();
    serde_json::json!(function.environment).to_string().len() + names * NAME_SUFFIX_BYTES
}

fn largest(function: &Function) -> String {
    let mut variables: Vec<_> =
        function.environment.iter().map(|(name, value)| (value.len(), name)).collect();
    variables.sort_unstable_by(|one, other| other.cmp(one));
    let named: Vec<_> = variables
        .into_iter()
        .take(VARIABLES_NAMED)
        .map(|(bytes, name)| format!("{name} with {bytes}"))
        .collect();
    named.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(parameters: &[(&str, String)]) -> Result<(), String> {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        check(&template, &parameters).map_err(|error| error.to_string())
    }

    fn origins(count: usize) -> String {
        let origins: Vec<_> =
            (0..count).map(|number| format!("https://customer-{number:02}.app.example.com")).collect();
        origins.join(",")
    }

    #[test]
    fn what_lambda_would_refuse_is_refused_with_the_function_and_its_largest_variables() {
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&[("AllowedOrigins", origins(40)), ("TableName", "old".to_owned())]), Ok(()));
        let refusal = checked(&[("AllowedOrigins", origins(90))]).unwrap_err();
        assert!(refusal.starts_with("HttpApiFunction would have some "), "{refusal}");
        assert!(refusal.contains("Lambda takes 4096; the largest are ALLOWED_ORIGINS with 3"), "{refusal}");
        let key = r#"{"kty":"EC","crv":"P-256","kid":"key-00","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
        let issuers =
            format!(r#"[{{"kind":"app","keys":{{"static":{{"keys":[{}]}}}}}}]"#, [key; 20].join(","));
        let refusal = checked(&[("Issuers", issuers)]).unwrap_err();
        assert!(refusal.contains("the largest are ISSUERS with "), "{refusal}");
    }
}
