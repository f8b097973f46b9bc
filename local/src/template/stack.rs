//! From the document to the [`Stack`]: first the resources that have names, then what refers to them.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, bail};

use super::{
    Bucket, Endpoints, Function, HttpApi, HttpRoute, Queue, Stack, Table, Target, Throttles, WebSocketApi,
    buckets, destinations,
    document::Document,
    events, functions,
    intrinsics::Resolver,
    names, parameters,
    references::{Arns, Triggers},
    resources, websocket,
};

/// The stage of a template without a parameter `Stage`.
const STAGE_DEFAULT: &str = "local";

impl Stack {
    /// Reads the template at `path` with these parameters; its URLs point to `endpoints`. The error is one line that
    /// names the parameter, or the resource and the property.
    pub(crate) fn load(path: &Path, given: &BTreeMap<String, String>, endpoints: &Endpoints) -> Result<Self> {
        let mut document = Document::read(path)?;
        let stack = build(&mut document, given, endpoints).with_context(|| path.display().to_string())?;
        for (name, value) in &stack.outputs {
            tracing::debug!(name, value, "output");
        }
        Ok(stack)
    }

    /// Fails if these parameters are not those of the template at `path`, or break its rules.
    pub(crate) fn check(path: &Path, given: &BTreeMap<String, String>) -> Result<()> {
        let document = Document::read(path)?;
        let values = parameters::values(&document.parameters, given)?;
        let endpoints = Endpoints { aws: String::new(), http: String::new() };
        check_rules(&document, &values, &endpoints, "").with_context(|| path.display().to_string())
    }

    /// Whether the template at `path` declares the parameter `name`.
    pub(crate) fn has_parameter(path: &Path, name: &str) -> Result<bool> {
        Ok(Document::read(path)?.parameters.contains_key(name))
    }

    /// The default of the parameter `name` of the template at `path`.
    pub(crate) fn parameter_default(path: &Path, name: &str) -> Result<Option<String>> {
        let document = Document::read(path)?;
        Ok(document.parameters.get(name).and_then(|declared| parameters::scalar(declared.get("Default")?)))
    }
}

fn build(document: &mut Document, given: &BTreeMap<String, String>, endpoints: &Endpoints) -> Result<Stack> {
    let parameters = parameters::values(&document.parameters, given)?;
    let stage = parameters.get("Stage").and_then(|stage| stage.as_str()).unwrap_or(STAGE_DEFAULT);
    let stack_name = format!("funnelcast-{stage}");
    check_rules(document, &parameters, endpoints, &stack_name)?;
    drop_conditional(document, &parameters, endpoints, &stack_name)?;
    let resolver = Resolver { document, parameters, endpoints, stack_name, depth: Cell::new(0) };
    for (domain, url) in resolver.domains() {
        tracing::warn!("{domain} is no name of this machine; the API is at {url}");
    }

    let mut named = Named::read(&resolver)?;
    let (triggers, responding) = named.triggers(&resolver)?;
    named.queues.extend(triggers.rules.iter().filter_map(|rule| match &rule.target {
        Target::Destination(target) => Some(target.queue.clone()),
        Target::Function(_) | Target::Queue(_) => None,
    }));
    named.check_queues(&triggers)?;
    let (websocket, http) = apis(&resolver, &named.arns, &responding, triggers.http_routes)?;
    let mut outputs = BTreeMap::new();
    for (name, output) in &document.outputs {
        if holds(&resolver, output.get("Condition").and_then(|condition| condition.as_str()))? {
            outputs.insert(name.clone(), resources::output(&resolver, name, output)?);
        }
    }
    Ok(Stack {
        stage: websocket.stage.clone(),
        functions: named.functions,
        websocket,
        http,
        tables: named.tables,
        buses: named.arns.buses.into_iter().collect(),
        rules: triggers.rules,
        queues: named.queues,
        buckets: named.buckets,
        mappings: triggers.mappings,
        outputs,
    })
}

/// Reads the two APIs; `http_routes` become the routes of the HTTP API.
fn apis(
    resolver: &Resolver,
    arns: &Arns,
    responding: &BTreeSet<String>,
    mut http_routes: Vec<HttpRoute>,
) -> Result<(WebSocketApi, Option<HttpApi>)> {
    let mut websocket = None;
    let mut http = None;
    for (id, resource) in &resolver.document.resources {
        let twice = match resource.kind.as_str() {
            "AWS::Serverless::WebSocketApi" => {
                websocket.replace(websocket::read(resolver, id, resource, arns, responding)?).is_some()
            }
            "AWS::Serverless::HttpApi" => {
                let routes = std::mem::take(&mut http_routes);
                http.replace(websocket::read_http(resolver, id, resource, routes)?).is_some()
            }
            _ => false,
        };
        if twice {
            bail!("{id}: only one {} is supported locally", resource.kind);
        }
    }
    if !http_routes.is_empty() {
        // Routes that name no API: SAM generates one for them.
        let (id, stage) = (names::IMPLICIT_HTTP_API.to_owned(), "$default".to_owned());
        let (api_id, routes) = (names::api_id(&id), http_routes);
        http = Some(HttpApi { api_id, id, stage, routes, cors: None, throttles: Throttles::default() });
    }
    let websocket = websocket.context("the template has no AWS::Serverless::WebSocketApi")?;
    Ok((websocket, http))
}

