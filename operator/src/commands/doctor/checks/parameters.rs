//! Parameters: what browsers may connect from, who signs tokens, which secrets are needed, and the rest.

use funnelcast_aws::account::state::SecretState;
use funnelcast_realtime::tokens::examine::{KeyPlace, SIGNING_SECRET_BYTES_MIN};

use super::super::{
    facts::{Facts, Known},
    finding::Finding,
};

/// The shortest lease that a client of ours keeps: it pings every 25 s where a page is looked at.
const LEASE_SECS_MIN: u64 = 60;

/// The configuration as the functions read it.
pub(super) fn configuration(facts: &Facts) -> Vec<Finding> {
    let Err(why) = &facts.configuration else { return Vec::new() };
    vec![Finding::error(
        "parameters.invalid",
        format!("a function does not start with these parameters: {why}"),
        "correct the parameter in samconfig.toml and deploy; `funnelcast check` finds it before",
    )]
}

/// The origins of browsers.
pub(super) fn origins(facts: &Facts) -> Vec<Finding> {
    let origins: Vec<&str> =
        facts.variable("ALLOWED_ORIGINS").into_iter().flat_map(|list| list.split(',')).collect();
    if origins.is_empty() {
        return vec![Finding::warning(
            "origins.none",
            "AllowedOrigins is empty, so no browser can connect",
            "set AllowedOrigins to the origins of your pages, such as https://app.example",
        )];
    }
    let mut found = Vec::new();
    for origin in origins {
        if let Some(why) = origin_mistake(origin) {
            found.push(Finding::error(
                "origins.form",
                format!("AllowedOrigins has {origin:?}, which {why}: no browser ever sends that"),
                "write it as a browser does: scheme, host and port, such as https://app.example",
            ));
        } else if !facts.is_for_development && is_here(origin) {
            found.push(Finding::warning(
                "origins.localhost",
                format!(
                    "AllowedOrigins of the stage {} has {origin}, a page on anybody's own machine",
                    facts.stage
                ),
                "leave out localhost on a stage that serves customers",
            ));
        } else if !facts.is_for_development && origin.starts_with("http://") {
            found.push(Finding::error(
                "origins.http",
                format!(
                    "AllowedOrigins of the stage {} has {origin}: whoever is between can change such a page",
                    facts.stage
                ),
                "serve the page by https, and allow that origin alone",
            ));
        }
    }
    found
}

/// Why a browser never sends this as an origin (<https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Origin>).
fn origin_mistake(origin: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = origin.split_once("://") else { return Some("has no scheme") };
    let port = rest.rsplit_once(':').map(|(_, port)| port);
    match () {
        () if rest.is_empty() => Some("has no host"),
        () if origin.contains('*') => Some("has a *, and origins are compared as a whole"),
        () if origin.chars().any(char::is_whitespace) => Some("has a space"),
        () if rest.ends_with('/') => Some("ends with a slash"),
        () if rest.contains(['/', '?', '#']) => Some("has a path"),
        () if rest.contains(char::is_uppercase) => Some("has capital letters"),
        () if matches!((scheme, port), ("https", Some("443")) | ("http", Some("80"))) => {
            Some("names the default port")
        }
        () => None,
    }
}

