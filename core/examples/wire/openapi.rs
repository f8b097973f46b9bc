//! The document of the HTTP API, docs/openapi.yaml: the part that is written by hand (`openapi.yaml` beside this file), the
//! operations of the table in core, the schemas of their types, and the samples as their examples.

use funnelcast_core::{
    ConnectionId, ConversationId,
    frame::Event,
    http_api::{
        Auth, Connection, Failure as Refused, Fields, GatewayRefusal, OPERATIONS, Operation, Refusal,
        SOCKET_ONLY, Tag,
    },
    policy::{ChannelPolicy, Lane, POLICY},
    schema::{self, WireType},
};
use schemars::{SchemaGenerator, transform::Transform};
use serde_json::{Map, Value, json};

use crate::{
    Failure,
    protocol::{self, name_of},
    samples::{Samples, of_operation},
    tidy::{Nulls, Tidy, close, prefixed, tagged},
};

/// The whole document, as YAML.
pub(crate) fn write(samples: &Samples) -> Result<String, Failure> {
    let mut document: Value = yaml_serde::from_str(include_str!("openapi.yaml"))?;
    let mut types = Types::new();
    for operation in &OPERATIONS {
        let method = operation.method.as_str().to_lowercase();
        document["paths"][operation.path][method] = types.operation(operation, samples)?;
    }
    for (name, response) in document["components"]["responses"].as_object_mut().into_iter().flatten() {
        let refused =
            OPERATIONS.iter().flat_map(Operation::refusals).find(|refused| refused.as_str() == name);
        let refused = refused.ok_or_else(|| format!("no operation has the response {name}"))?;
        response["content"] = types.refusal(refused, samples)?;
    }
    document["components"]["schemas"] = Value::Object(types.finish()?);
    Ok(format!("# Made by `make types` from core/src/http_api.\n{}", crate::yaml(&document)?))
}

/// The types of the document, as they are collected.
struct Types {
    sent: SchemaGenerator,
    received: SchemaGenerator,
    /// The bodies of requests, by the names of their types.
    bodies: Map<String, Value>,
}

impl Types {
    fn new() -> Self {
        let [sent, received] = [schema::sent(), schema::received()].map(protocol::generator);
        Self { sent, received, bodies: Map::new() }
    }

    fn operation(&mut self, operation: &Operation, samples: &Samples) -> Result<Value, Failure> {
        let mut object = json!({
            "operationId": operation.id,
            "tags": [operation.tag.as_str()],
            "summary": operation.summary,
            "description": operation.description,
        });
        if operation.auth == Auth::WhopSignature {
            object["security"] = json!([]);
        }
        if operation.auth == Auth::PublishToken {
            object["security"] = json!([{"publisher": []}]);
        }
        if operation.auth == Auth::AnyToken {
            object["security"] = json!([{"bearer": []}, {"whop": []}, {"publisher": []}]);
        }
        let parameters = self.parameters(operation, samples);
        if !parameters.is_empty() {
            object["parameters"] = parameters.into();
        }
        match operation.fields {
            Fields::Body | Fields::OptionalBody => object["requestBody"] = self.body(operation, samples)?,
            Fields::Webhook => object["requestBody"] = reference("requestBodies", "WhopWebhook"),
            Fields::None | Fields::Query => {}
        }
        let (status, done) = if let Some(reply) = operation.reply {
            let examples = of_operation(&samples.http_replies, operation.id);
            let examples: Map<_, _> =
                examples.map(|(name, sample)| (name.to_owned(), json!({"value": sample}))).collect();
            let schema = (reply.reference)(&mut self.received);
            let content = json!({"application/json": {"schema": schema, "examples": examples}});
            ("200", json!({"description": operation.done, "content": content}))
        } else {
            let location = json!({"required": true, "schema": {"type": "string", "format": "uri"}});
            ("302", json!({"description": operation.done, "headers": {"Location": location}}))
        };
        object["responses"][status] = done;
        for refused in operation.refusals() {
            object["responses"][refused.status().to_string()] = reference("responses", refused.as_str());
        }
        Ok(object)
    }

    fn parameters(&mut self, operation: &Operation, samples: &Samples) -> Vec<Value> {
        let samples: Vec<_> = of_operation(&samples.http_requests, operation.id).collect();
        let mut parameters = Vec::new();
        if operation.path.contains("{id}") {
            let mut id = self.sent.subschema_for::<ConversationId>().to_value();
            id["description"] = match operation.tag {
                Tag::Files => "The file".into(),
                _ => "The conversation; its channel is `conversation:{id}`".into(),
            };
            parameters.push(parameter("path", "id", true, &id, &samples));
        }
        if operation.fields == Fields::Query {
            let mut fields = self.fields(operation, Nulls::Dropped);
            let required = fields["required"].take();
            for (name, schema) in fields["properties"].as_object().into_iter().flatten() {
                let is_required = required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
                parameters.push(parameter("query", name, is_required, schema, &samples));
            }
        }
        if operation.takes_grant {
            parameters.push(reference("parameters", "Grant"));
        }
        if operation.auth == Auth::WhopSignature {
            let headers = ["WebhookId", "WebhookTimestamp", "WebhookSignature"];
            parameters.extend(headers.map(|name| reference("parameters", name)));
        }
        parameters
    }

