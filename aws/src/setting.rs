//! The template's parameters that functions read as variables of their environment.
//!
//! Whoever runs a stack sets parameters and never sees the variables. So an error about such a value names its parameter, and
//! says what would be right; it names the variable only where the template gives the function none.

use std::{error, fmt};

use funnelcast_core::Error;

/// A parameter of the template, and the variable that it sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    variable: &'static str,
    parameter: &'static str,
}

impl Setting {
    /// `Stage`: the stage of the API.
    pub const STAGE: Self = Self { variable: "STAGE", parameter: "Stage" };
    /// `LogLevel`: a filter for `tracing-subscriber`.
    pub const LOG_LEVEL: Self = Self { variable: "RUST_LOG", parameter: "LogLevel" };
    /// `LeaseSeconds`: how long a connection counts as alive after it was last seen.
    pub const LEASE: Self = Self { variable: "LEASE_SECONDS", parameter: "LeaseSeconds" };
    /// `TableName`: the table, where it is not the stack's own.
    pub const TABLE: Self = Self { variable: "TABLE_NAME", parameter: "TableName" };
    /// `UserDollarsPerHour`: what one user may cost per hour.
    pub const USER_DOLLARS: Self =
        Self { variable: "USER_DOLLARS_PER_HOUR", parameter: "UserDollarsPerHour" };
    /// `ConversationRetentionDays`: how long chat messages are kept.
    pub const CONVERSATION_RETENTION: Self =
        Self { variable: "CONVERSATION_RETENTION_DAYS", parameter: "ConversationRetentionDays" };
    /// `ManagementEndpoint`: the base URL of `@connections`. By default the template derives it from the API.
    pub const MANAGEMENT_ENDPOINT: Self =
        Self { variable: "MANAGEMENT_ENDPOINT", parameter: "ManagementEndpoint" };
    /// `WebSocketDomain`: the domain name of the URL that clients connect to.
    pub const WEBSOCKET_DOMAIN: Self = Self { variable: "WEBSOCKET_URL", parameter: "WebSocketDomain" };
    /// `AllowedOrigins`: the origins that browsers may connect from.
    pub const ALLOWED_ORIGINS: Self = Self { variable: "ALLOWED_ORIGINS", parameter: "AllowedOrigins" };
    /// `Issuers`: the issuers of tokens.
    pub const ISSUERS: Self = Self { variable: "ISSUERS", parameter: "Issuers" };
    /// `DevIssuerKey`: the key of the dev issuer.
    pub const DEV_ISSUER_KEY: Self = Self { variable: "DEV_ISSUER_KEY", parameter: "DevIssuerKey" };
    /// `WhopApi`: the URL of Whop's API.
    pub const WHOP_API: Self = Self { variable: "WHOP_API", parameter: "WhopApi" };
    /// `WhopApiKeySecret`: the name of the secret that holds the app's key for it.
    pub const WHOP_API_KEY: Self = Self { variable: "WHOP_API_KEY_SECRET", parameter: "WhopApiKeySecret" };
    /// `WhopWebhookSecret`: the name of the secret that Whop signs webhooks with.
    pub const WHOP_WEBHOOK_SECRET: Self =
        Self { variable: "WHOP_WEBHOOK_SECRET", parameter: "WhopWebhookSecret" };
    /// `AgentUserId`: the user as whom the app posts.
    pub const AGENT: Self = Self { variable: "AGENT_USER_ID", parameter: "AgentUserId" };
    /// `ReviewFunction`: the app's function that is asked before a message is kept.
    pub const REVIEW_FUNCTION: Self = Self { variable: "REVIEW_FUNCTION", parameter: "ReviewFunction" };
    /// `ReviewFailure`: what becomes of a message if that function does not answer.
    pub const REVIEW_FAILURE: Self = Self { variable: "REVIEW_FAILURE", parameter: "ReviewFailure" };
    /// `Search`: whether the messages of companies are indexed, so that their teams can search them.
    pub const SEARCH: Self = Self { variable: "SEARCH", parameter: "Search" };
    /// `CompanyMessages`: whether the messages of each company are measured.
    pub const COMPANY_MESSAGES: Self = Self { variable: "COMPANY_MESSAGES", parameter: "CompanyMessages" };
    /// `FileLimits`: how large files may be.
    pub const FILE_LIMITS: Self = Self { variable: "FILE_LIMITS", parameter: "FileLimits" };
    /// `MalwareScan`: whether a file waits for the verdict of a scan.
    pub const MALWARE_SCAN: Self = Self { variable: "MALWARE_SCAN", parameter: "MalwareScan" };
    /// `RingSeconds`: how long a call rings.
    pub const RING: Self = Self { variable: "RING_SECONDS", parameter: "RingSeconds" };
    /// `CallCheckSeconds`: how often it is looked whether those who are in a call are still connected.
    pub const CALL_CHECK: Self = Self { variable: "CALL_CHECK_SECONDS", parameter: "CallCheckSeconds" };
    /// `IceServers`: the STUN and TURN servers of calls.
    pub const ICE_SERVERS: Self = Self { variable: "ICE_SERVERS", parameter: "IceServers" };
    /// `TurnSecret`: the name of the secret that the TURN servers know.
    pub const TURN_SECRET: Self = Self { variable: "TURN_SECRET", parameter: "TurnSecret" };
    /// `EventSource`: the `source` of the app's events on the bus.
    pub const EVENT_SOURCE: Self = Self { variable: "EVENT_SOURCE", parameter: "EventSource" };

