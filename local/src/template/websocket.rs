//! `AWS::Serverless::WebSocketApi` with its routes, and `AWS::Serverless::HttpApi`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Result, bail};

use super::{
    Cors, HttpApi, HttpRoute, Route, Throttle, Throttles, WebSocketApi, document::Resource,
    intrinsics::Resolver, names, properties::Properties, references::Arns,
};

/// The only selection expression that is emulated.
const ROUTE_SELECTION: &str = "$request.body.action";
/// The longest `IntegrationTimeout`, which is also the default.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const INTEGRATION_TIMEOUT_MAX_MS: u64 = 29_000;
const INTEGRATION_TIMEOUT_MIN_MS: u64 = 50;

/// Reads the WebSocket API. `responding` holds the ids of the routes that have a `RouteResponse`.
pub(super) fn read(
    resolver: &Resolver,
    id: &str,
    resource: &Resource,
    arns: &Arns,
    responding: &BTreeSet<String>,
) -> Result<WebSocketApi> {
    let properties = Properties::of(resolver, id, resource);
    let selection = properties.required_string("RouteSelectionExpression")?;
    if selection != ROUTE_SELECTION {
        bail!("{id}: RouteSelectionExpression is {selection}; only {ROUTE_SELECTION} is supported locally");
    }
    let mut api = WebSocketApi {
        id: id.to_owned(),
        api_id: names::api_id(id),
        stage: properties.string("StageName")?.unwrap_or_else(|| "default".to_owned()),
        authorizer: None,
        identity_sources: Vec::new(),
        routes: BTreeMap::new(),
        throttles: throttles(&properties)?,
    };
    if let Some(auth) = properties.within("Auth")? {
        match auth.string("AuthType")?.as_deref() {
            None | Some("NONE") => {}
            Some("CUSTOM") => {
                api.authorizer = Some(function(&auth, "AuthArn", arns)?);
                api.identity_sources = auth.strings("IdentitySource")?;
            }
            Some(other) => bail!("{}: AuthType {other} is not supported locally", auth.place()),
        }
    }
    for (key, route) in properties.entries("Routes")? {
        if !is_route_key(&key) {
            bail!("{}: a route key must be $connect, $disconnect, $default or alphanumeric", route.place());
        }
        let timeout =
            route.number("IntegrationTimeout", INTEGRATION_TIMEOUT_MIN_MS, INTEGRATION_TIMEOUT_MAX_MS)?;
        let responds = route.string("RouteResponseSelectionExpression")?.is_some()
            && responding.contains(&names::route_id(id, &key));
        let route = Route {
            function: function(&route, "FunctionArn", arns)?,
            responds,
            timeout: Duration::from_millis(timeout.unwrap_or(INTEGRATION_TIMEOUT_MAX_MS)),
        };
        api.routes.insert(key, route);
    }
    Ok(api)
}

/// The id of the route that an `AWS::ApiGatewayV2::RouteResponse` belongs to.
pub(super) fn responding(resolver: &Resolver, id: &str, resource: &Resource) -> Result<String> {
    Properties::of(resolver, id, resource).required_string("RouteId")
}

/// Reads the HTTP API.
pub(super) fn read_http(
    resolver: &Resolver,
    id: &str,
    resource: &Resource,
    routes: Vec<HttpRoute>,
) -> Result<HttpApi> {
    let properties = Properties::of(resolver, id, resource);
    if properties.value("Auth")?.is_some() {
        bail!("{id}: Auth of an HTTP API is not supported locally");
    }
    let cors = match properties.value("CorsConfiguration")? {
        None | Some(serde_json::Value::Bool(false)) => None,
        Some(serde_json::Value::Bool(true)) => {
            Some(Cors { origins: vec!["*".to_owned()], ..Cors::default() })
        }
        Some(_) => match properties.within("CorsConfiguration")? {
            None => None,
            Some(cors) => Some(Cors {
                origins: cors.strings("AllowOrigins")?,
                methods: cors.strings("AllowMethods")?,
                headers: cors.strings("AllowHeaders")?,
                exposed: cors.strings("ExposeHeaders")?,
                max_age: cors.seconds("MaxAge", 0, 86_400)?,
                credentials: cors.flag("AllowCredentials")?,
            }),
        },
    };
    let stage = properties.string("StageName")?.unwrap_or_else(|| "$default".to_owned());
    let throttles = throttles(&properties)?;
    Ok(HttpApi { id: id.to_owned(), api_id: names::api_id(id), stage, routes, cors, throttles })
}

/// Reads `DefaultRouteSettings` and `RouteSettings`. What these leave out of a route is as in the default.
fn throttles(properties: &Properties) -> Result<Throttles> {
    let default = match properties.within("DefaultRouteSettings")? {
        Some(settings) => throttle(&settings, None)?,
        None => None,
    };
    let mut routes = BTreeMap::new();
    for (key, settings) in properties.entries("RouteSettings")? {
        routes.extend(throttle(&settings, default)?.map(|throttle| (key, throttle)));
    }
    Ok(Throttles { default, routes })
}

fn throttle(settings: &Properties, default: Option<Throttle>) -> Result<Option<Throttle>> {
    let rate = settings.number("ThrottlingRateLimit", 0.0, 1e9)?.or(default.map(|default| default.rate));
    let burst =
        settings.number("ThrottlingBurstLimit", 0, u32::MAX)?.or(default.map(|default| default.burst));
    Ok(rate.zip(burst).map(|(rate, burst)| Throttle { rate, burst }))
}

fn function(properties: &Properties, name: &str, arns: &Arns) -> Result<String> {
    let arn = properties.required_string(name)?;
    match arns.function(&arn) {
        Some(id) => Ok(id.to_owned()),
        None => bail!("{}: {name} {arn} is not a function of the template", properties.place()),
    }
}

fn is_route_key(key: &str) -> bool {
    matches!(key, "$connect" | "$disconnect" | "$default")
        || (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