    /// The fields of a request as an object, `connectionId` among them where the request has it.
    fn fields(&mut self, operation: &Operation, nulls: Nulls) -> Value {
        let own = operation.request.map_or_else(
            || json!({}),
            |of| {
                let mut own = (of.schema)(&mut self.sent);
                Tidy::new(nulls).transform(&mut own);
                own.to_value()
            },
        );
        if operation.connection == Connection::Absent {
            return own;
        }
        let mut id = self.sent.subschema_for::<ConnectionId>();
        Tidy::new(nulls).transform(&mut id);
        let is_required = operation.connection == Connection::Required;
        let required = if is_required { json!(["connectionId"]) } else { json!([]) };
        prefixed(&json!({"properties": {"connectionId": id}, "required": required}), &own)
    }

    fn body(&mut self, operation: &Operation, samples: &Samples) -> Result<Value, Failure> {
        let fields = self.fields(operation, Nulls::Kept);
        let of = operation.request.ok_or_else(|| format!("{} has a body without a type", operation.id))?;
        let name = (of.name)().into_owned();
        let schema = if operation.id == "send" { self.drafts(&fields)? } else { fields };
        self.bodies.insert(name.clone(), schema);
        let examples = of_operation(&samples.http_requests, operation.id).map(|(name, sample)| {
            let mut body = sample.clone();
            body.as_object_mut().and_then(|body| body.shift_remove("id")); // it is in the path
            (name.to_owned(), json!({"value": body}))
        });
        let examples: Map<_, _> = examples.collect();
        let content = json!({"schema": reference("schemas", &name), "examples": examples});
        let is_required = operation.fields == Fields::Body;
        Ok(json!({"required": is_required, "content": {"application/json": content}}))
    }

    /// The body of `send`: one object for each event that a client may publish by HTTP.
    fn drafts(&mut self, fields: &Value) -> Result<Value, Failure> {
        let mut variants = Vec::new();
        for event in schema::events().into_iter().filter(|event| *event != SOCKET_ONLY) {
            let Some(draft) = schema::draft(event) else { continue };
            let rows: Vec<_> = POLICY.iter().filter(|row| row.client_may_publish(event)).collect();
            let mut variant = fields.clone();
            variant["title"] = name_of(event)?.into();
            variant["description"] = description(draft, &mut self.sent).into();
            let properties = &mut variant["properties"];
            let pattern = channel_pattern(&rows);
            properties["channel"] =
                json!({"type": "string", "pattern": pattern, "examples": ["conversation:conv-123"]});
            properties["event"] = json!({"type": "string", "const": name_of(event)?});
            properties["data"] = (draft.reference)(&mut self.sent).to_value();
            if rows.iter().any(|row| row.lane(event).is_some_and(Lane::is_durable)) {
                let key = properties["key"]["anyOf"][0].clone();
                if key.is_object() {
                    properties["key"] = key;
                } else {
                    properties["key"]["type"] = "string".into();
                }
                variant["required"].as_array_mut().ok_or("nothing is required")?.push("key".into());
            }
            variants.push(variant);
        }
        Ok(json!({"description": fields["description"], "oneOf": variants}))
    }

    /// The content of a response that refuses.
    fn refusal(&mut self, refused: Refused, samples: &Samples) -> Result<Value, Failure> {
        let schema = self.received.subschema_for::<Refusal>();
        let gateway = self.received.subschema_for::<GatewayRefusal>();
        let status = refused.status();
        let schema = if status == 429 { json!({"oneOf": [schema, gateway]}) } else { schema.to_value() };
        let name = refused.as_str();
        let sample = samples.http_refusals.get(name).ok_or_else(|| format!("no sample of {name}"))?;
        Ok(json!({"application/json": {"schema": schema, "examples": {"sample": {"value": sample}}}}))
    }

    /// The schemas of all types that the document refers to.
    fn finish(mut self) -> Result<Map<String, Value>, Failure> {
        let mut all = self.received.take_definitions(false);
        let gateways = (WireType::of::<GatewayRefusal>().name)();
        for (name, definition) in &mut all {
            Tidy::new(Nulls::Dropped).transform(definition.try_into()?);
            // What else is in a refusal of API Gateway is not documented.
            if **name != *gateways {
                close(definition);
            }
        }
        let mut sent = self.sent.take_definitions(false);
        for definition in sent.values_mut() {
            Tidy::new(Nulls::Kept).transform(definition.try_into()?);
        }
        protocol::merge(&mut all, sent)?;
        protocol::merge(&mut all, self.bodies)?;
        let event = all.get_mut(&*(WireType::of::<Event>().name)()).ok_or("no Event")?;
        *event = tagged("event", event);
        event["properties"]["data"]["type"] = "object".into();
        Ok(all)
    }
}

fn reference(to: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{to}/{name}")})
}

/// A parameter, with the values that the samples have for it as its examples.
fn parameter(
    place: &str,
    name: &str,
    is_required: bool,
    schema: &Value,
    samples: &[(&str, &Value)],
) -> Value {
    let mut schema = schema.clone();
    let description = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
    let mut parameter = json!({"name": name, "in": place, "required": is_required});
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter["schema"] = schema;
    let examples = samples.iter().filter(|(_, sample)| !sample[name].is_null());
    let examples: Map<_, _> =
        examples.map(|(of, sample)| ((*of).to_owned(), json!({"value": sample[name]}))).collect();
    if !examples.is_empty() {
        parameter["examples"] = examples.into();
    }
    parameter
}

/// The names of the channels of these kinds.
fn channel_pattern(rows: &[&ChannelPolicy]) -> String {
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    format!("^({}):[A-Za-z0-9_-]{{1,64}}$", kinds.join("|"))
}

fn description(of: WireType, generator: &mut SchemaGenerator) -> String {
    let schema = (of.schema)(generator);
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    Tidy::new(Nulls::Kept).text(text)
}
