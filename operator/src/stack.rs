//! A stack: found by the names of its functions, and configured by their variables.
//!
//! CloudFormation names a function after its stack and its id in the template ([`names`]). The functions' variables have the
//! names of everything else, so no other list is needed, and whoever may not read CloudFormation can operate a stack all the same.

mod local;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use funnelcast_aws::{
    Config, Resource as _,
    account::{
        Account,
        functions::{EnvironmentError, Function},
    },
};
use funnelcast_realtime::Realtime;

pub(crate) use self::names::FUNCTIONS;
use self::names::Found;
use crate::{
    credentials::{AccessKey, Surroundings},
    output::{printable, say},
};

/// The region that a local stack says it is in.
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
        let own = self.own_variables().await?;
        let region = own.0.get("AWS_REGION").cloned().unwrap_or_default();
        let account = Account::build(&own.config()?).await?;
        let functions = account.functions().await.with_context(|| self.hint(&own))?;
        let neighbours = functions.iter().map(|function| function.function_arn.clone()).collect();
        let Found { name, functions, .. } = the_one(functions, self.stack.as_deref(), &region)?;
        tell_of_unread(&functions);
        let lookup = own.with(&functions);
        Ok(Stack { name, region, functions, neighbours, account, lookup })
    }

    /// The stack whose services all answer at this URL.
    #[cfg(test)]
    pub(crate) fn at(url: &str) -> Self {
        Self { local: true, endpoint_url: Some(url.to_owned()), ..Self::default() }
    }

    /// The variables of whoever asks: the region, the credentials and the endpoint.
    async fn own_variables(&self) -> Result<Lookup> {
        let mut own = BTreeMap::new();
        let mut set = |name: &str, value: &str| own.insert(name.to_owned(), value.to_owned());
        if self.local {
            let endpoint = match &self.endpoint_url {
                Some(url) => url.clone(),
                None => local::endpoint(Path::new("")).await?,
            };
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

/// The stack with this name, or the only one that there is.
fn the_one(functions: Vec<Function>, name: Option<&str>, region: &str) -> Result<Found> {
    let stacks = names::stacks(functions);
    let mut stacks = match name {
        Some(name) => names::with_name(name, stacks),
        None => names::whole(stacks),
    };
    stacks.sort_by(|one, other| one.name.cmp(&other.name));
    let told = stacks.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ");
    match (stacks.pop().filter(|_| stacks.is_empty()), name) {
        (Some(found), _) => Ok(found),
        (None, None) if told.is_empty() => {
            bail!("there is no stack in {region}: set --region, or --stack NAME")
        }
        (None, None) => bail!("there are several stacks in {region}; set --stack to one of {told}"),
        (None, Some(name)) if told.is_empty() => {
            bail!("there is no stack {name} in {region}: none of its functions' names begins with {name}-")
        }
        (None, Some(name)) => bail!("{name} may be several stacks in {region}, whose names are cut: {told}"),
    }
}

/// Says of which functions the variables cannot be read: a command may miss something that only they name.
fn tell_of_unread(functions: &BTreeMap<String, Function>) {
    let unread =
        |(id, function): (&String, &Function)| Some((id.clone(), function.environment_error.clone()?));
    let (ids, errors): (Vec<_>, Vec<_>) = functions.iter().filter_map(unread).unzip();
    if let Some(EnvironmentError { error_code, message }) = errors.first() {
        let ids = ids.join(", ");
        say(printable(&format!("the variables of {ids} cannot be read: {error_code}: {message}"), ""));
    }
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
    fn the_only_stack_needs_no_name() {
        let the_one = |names: &[&str], name| {
            let found = the_one(named(names), name, "eu-west-1");
            found.map(|found| found.name).map_err(|error| error.to_string())
        };
        let one = ["shop", "funnelcast-dev-AuthorizeFunction-1", "funnelcast-dev-SendFunction-2"];
        assert_eq!(the_one(&one, None).unwrap(), "funnelcast-dev");
        let two = ["b-AuthorizeFunction-1", "a-AuthorizeFunction"];
        assert!(the_one(&two, None).unwrap_err().ends_with("one of a, b"));
        assert_eq!(the_one(&two, Some("b")).unwrap(), "b");
        assert!(the_one(&["shop"], None).unwrap_err().contains("eu-west-1"));
        let others = ["funnelcast-prod-eu-SendFunction-1A2B3C", "funnelcast-production-SendFunction-1"];
        assert!(the_one(&others, Some("funnelcast-prod")).unwrap_err().contains("no stack funnelcast-prod"));
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
