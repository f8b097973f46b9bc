//! As whom AWS is asked: the environment, the files of the AWS CLI, and the AWS CLI itself.
//!
//! A profile may name roles, single sign-on, other programs and whatever comes next. The AWS CLI, which whoever operates a stack
//! has, knows all of them and exports the credentials that follow (`aws configure export-credentials`). So only keys that are
//! written down are read here. `aws-config` would have to be built with other features of the SDKs than the functions are, and
//! so all SDKs once more.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use funnelcast_aws::config::environment;
use serde::Deserialize;

const HELP: &str = "set AWS_PROFILE or --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --local is a stack on this machine";
/// The profile of those who name none.
const DEFAULT: &str = "default";

/// What the environment and the files say.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    /// The profile of the command line, which counts before the environment's key.
    asked: Option<String>,
    settings: BTreeMap<String, String>,
}

/// An access key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AccessKey {
    #[serde(rename = "AccessKeyId")]
    pub(crate) id: String,
    #[serde(rename = "SecretAccessKey")]
    pub(crate) secret: String,
    #[serde(rename = "SessionToken", default)]
    pub(crate) session_token: Option<String>,
}

impl Surroundings {
    /// Reads them. `profile` is that of the command line.
    pub(crate) fn read(profile: Option<&str>) -> Self {
        let asked = profile.map(str::to_owned);
        let named = asked.clone().or_else(|| environment("AWS_PROFILE"));
        let named = named.as_deref().unwrap_or(DEFAULT);
        let mut settings = BTreeMap::new();
        for (variable, file, prefix) in
            [("AWS_CONFIG_FILE", "config", "profile "), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", "")]
        {
            let text =
                path(variable, file).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
            settings.extend(section(&text, named, prefix));
        }
        let setting = |name: &str| settings.get(name).cloned();
        Self {
            region: environment("AWS_REGION")
                .or_else(|| environment("AWS_DEFAULT_REGION"))
                .or_else(|| setting("region")),
            endpoint: environment("AWS_ENDPOINT_URL").or_else(|| setting("endpoint_url")),
            asked,
            settings,
        }
    }

    /// The access key: that of the environment, unless the command line names a profile; else that of the profile; else what the AWS CLI
    /// says.
    pub(crate) fn access_key(&self) -> Result<AccessKey> {
        let written = |get: &dyn Fn(&str) -> Option<String>, names: [&str; 3]| {
            let [id, secret, token] = names.map(get);
            Some(AccessKey { id: id?, secret: secret?, session_token: token })
        };
        let of_environment = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        if let Some(key) = written(&|name| environment(name), of_environment).filter(|_| self.asked.is_none())
        {
            return Ok(key);
        }
        let of_profile = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
        let is_of_a_role = self.settings.contains_key("role_arn");
        if let Some(key) =
            written(&|name| self.settings.get(name).cloned(), of_profile).filter(|_| !is_of_a_role)
        {
            return Ok(key);
        }
        let exported = exported(self.asked.as_deref());
        exported.with_context(|| {
            format!("there are no AWS credentials: {HELP}; of a role or of single sign-on, by version 2 of the AWS CLI")
        })
    }
}

/// The path of a file of the AWS CLI.
fn path(variable: &str, name: &str) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(environment("HOME")?).join(".aws").join(name));
    environment(variable).map(PathBuf::from).or_else(usual)
}

/// The settings of a profile in a file of the AWS CLI, whose sections are named with `prefix` except for the default one.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html>
fn section(text: &str, profile: &str, prefix: &str) -> BTreeMap<String, String> {
    let (mut settings, mut is_in) = (BTreeMap::new(), false);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.trim();
            is_in = name.strip_prefix(prefix).unwrap_or(if name == DEFAULT { name } else { "" }).trim()
                == profile;
        } else if let Some((name, value)) = trimmed.split_once('=').filter(|_| is_in) {
            // What is indented belongs to the setting above it, and comments begin with # or ;.
            if !line.starts_with([' ', '\t', '#', ';']) {
                settings.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
    settings
}

/// <https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html>
fn exported(profile: Option<&str>) -> Result<AccessKey> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => bail!("the AWS CLI cannot be run: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(output.status.success(), "the AWS CLI says: {said}");
    serde_json::from_slice(&output.stdout).context("the credentials of the AWS CLI")
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
[default]
region = us-east-1
[profile shop]
region=eu-west-1 # not a comment here
s3 =
  endpoint_url = http://nested
role_arn = arn:aws:iam::1:role/x
[sso-session shop]
region = us-west-2
";

    #[test]
    fn a_profile_has_its_own_section() {
        let region = |profile: &str| section(CONFIG, profile, "profile ").get("region").cloned();
        assert_eq!(region("default").as_deref(), Some("us-east-1"));
        assert_eq!(region("shop").as_deref(), Some("eu-west-1 # not a comment here"));
        assert_eq!(region("sso-session shop"), None);
        let shop = section(CONFIG, "shop", "profile ");
        assert!(shop.contains_key("role_arn") && !shop.contains_key("endpoint_url"), "{shop:?}");
        let credentials = section("[shop]\naws_access_key_id = A\n# x = y\n", "shop", "");
        assert_eq!(credentials, BTreeMap::from([("aws_access_key_id".to_owned(), "A".to_owned())]));
    }

    #[test]
    fn what_the_aws_cli_exports_is_a_key_and_is_not_shown() {
        let exported =
            r#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "of-the-key", "SessionToken": "t"}"#;
        let key: AccessKey = serde_json::from_str(exported).unwrap();
        assert_eq!(key.session_token.as_deref(), Some("t"));
        assert!(!format!("{key:?}").contains("of-the-key"));
    }
}
