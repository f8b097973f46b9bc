//! How the facts get known: some twenty calls, and one for each secret and each key set.

use std::collections::BTreeMap;

use funnelcast_aws::{Config, account::Account};
use funnelcast_realtime::tokens::examine::{self, KeyPlace};

use super::facts::{Facts, Known};
use crate::stack::Stack;

/// The variables that name queues.
pub(super) const QUEUES: [&str; 5] =
    ["DELIVERY_QUEUE_URL", "TIMER_QUEUE_URL", "WEBHOOK_QUEUE_URL", "FILES_QUEUE_URL", "DEAD_LETTERS_URL"];
/// The variables that name secrets, each with its parameter.
const SECRETS: [(&str, &str); 3] = [
    ("WHOP_API_KEY_SECRET", "WhopApiKeySecret"),
    ("WHOP_WEBHOOK_SECRET", "WhopWebhookSecret"),
    ("TURN_SECRET", "TurnSecret"),
];

/// Asks for all that is known of a stack.
pub(super) async fn gather(stack: &Stack) -> Facts {
    let account = &stack.account;
    let config = stack.config();
    let stage = stack.variable("STAGE").unwrap_or_default().to_owned();
    let is_for_development = Config { stage: stage.clone(), ..Config::default() }.is_for_development();
    let issuers = match &config {
        Ok(config) => Box::pin(examine::examine(config)).await.map_err(|error| error.to_string()),
        // What is wrong with the configuration is said once.
        Err(_) => Ok(Vec::new()),
    };
    let mut queues = BTreeMap::new();
    for variable in QUEUES {
        let queue = match stack.variable(variable) {
            Some(url) => account.queue(url).await.into(),
            None => Known::NotAsked,
        };
        queues.insert(variable, queue);
    }
    let table = match stack.variable("TABLE_NAME") {
        Some(name) => account.table(name).await.into(),
        None => Known::NotAsked,
    };
    let is_recoverable = match (stack.variable("TABLE_NAME"), table.get()) {
        // A local stack has no backups.
        (Some(name), Some(Some(_))) if !account.is_local() => account.is_recoverable(name).await.into(),
        _ => Known::NotAsked,
    };
    Facts {
        secrets: secrets(stack, &issuers, account).await,
        mappings: account.mappings().await.into(),
        rules: match stack.variable("BUS_NAME") {
            Some(bus) => account.rules(bus).await.into(),
            None => Known::NotAsked,
        },
        table,
        is_recoverable,
        // A local stack has none of these.
        concurrency: if account.is_local() { Known::NotAsked } else { account.concurrency().await.into() },
        alarms: if account.is_local() {
            Known::NotAsked
        } else {
            account.alarms(&format!("funnelcast-{stage}-")).await.into()
        },
        logs: if account.is_local() {
            Known::NotAsked
        } else {
            account.log_group(&format!("/funnelcast/{stage}")).await.into()
        },
        stage,
        is_for_development,
        is_local: account.is_local(),
        functions: stack.functions.clone(),
        neighbours: stack.neighbours.clone(),
        configuration: config.map(drop).map_err(|error| error.to_string()),
        issuers,
        queues,
    }
}

/// The secrets that the parameters name.
async fn secrets(
    stack: &Stack,
    issuers: &Result<Vec<examine::IssuerReport>, String>,
    account: &Account,
) -> BTreeMap<(String, String), Known<funnelcast_aws::account::state::SecretState>> {
    let named = SECRETS.iter().filter_map(|(variable, parameter)| {
        Some(((*parameter).to_owned(), stack.variable(variable)?.to_owned()))
    });
    let of_issuers = issuers.iter().flatten().filter_map(|issuer| match &issuer.keys {
        KeyPlace::Secret(name) => Some((format!("Issuers ({})", issuer.iss), name.clone())),
        KeyPlace::Listed | KeyPlace::Url(..) => None,
    });
    let mut secrets = BTreeMap::new();
    for (parameter, name) in named.chain(of_issuers) {
        let state = account.secret(&name).await.into();
        secrets.insert((parameter, name), state);
    }
    secrets
}