/// Fails if the parameters together break one of the template's `Rules`, with the rule's own reason.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html>
fn check_rules(
    document: &Document,
    parameters: &BTreeMap<String, serde_json::Value>,
    endpoints: &Endpoints,
    stack_name: &str,
) -> Result<()> {
    let (parameters, stack_name) = (parameters.clone(), stack_name.to_owned());
    let resolver = Resolver { document, parameters, endpoints, stack_name, depth: Cell::new(0) };
    for (name, rule) in &document.rules {
        let place = || format!("rule {name}");
        if let Some(condition) = rule.get("RuleCondition")
            && !resolver.boolean("RuleCondition", condition).with_context(place)?
        {
            continue;
        }
        for assertion in rule.get("Assertions").and_then(|all| all.as_array()).into_iter().flatten() {
            let assert = assertion.get("Assert").context("Assert is missing").with_context(place)?;
            if !resolver.boolean("Assert", assert).with_context(place)? {
                let said = assertion.get("AssertDescription").and_then(parameters::scalar);
                bail!("the parameters break the rule {name}: {}", said.unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Removes the resources whose condition does not hold: to the rest of the template they do not exist.
fn drop_conditional(
    document: &mut Document,
    parameters: &BTreeMap<String, serde_json::Value>,
    endpoints: &Endpoints,
    stack_name: &str,
) -> Result<()> {
    let mut absent = Vec::new();
    {
        let resolver = Resolver {
            document,
            parameters: parameters.clone(),
            endpoints,
            stack_name: stack_name.to_owned(),
            depth: Cell::new(0),
        };
        for (id, resource) in &document.resources {
            if !holds(&resolver, resource.condition.as_deref()).with_context(|| id.clone())? {
                absent.push(id.clone());
            }
        }
    }
    document.resources.retain(|id, _| !absent.contains(id));
    Ok(())
}

fn holds(resolver: &Resolver, condition: Option<&str>) -> Result<bool> {
    condition.map_or(Ok(true), |name| resolver.condition(name))
}

/// The resources that others refer to.
#[derive(Default)]
struct Named {
    functions: BTreeMap<String, Function>,
    tables: Vec<Table>,
    queues: Vec<Queue>,
    buckets: Vec<Bucket>,
    arns: Arns,
}

impl Named {
    const KINDS: [&str; 7] = [
        "AWS::Serverless::Function",
        "AWS::DynamoDB::Table",
        "AWS::SQS::Queue",
        "AWS::S3::Bucket",
        "AWS::Events::EventBus",
        "AWS::Events::ApiDestination",
        "AWS::Events::Connection",
    ];

    fn read(resolver: &Resolver) -> Result<Self> {
        let mut named = Self::default();
        named.arns.buses.insert(names::DEFAULT_BUS.to_owned());
        for (id, resource) in &resolver.document.resources {
            match resource.kind.as_str() {
                "AWS::Serverless::Function" => {
                    let function = functions::read(resolver, id, resource)?;
                    named.arns.functions.insert(function.arn.clone(), id.clone());
                    named.arns.functions.insert(function.physical_name.clone(), id.clone());
                    named.functions.insert(id.clone(), function);
                }
                "AWS::DynamoDB::Table" => {
                    let table = resources::table(resolver, id, resource)?;
                    if let Some(stream) = &table.stream_arn {
                        named.arns.streams.insert(stream.clone(), table.name.clone());
                    }
                    named.tables.push(table);
                }
                "AWS::SQS::Queue" => {
                    let queue = resources::queue(resolver, id, resource)?;
                    named.arns.queues.insert(queue.arn.clone());
                    named.queues.push(queue);
                }
                "AWS::S3::Bucket" => named.buckets.push(buckets::read(resolver, id, resource)?),
                "AWS::Events::EventBus" => {
                    named.arns.buses.insert(resolver.name_of(id, resource)?);
                }
                "AWS::Events::ApiDestination" => {
                    let destination = destinations::read(resolver, id, resource)?;
                    named.arns.destinations.insert(destination.arn.clone(), destination);
                }
                _ => {}
            }
        }
        Ok(named)
    }

    /// The triggers of the functions, and the ids of the routes that have a `RouteResponse`.
    fn triggers(&self, resolver: &Resolver) -> Result<(Triggers, BTreeSet<String>)> {
        let (mut triggers, mut responding) = (Triggers::default(), BTreeSet::new());
        for (id, resource) in &resolver.document.resources {
            match resource.kind.as_str() {
                "AWS::Serverless::Function" => {
                    events::read(resolver, &self.functions[id], resource, &self.arns, &mut triggers)?;
                }
                "AWS::Events::Rule" => {
                    triggers.rules.extend(events::read_rule(resolver, id, resource, &self.arns)?);
                }
                "AWS::Lambda::EventSourceMapping" => {
                    events::read_mapping(resolver, id, resource, &self.arns, &mut triggers)?;
                }
                "AWS::ApiGatewayV2::RouteResponse" => {
                    responding.insert(websocket::responding(resolver, id, resource)?);
                }
                kind if !Self::KINDS.contains(&kind) && !kind.ends_with("Api") => {
                    tracing::debug!(id, kind, "has no local meaning");
                }
                _ => {}
            }
        }
        Ok((triggers, responding))
    }

    /// Fails if a queue for failures does not exist, as the first failure would be lost.
    fn check_queues(&self, triggers: &Triggers) -> Result<()> {
        let functions = self.functions.iter().map(|(id, function)| (id, function.on_failure.as_ref()));
        let queues =
            self.queues.iter().map(|queue| (&queue.id, queue.redrive.as_ref().map(|to| &to.target_arn)));
        let mappings = triggers.mappings.iter().map(|mapping| match &mapping.source {
            super::Source::Stream(stream) => (&mapping.id, stream.on_failure.as_ref()),
            super::Source::Queue { .. } => (&mapping.id, None),
        });
        for (id, destination) in functions.chain(queues).chain(mappings) {
            if let Some(arn) = destination.filter(|arn| !self.arns.queues.contains(*arn)) {
                bail!("{id}: {arn} is not a queue of the template");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
