//! Secrets Manager: `GetSecretValue` of the secrets that the options of `up` set.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    aws_error::AwsError,
    template::{ACCOUNT, REGION},
};

/// The secrets, by name.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// The secrets of `--secret`; if a name is repeated, the last value counts.
    pub(crate) fn new(given: impl Iterator<Item = (String, String)>) -> Self {
        Self(given.collect())
    }

    /// The ARN of the secret with this name. If the secret exists, Secrets Manager adds a suffix of six characters.
    pub(crate) fn arn(&self, name: &str) -> String {
        let suffix = if self.0.contains_key(name) { "-local1" } else { "" };
        format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}{suffix}")
    }

    /// The secret with this name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Answers `secretsmanager.{operation}`.
    pub(crate) fn call(&self, operation: &str, body: &Value) -> Result<Value, AwsError> {
        if operation != "GetSecretValue" {
            return Err(AwsError::unknown_operation(operation));
        }
        let name = body["SecretId"].as_str().unwrap_or_default();
        let value = self.0.get(name).ok_or_else(|| {
            AwsError::client("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        })?;
        Ok(json!({
            "ARN": self.arn(name),
            "Name": name,
            "SecretString": value,
            "VersionStages": ["AWSCURRENT"],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_by_its_name_only() {
        let given = [("funnelcast/dev/app", "one"), ("funnelcast/dev/app", "two")];
        let secrets =
            Secrets::new(given.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter());
        let get = |name: &str| secrets.call("GetSecretValue", &json!({ "SecretId": name }));
        assert_eq!(get("funnelcast/dev/app").unwrap()["SecretString"], "two");
        assert_eq!(get("funnelcast/dev/other").unwrap_err().code, "ResourceNotFoundException");
        assert!(secrets.call("PutSecretValue", &json!({})).is_err());
    }
}
