//! A stack: found by the names of its functions, and configured by their variables.
//!
//! CloudFormation names a function after its stack and its id in the template: `funnelcast-prod-SendFunction-1A2B3C`. The
//! functions' variables have the names of everything else, so no other list is needed, and whoever may not read
//! CloudFormation can operate a stack all the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use funnelcast_aws::{
    Config, Resource as _,
    account::{
        Account,
        functions::{EnvironmentError, Function},
    },
};
use funnelcast_realtime::Realtime;

use crate::{
    credentials::{AccessKey, Surroundings},
    output::{printable, say},
};

/// The function that every stack has, by which stacks are told apart.
const SIGN: &str = "AuthorizeFunction";
/// The end of the id of a function.
const ID_END: &str = "Function";
/// Where `funnelcast dev` writes down what it has started, in the folder of a project.
const READY_FILE: &str = ".funnelcast/ready.json";
/// Where a local stack usually is, and the region that it says it is in.
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:3001";
const LOCAL_REGION: &str = "us-east-1";
/// The access key of an operator of a local stack: any that is no function's may do anything there.
const LOCAL_KEY: &str = "operator";

/// Where the stack is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which stack")]
pub(crate) struct Place {
    /// Name of the stack [default: the only one of the account and region].
    #[arg(long, global = true, value_name = "NAME")]
    stack: Option<String>,
    /// Region of the stack [default: that of the environment or of the profile].
    #[arg(long, global = true)]
    region: Option<String>,
    /// Profile of the AWS configuration [default: `AWS_PROFILE`].
    #[arg(long, global = true)]
    profile: Option<String>,
    /// The stack on this machine: the one that `dev` has started in the current folder, else that of port 3001.
    #[arg(long, global = true, conflicts_with = "profile")]
    local: bool,
    /// URL at which all AWS services answer, such as that of a local stack or an emulator [default: `AWS_ENDPOINT_URL`].
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
}

/// A running stack, and the way to it.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Its name.
    pub(crate) name: String,
    /// The region that it is in.
    pub(crate) region: String,
    /// Its functions, by their ids in the template.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The ARNs of all functions of its account and region, whoever's they are.
    pub(crate) neighbours: BTreeSet<String>,
    /// The account that it is in.
    pub(crate) account: Account,
    lookup: Lookup,
}

/// The variables that a [`Config`] is read from: those of the functions, and whoever asks.
#[derive(Debug, Clone, Default)]
struct Lookup(BTreeMap<String, String>);

impl Place {
    /// Finds the stack: 1 call for each 50 functions of the account.
    pub(crate) async fn find(&self) -> Result<Stack> {
        let own = self.own_variables()?;
        let region = own.0.get("AWS_REGION").cloned().unwrap_or_default();
        let account = Account::build(&own.config()?).await?;
        let functions = account.functions().await.with_context(|| self.hint(&own))?;
        let name = match &self.stack {
            Some(name) => name.clone(),
            None => only_stack(&functions, &region)?,
        };
        let neighbours = functions.iter().map(|function| function.function_arn.clone()).collect();
        let functions: BTreeMap<_, _> = functions
            .into_iter()
            .filter_map(|function| Some((id_in(&name, &function.function_name)?.to_owned(), function)))
            .collect();
        ensure!(
            !functions.is_empty(),
            "there is no stack {name} in {region}: none of its functions' names begins with {name}-"
        );
        for (id, error) in
            functions.iter().filter_map(|(id, one)| Some((id, one.environment_error.as_ref()?)))
        {
            let EnvironmentError { error_code, message } = error;
            say(printable(&format!("the variables of {id} cannot be read: {error_code}: {message}"), ""));
        }
        let lookup = own.with(&functions);
        Ok(Stack { name, region, functions, neighbours, account, lookup })
    }

    /// The stack whose services all answer at this URL.
    #[cfg(test)]
    pub(crate) fn at(url: &str) -> Self {
        Self { local: true, endpoint_url: Some(url.to_owned()), ..Self::default() }
    }

    /// The variables of whoever asks: the region, the credentials and the endpoint.
    fn own_variables(&self) -> Result<Lookup> {
        let mut own = BTreeMap::new();
        let mut set = |name: &str, value: &str| own.insert(name.to_owned(), value.to_owned());
        if self.local {
            let endpoint = self.endpoint_url.clone().unwrap_or_else(running_endpoint);
            set("AWS_ENDPOINT_URL", endpoint.trim_end_matches('/'));
            set("AWS_REGION", LOCAL_REGION);
            set("AWS_ACCESS_KEY_ID", LOCAL_KEY);
            set("AWS_SECRET_ACCESS_KEY", "local");
            return Ok(Lookup(own));
        }
        let around = Surroundings::read(self.profile.as_deref());
        let region = self.region.as_ref().or(around.region.as_ref());
        set("AWS_REGION", region.context("there is no region: set --region or AWS_REGION")?);
        if let Some(endpoint) = self.endpoint_url.as_ref().or(around.endpoint.as_ref()) {
            set("AWS_ENDPOINT_URL", endpoint.trim_end_matches('/'));
        }
        let AccessKey { id, secret, session_token } = around.access_key()?;
        set("AWS_ACCESS_KEY_ID", &id);
        set("AWS_SECRET_ACCESS_KEY", &secret);
        if let Some(token) = session_token {
            set("AWS_SESSION_TOKEN", &token);
        }
        Ok(Lookup(own))
    }

