//! Strings with names in them: `Fn::Sub`, and the URLs of this stack's APIs.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Resolver, arguments, names, scalar};
use crate::template::document::Resource;

impl Resolver<'_> {
    /// `${Name}`, `${Name.Attribute}` and `${!literal}`, with a map of further names in the long form.
    pub(super) fn sub(&self, argument: &Value) -> Result<String> {
        let (template, own) = match argument {
            Value::String(template) => (template.as_str(), None),
            list => {
                let [template, own] = arguments("Fn::Sub", list)?;
                let own = own.as_object().context("Fn::Sub takes a mapping of names")?;
                (template.as_str().context("Fn::Sub takes a string")?, Some(own))
            }
        };
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            text.push_str(before);
            let (name, after) = after.split_once('}').context("Fn::Sub: ${ without }")?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str("${");
                text.push_str(literal);
                text.push('}');
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                text.push_str(&self.text("Fn::Sub", value)?);
            } else if let Some((id, attribute)) = name.split_once('.') {
                text.push_str(&self.attribute(id, attribute)?);
            } else {
                let value = self.reference(name)?.and_then(|value| scalar(&value));
                text.push_str(&value.with_context(|| format!("Fn::Sub: {name} is not a plain value"))?);
            }
        }
        text.push_str(rest);
        Ok(self.localised(&text))
    }

    /// The text with the URLs of this stack's APIs pointing to this machine.
    pub(super) fn localised(&self, text: &str) -> String {
        if !text.contains("://") {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for (domain, endpoint) in self.domains() {
            text = text.replace(&format!("wss://{domain}"), &endpoint.replacen("http", "ws", 1));
            text = text.replace(&format!("https://{domain}"), &endpoint);
        }
        for (id, resource) in &self.document.resources {
            let endpoint = match resource.kind.as_str() {
                "AWS::Serverless::WebSocketApi" => &self.endpoints.aws,
                "AWS::Serverless::HttpApi" => &self.endpoints.http,
                _ => continue,
            };
            let host = names::host(id);
            text = text.replace(&format!("wss://{host}"), &endpoint.replacen("http", "ws", 1));
            text = text.replace(&format!("https://{host}"), endpoint);
        }
        text
    }

    /// The domain names that are mapped to this stack's APIs, and where each API is on this machine.
    pub(in crate::template) fn domains(&self) -> Vec<(String, String)> {
        let mappings = self.document.resources.values();
        let mappings = mappings.filter(|resource| resource.kind == "AWS::ApiGatewayV2::ApiMapping");
        let domain_of = |mapping: &Resource| {
            let domain = match mapping.properties.get("DomainName")? {
                Value::String(domain) => Some(domain.clone()),
                reference => self.resolve(reference).ok()?.as_ref().and_then(scalar),
            };
            let api = mapping.properties.get("ApiId")?.get("Ref")?.as_str()?;
            let resource = self.document.resources.get(api)?;
            let endpoint = if resource.kind == "AWS::Serverless::HttpApi" {
                self.endpoints.http.clone()
            } else {
                let stage = resource.properties.get("StageName")?;
                format!("{}/{}", self.endpoints.aws, self.text("StageName", stage).ok()?)
            };
            Some((domain?, endpoint))
        };
        mappings.filter_map(domain_of).collect()
    }
}
