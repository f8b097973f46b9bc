//! The command `check`: whether a stack would start with these parameters.
//!
//! Only a stack knows everything that is wrong with its parameters, because some are read by its functions alone. So one is
//! started, in memory and on free ports, and ended as soon as it is ready. What only AWS refuses is in [`environment`].

mod environment;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

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
    samconfig,
    template::Stack,
    up::{DEV_KEY, secrets_named},
};

/// Stands in for the value of a secret that is not given. It is long enough for every kind of secret.
const PLACEHOLDER: &str = "a placeholder of at least 32 bytes, for a check";
/// The parameter for the stage.
const STAGE: &str = "Stage";

const EXAMPLES: &str = "\
Examples:
  funnelcast check                                    funnelcast.yaml, and each environment of samconfig.toml
  funnelcast check --samconfig deploy/samconfig.toml  before a deployment
  funnelcast check --parameters prod.yaml --parameter Stage=prod
  funnelcast check --parameter 'Issuers=[{\"kind\":\"whop\",\"aud\":\"app_...\"}]'";

/// Checks the template and its parameters, as a stack does that starts with them, and starts none: those of the options and of
/// funnelcast.yaml; and of each environment of samconfig.toml, those with which `sam deploy` would deploy it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    stack: StackOptions,
    /// A samconfig.toml, whose environments are checked with the `parameter_overrides` of each and with nothing of
    /// funnelcast.yaml [default: the one beside the template, if there is one].
    #[arg(long, value_name = "FILE")]
    samconfig: Option<PathBuf>,
    /// Print one line of JSON: the parameters that are not the default, and the secrets that they name; the same for each
    /// environment.
    #[arg(long)]
    json: bool,
}

/// Checks what `options` name. The error is the reason for which a stack would not start; of several environments, each has its
/// own.
pub(crate) async fn run(options: &CheckOptions) -> Result<(), Failure> {
    let stack = &options.stack;
    let project = Project::find(stack.template.as_deref()).map_err(Failure::Input)?;
    project.check_template().map_err(Failure::Input)?;
    let given = parameters::given(stack, &project.folder).map_err(Failure::Input)?;
    let beside = project.template.with_file_name(samconfig::FILE);
    let samconfig = options.samconfig.clone().or_else(|| beside.is_file().then_some(beside));
    let environments =
        samconfig.as_deref().map(samconfig::environments).transpose().map_err(Failure::Input)?;
    let environments = environments.unwrap_or_default();

    check(stack, &project, &given, Deployed::Here).await?;
    let mut failures = Vec::new();
    for (name, parameters) in &environments {
        let file = samconfig.as_deref().unwrap_or_else(|| Path::new(samconfig::FILE)).display();
        if let Err(failure) = check(stack, &project, parameters, Deployed::OnAws).await {
            failures.push(format!("{file}, environment {name}: {failure}"));
        }
    }
    if !failures.is_empty() {
        for failure in failures {
            eprintln!("error: {failure}");
        }
        return Err(Failure::Reported(2));
    }
    report(options, &project, &given, &environments);
    Ok(())
}

/// Where a stack with these parameters is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deployed {
    Here,
    OnAws,
}

/// Whether a stack starts with these parameters.
async fn check(
    stack: &StackOptions,
    project: &Project,
    given: &BTreeMap<String, String>,
    deployed: Deployed,
) -> Result<(), Failure> {
    // Whether the secrets exist is known where the stack is to run.
    let mut secrets: BTreeMap<_, _> =
        secrets_named(given).into_keys().map(|name| (name, PLACEHOLDER.to_owned())).collect();
    secrets.extend(stack.secret.iter().cloned());
    let mut parameters = given.clone();
    let has_dev_key = Stack::has_parameter(&project.template, DEV_KEY).map_err(Failure::Input)?;
    let is_for_aws = deployed == Deployed::OnAws || given.contains_key(STAGE);
    if has_dev_key && is_for_aws {
        // A stage that serves customers must not have the key that a local stack would add.
        parameters.entry(DEV_KEY.to_owned()).or_default();
    }
    let arguments = child::arguments(project, stack, &parameters, &secrets);
    starts(&child::own_program()?, &arguments).await?;
    if is_for_aws {
        environment::check(&project.template, &parameters).map_err(Failure::Input)?;
    }
    Ok(())
}

/// Says that all is well, and which secrets must exist.
fn report(
    options: &CheckOptions,
    project: &Project,
    given: &BTreeMap<String, String>,
    environments: &BTreeMap<String, BTreeMap<String, String>>,
) {
    if options.json {
        let named = |given: &BTreeMap<String, String>| {
            let (parameters, secrets): (Vec<_>, Vec<_>) =
                (given.keys().cloned().collect(), secrets_named(given).into_keys().collect());
            json!({ "parameters": parameters, "secrets": secrets })
        };
        let mut line = named(given);
        line["ok"] = json!(true);
        line["environments"] =
            environments.iter().map(|(name, given)| (name.clone(), named(given))).collect();
        println!("{line}");
        return;
    }
    let template = project.template.display();
    println!("ok: {template} starts with these parameters");
    for (secret, parameter) in secrets_named(given) {
        println!("{parameter} names the secret {secret}, which Secrets Manager must have");
    }
    for (name, given) in environments {
        println!("ok: {template} starts with those of the environment {name}");
        for (secret, parameter) in secrets_named(given) {
            println!("{name}: {parameter} names the secret {secret}, which Secrets Manager must have");
        }
    }
}

/// Whether `program` can start a stack with these arguments.
pub(crate) async fn starts(program: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let anywhere = ["--port", "0", "--http-port", "0"].map(OsString::from);
    let arguments = [arguments, &anywhere].concat();
    StackProcess::start(program, &arguments, Log::Hidden).await?.stop().await?;
    Ok(())
}
