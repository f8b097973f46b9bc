//! The command `check`: whether a stack would start with these parameters.
//!
//! Only a stack knows everything that is wrong with its parameters, because some are read by its functions alone. So one is
//! started, in memory and on free ports, and ended as soon as it is ready.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use clap::Args;
use serde_json::json;

use crate::{
    command::Failure,
    dev::{
        StackOptions,
        child::{self, Log, StackProcess},
        parameters,
    },
    project::Project,
    template::Stack,
    up::{DEV_KEY, secrets_named},
};

/// Stands in for the value of a secret that is not given. It is long enough for every kind of secret.
const PLACEHOLDER: &str = "a placeholder of at least 32 bytes, for a check";
/// The parameter for the stage.
const STAGE: &str = "Stage";

const EXAMPLES: &str = "\
Examples:
  funnelcast check                                              funnelcast.yaml, and the template's defaults
  funnelcast check --parameters prod.yaml --parameter Stage=prod   before a deployment
  funnelcast check --parameter 'Issuers=[{\"kind\":\"whop\",\"aud\":\"app_...\"}]'";

/// Checks the template and its parameters, as a stack does that starts with them, and starts none.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    stack: StackOptions,
    /// Print one line of JSON: the parameters that are not the default, and the secrets that they name.
    #[arg(long)]
    json: bool,
}

/// Checks what `options` name. The error is the reason for which a stack would not start.
pub(crate) async fn run(options: &CheckOptions) -> Result<(), Failure> {
    let stack = &options.stack;
    let project = Project::find(stack.template.as_deref()).map_err(Failure::Input)?;
    project.check_template().map_err(Failure::Input)?;
    let given = parameters::given(stack, &project.folder).map_err(Failure::Input)?;
    // Whether the secrets exist is known where the stack is to run.
    let named = secrets_named(&given);
    let mut secrets: BTreeMap<_, _> =
        named.keys().map(|name| (name.clone(), PLACEHOLDER.to_owned())).collect();
    secrets.extend(stack.secret.iter().cloned());
    let mut parameters = given.clone();
    let has_dev_key = Stack::has_parameter(&project.template, DEV_KEY).map_err(Failure::Input)?;
    if has_dev_key && given.contains_key(STAGE) {
        // A stage that serves customers must not have the key that a local stack would add.
        parameters.entry(DEV_KEY.to_owned()).or_default();
    }
    let arguments = child::arguments(&project, stack, &parameters, &secrets);
    starts(&child::own_program()?, &arguments).await?;
    if options.json {
        println!(
            "{}",
            json!({ "ok": true, "parameters": given.keys().collect::<Vec<_>>(), "secrets": named.keys().collect::<Vec<_>>() })
        );
        return Ok(());
    }
    println!("ok: {} starts with these parameters", project.template.display());
    for (secret, parameter) in named {
        println!("{parameter} names the secret {secret}, which Secrets Manager must have");
    }
    Ok(())
}

/// Whether `program` can start a stack with these arguments.
pub(crate) async fn starts(program: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let anywhere = ["--port", "0", "--http-port", "0"].map(OsString::from);
    let arguments = [arguments, &anywhere].concat();
    StackProcess::start(program, &arguments, Log::Hidden).await?.stop().await?;
    Ok(())
}