fn is_here(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|here| host.strip_prefix(here).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// Who signs tokens.
pub(super) fn issuers(facts: &Facts) -> Vec<Finding> {
    let issuers = match &facts.issuers {
        Ok(issuers) => issuers,
        Err(why) => {
            return vec![Finding::error(
                "issuers.invalid",
                format!("no function that reads tokens starts: {why}"),
                "correct Issuers (docs/tokens.md); set it in samconfig.toml, as --parameter-overrides cuts it",
            )];
        }
    };
    let mut found = Vec::new();
    if issuers.is_empty() && facts.configuration.is_ok() {
        found.push(Finding::error(
            "issuers.none",
            "Issuers is empty, so every token is refused and nobody can connect",
            "set Issuers to whoever signs your users' tokens (docs/tokens.md)",
        ));
    }
    for issuer in issuers {
        if let KeyPlace::Url(url, Some(error)) = &issuer.keys {
            found.push(Finding::error(
                "issuers.keys",
                format!("the keys of the issuer {} cannot be had from {url}: {error}", issuer.iss),
                "correct the URL of its key set, or its `alg`; until then all of its tokens are refused",
            ));
        }
        if issuer.kind == "dev" && !facts.is_local {
            found.push(
                Finding::error(
                    "issuers.dev",
                    "DevIssuerKey is set on AWS: whoever has that key is anybody",
                    "leave DevIssuerKey empty",
                )
                .graver_if(!facts.is_for_development),
            );
        }
    }
    let has = |variable: &str| facts.variable(variable).is_some();
    if issuers.iter().any(|issuer| issuer.kind == "whop") {
        if !has("WHOP_API_KEY_SECRET") {
            found.push(Finding::warning(
                "whop.key",
                "Whop signs tokens, but WhopApiKeySecret is empty: Whop's users are in no team and have no experience",
                "put the app's key for Whop's API into a secret, and name it in WhopApiKeySecret",
            ));
        }
        if !has("WHOP_WEBHOOK_SECRET") {
            found.push(Finding::note(
                "whop.webhooks",
                "WhopWebhookSecret is empty, so every webhook of Whop is refused",
                "name the secret that Whop shows, if Whop is to send webhooks here",
            ));
        }
    }
    found
}

/// The secrets that parameters name.
pub(super) fn secrets(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for ((parameter, name), state) in &facts.secrets {
        let prefix = format!("funnelcast/{}/", facts.stage);
        if !name.starts_with(&prefix) {
            found.push(Finding::error(
                "secrets.name",
                format!("{parameter} names the secret {name}, which no function may read"),
                format!("give it a name that begins with {prefix}"),
            ));
        }
        let bytes_min = if parameter.starts_with("Issuers") { SIGNING_SECRET_BYTES_MIN } else { 1 };
        let create = format!("aws secretsmanager create-secret --name {name} --secret-string ...");
        match state {
            Known::Is(SecretState::Missing) => found.push(Finding::error(
                "secrets.missing",
                format!("{parameter} names the secret {name}, which does not exist, or has no value"),
                create,
            )),
            Known::Is(SecretState::Deleted) => found.push(Finding::error(
                "secrets.missing",
                format!("{parameter} names the secret {name}, which is scheduled for deletion, and nobody can read"),
                format!("restore it: aws secretsmanager restore-secret --secret-id {name}; or name another one"),
            )),
            Known::Is(SecretState::Held(bytes)) if *bytes < bytes_min => found.push(Finding::error(
                "secrets.short",
                format!("the secret {name} has {bytes} bytes, and {parameter} needs {bytes_min}"),
                format!("replace it by a longer one: aws secretsmanager put-secret-value --secret-id {name} --secret-string ..."),
            )),
            _ => {}
        }
    }
    found
}

/// The app's function that is asked before a message is kept. A local stack does not list those that it was given an address of.
pub(super) fn review(facts: &Facts) -> Vec<Finding> {
    let Some(arn) = facts.variable("REVIEW_FUNCTION").filter(|_| !facts.is_local) else { return Vec::new() };
    // arn:aws:lambda:REGION:ACCOUNT:function:NAME, and perhaps a version or an alias.
    let parts: Vec<&str> = arn.split(':').take(7).collect();
    if facts.neighbours.contains(&parts.join(":")) {
        return Vec::new();
    }
    let place = |arn: &str| arn.split(':').take(5).collect::<Vec<_>>().join(":");
    if facts.neighbours.iter().all(|neighbour| place(neighbour) != place(arn)) {
        return vec![Finding::note(
            "review.elsewhere",
            format!("ReviewFunction names {arn}, of another account or region, and was not checked"),
            "see that it is there, in the region of the stack, and lets the stack's functions invoke it",
        )];
    }
    let becomes = match facts.variable("REVIEW_FAILURE") {
        Some("open") => "every message is kept, and none is reviewed",
        _ => "every message is refused",
    };
    vec![Finding::error(
        "review.missing",
        format!("ReviewFunction names the function {arn}, which does not exist: {becomes}"),
        "deploy that function, or correct ReviewFunction and deploy again",
    )]
}

/// Everything else that is set.
pub(super) fn settings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    let level = facts.variable("RUST_LOG").unwrap_or_default();
    if !facts.is_for_development && (level.contains("debug") || level.contains("trace")) {
        found.push(Finding::warning(
            "log.level",
            format!("LogLevel is {level}: every post and every lost race is a line, at 0.50 USD a GB"),
            "deploy with LogLevel=info when you have seen enough",
        ));
    }
    let lease = facts.variable("LEASE_SECONDS").and_then(|secs| secs.parse().ok()).unwrap_or(LEASE_SECS_MIN);
    if lease < LEASE_SECS_MIN && !facts.is_local {
        found.push(Finding::warning(
            "lease.short",
            format!("LeaseSeconds is {lease}: clients ping less often than that, and would reconnect again and again"),
            format!("set LeaseSeconds to {LEASE_SECS_MIN} or more; the default is 300"),
        ));
    }
    let endpoint = facts.variable("MANAGEMENT_ENDPOINT").unwrap_or_default();
    if endpoint.starts_with("http://") && !facts.is_local {
        found.push(Finding::error(
            "management.endpoint",
            format!("ManagementEndpoint is {endpoint}, which is no API of AWS: nothing can be posted to any connection"),
            "leave ManagementEndpoint empty, unless the stack is in an emulator",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for right in
            ["https://app.example", "http://localhost:3000", "capacitor://localhost", "https://[::1]:8443"]
        {
            assert_eq!(origin_mistake(right), None, "{right}");
        }
        for wrong in [
            "app.example",
            "https://",
            "https://*.example",
            "https://app.example/",
            "https://app.example/chat",
            "https://App.example",
            "https://app.example:443",
            " https://app.example",
        ] {
            assert!(origin_mistake(wrong).is_some(), "{wrong}");
        }
        assert!(is_here("http://127.0.0.1:3000") && !is_here("https://localhost.example"));
    }
}