    /// The variable that has the value.
    pub(crate) const fn variable(self) -> &'static str {
        self.variable
    }

    /// The error for a value that is wrong; `why` is the end of a sentence that begins with the parameter.
    pub fn wrong(self, why: impl fmt::Display) -> Error {
        Error::Internal(format!("the parameter {} {why}", self.parameter))
    }

    /// The error for a value that is wrong for the reason that `error` gives, with its causes.
    pub fn caused_by(self, error: &dyn error::Error) -> Error {
        Error::internal(&format!("the parameter {}", self.parameter), error)
    }

    /// The value, if the function has it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it has none, which no value of the parameter can cause.
    pub fn need(self, value: Option<&String>) -> Result<&str, Error> {
        value.map(String::as_str).ok_or_else(|| self.missing())
    }

    /// The error for a function that does not have the value.
    pub fn missing(self) -> Error {
        let Self { variable, parameter } = self;
        Error::Internal(format!(
            "the variable {variable} is not set: the template must give this function the parameter {parameter}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yaml");

    /// All of them, from the source, so that none is forgotten.
    fn all() -> BTreeMap<&'static str, &'static str> {
        let source = include_str!("setting.rs").split("#[cfg(test)]").next().unwrap();
        let text_after =
            |text: &'static str, name: &str| text.split(name).nth(1).unwrap().split('"').nth(1).unwrap();
        let constants = source.split("pub const ").skip(1);
        constants
            .map(|constant| (text_after(constant, "variable:"), text_after(constant, "parameter:")))
            .collect()
    }

    /// The variables of the template's functions, each with the first parameter that its value refers to.
    fn of_template() -> BTreeMap<&'static str, &'static str> {
        let (parameters, rest) = TEMPLATE.split_once("\nRules:").unwrap();
        let parameters: BTreeSet<_> = parameters
            .lines()
            .filter_map(|line| {
                line.strip_prefix("  ")?.strip_suffix(':').filter(|name| !name.starts_with(' '))
            })
            .collect();
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == ':';
        let mut found = BTreeMap::new();
        let mut variable = None;
        for line in rest.lines() {
            let (name, value) = line.trim().split_once(':').unwrap_or(("", line));
            let is_variable =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            if is_variable {
                variable = Some(name);
            } else if !line.trim().starts_with("- ") {
                variable = None;
            }
            let value = if is_variable { value } else { line };
            // What `!Sub` makes of a parameter with other things is not the parameter's value.
            let value = if value.contains("!Sub") && !value.contains("!If") { "" } else { value };
            // A switch is off unless a condition holds, which is named after the parameter.
            let prefix = if value.contains("\"off\"") { "Has" } else { "" };
            let named = |word: &'static str| word.strip_prefix(prefix).unwrap_or(word);
            let mut words = value.split(|c| !is_of_a_name(c)).map(named);
            let parameter = words.find(|word| parameters.contains(word));
            if let (Some(variable), Some(parameter)) = (variable, parameter) {
                found.entry(variable).or_insert(parameter);
            }
        }
        found
    }

    #[test]
    fn each_is_a_variable_that_the_template_sets_from_that_parameter() {
        let settings = all();
        assert!(settings.len() > 10, "{settings:?}");
        assert_eq!(settings, of_template());
    }

    #[test]
    fn an_error_names_the_parameter() {
        let wrong = Setting::LEASE.wrong("must be a whole number of seconds");
        assert_eq!(wrong.to_string(), "the parameter LeaseSeconds must be a whole number of seconds");
        let cause = "user 1".parse::<funnelcast_core::UserId>().unwrap_err();
        let caused = Setting::AGENT.caused_by(&cause).to_string();
        assert!(caused.starts_with("the parameter AgentUserId: "), "{caused}");
        assert_eq!(Setting::STAGE.need(Some(&"dev".to_owned())), Ok("dev"));
        let missing = Setting::WHOP_API.need(None).unwrap_err().to_string();
        assert!(missing.contains("WHOP_API ") && missing.contains("parameter WhopApi"), "{missing}");
    }
}