    fn hint(&self, own: &Lookup) -> String {
        match own.0.get("AWS_ENDPOINT_URL") {
            Some(url) if self.local => {
                format!("no local stack answers at {url}: start one with `dev`, or set --endpoint-url")
            }
            Some(url) => format!("the functions at {url}"),
            None => "the functions of the account".to_owned(),
        }
    }
}

impl Stack {
    /// The configuration that the functions have, as one: what a function needs, some function has.
    pub(crate) fn config(&self) -> Result<Config> {
        self.lookup.config()
    }

    /// What it takes to do the product's own operations.
    pub(crate) async fn realtime(&self) -> Result<Realtime> {
        let config = self.config()?;
        Ok(Box::pin(Realtime::build(&config)).await?) // the futures are large
    }

    /// The value of a variable of the functions.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.lookup.0.get(name).map(String::as_str)
    }
}

impl Lookup {
    /// Reads the configuration.
    fn config(&self) -> Result<Config> {
        Ok(Config::from_lookup(|name| self.0.get(name).cloned())?)
    }

    /// With the variables of all functions. Those of a name have the same value everywhere; `doctor` says where they have not.
    fn with(mut self, functions: &BTreeMap<String, Function>) -> Self {
        for (name, value) in functions.values().flat_map(|function| &function.environment) {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}

/// The id in the template of a function of the stack `stack`; `None` if it is of another one.
fn id_in<'a>(stack: &str, function: &'a str) -> Option<&'a str> {
    let rest = function.strip_prefix(stack)?.strip_prefix('-')?;
    let id = rest.split('-').next().unwrap_or(rest);
    (id.ends_with(ID_END) && id.chars().all(|c| c.is_ascii_alphanumeric())).then_some(id)
}

/// The name of the only stack that has these functions.
fn only_stack(functions: &[Function], region: &str) -> Result<String> {
    let sign = format!("-{SIGN}");
    let mut names: Vec<&str> =
        functions.iter().filter_map(|function| Some(function.function_name.split_once(&sign)?.0)).collect();
    names.sort_unstable();
    match names[..] {
        [name] => Ok(name.to_owned()),
        [] => bail!("there is no stack in {region}: set --region, or --stack NAME"),
        _ => bail!("there are several stacks in {region}; set --stack to one of {}", names.join(", ")),
    }
}

/// The endpoint of the stack that `dev` has started in the current folder, or else the usual one.
fn running_endpoint() -> String {
    let ready = fs::read_to_string(Path::new(READY_FILE)).ok();
    let ready: Option<serde_json::Value> = ready.and_then(|text| serde_json::from_str(&text).ok());
    let endpoint = ready.and_then(|ready| Some(ready["aws"].as_str()?.to_owned()));
    endpoint.unwrap_or_else(|| LOCAL_ENDPOINT.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Function> {
        names
            .iter()
            .map(|name| Function { function_name: (*name).to_owned(), ..Function::default() })
            .collect()
    }

    #[test]
    fn a_function_is_of_the_stack_that_it_is_named_after() {
        assert_eq!(id_in("funnelcast-prod", "funnelcast-prod-SendFunction-1A2B3C"), Some("SendFunction"));
        assert_eq!(id_in("funnelcast-dev", "funnelcast-dev-SendFunction"), Some("SendFunction"));
        for other in [
            "funnelcast-prod-eu-SendFunction-1A2B3C",
            "funnelcast-production-SendFunction-1",
            "funnelcast-prod-helper",
        ] {
            assert_eq!(id_in("funnelcast-prod", other), None, "{other}");
        }
    }

    #[test]
    fn the_only_stack_needs_no_name() {
        let one = named(&["shop", "funnelcast-dev-AuthorizeFunction-1", "funnelcast-dev-SendFunction-2"]);
        assert_eq!(only_stack(&one, "eu-west-1").unwrap(), "funnelcast-dev");
        let two = named(&["b-AuthorizeFunction-1", "a-AuthorizeFunction"]);
        let error = only_stack(&two, "eu-west-1").unwrap_err().to_string();
        assert!(error.ends_with("one of a, b"), "{error}");
        assert!(only_stack(&named(&["shop"]), "eu-west-1").unwrap_err().to_string().contains("eu-west-1"));
    }

    #[test]
    fn the_configuration_is_that_of_the_functions() {
        let mut functions = BTreeMap::new();
        for (id, variables) in
            [("A", [("STAGE", "dev"), ("TABLE_NAME", "t")]), ("B", [("STAGE", "dev"), ("BUS_NAME", "b")])]
        {
            let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            functions.insert(id.to_owned(), Function { environment, ..Function::default() });
        }
        let config = Lookup::default().with(&functions).config().unwrap();
        assert_eq!(
            (config.stage.as_str(), config.table.as_deref(), config.bus.as_deref()),
            ("dev", Some("t"), Some("b"))
        );
    }
}
