//! Requests to the HTTP API. Every answer is checked against docs/openapi.yaml: a status that it does not name, or a body that
//! its schema does not allow, fails the test.

use std::{collections::BTreeMap, sync::LazyLock};

use ::http::{HeaderMap, Method, Request, StatusCode};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::{PATIENCE, Stack, User};

/// A request, before it is sent.
#[derive(Debug)]
pub struct HttpRequest {
    method: Method,
    path: String,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON of the body; `null` if the body is empty.
    pub body: Value,
}

impl Stack {
    /// A request without a token. `path` comes after `/api/websocket/`, and includes the query.
    pub fn ask(&self, method: Method, path: &str) -> HttpRequest {
        self.ask_api(method, &format!("websocket/{path}"))
    }

    /// The same, with a path that comes after `/api/`.
    pub fn ask_api(&self, method: Method, path: &str) -> HttpRequest {
        let path = format!("/api/{path}");
        let url = format!("{}{path}", self.addresses.http);
        HttpRequest { method, path, url, headers: Vec::new(), body: Bytes::new() }
    }

    /// A `GET` by a user.
    pub async fn get(&self, user: &User, path: &str) -> Result<Answer> {
        self.ask(Method::GET, path).token(&user.token()?).send().await
    }

    /// A `DELETE` by a user.
    pub async fn delete(&self, user: &User, path: &str) -> Result<Answer> {
        self.ask(Method::DELETE, path).token(&user.token()?).send().await
    }

    /// A `POST` by a user.
    pub async fn post(&self, user: &User, path: &str, body: &Value) -> Result<Answer> {
        self.ask(Method::POST, path).token(&user.token()?).body(&body.to_string()).send().await
    }

    /// Sends a chat message by HTTP.
    pub async fn post_chat(&self, user: &User, channel: &str, key: &str, content: &str) -> Result<Answer> {
        let message =
            json!({"channel": channel, "event": "chat.message", "key": key, "data": {"content": content}});
        self.post(user, "messages", &message).await
    }
}

/// The answer of a server that is not an API of this stack.
#[derive(Debug)]
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Sends a request to any URL, such as a presigned one of S3.
pub async fn fetch(
    method: Method,
    url: &str,
    headers: &BTreeMap<String, String>,
    body: impl Into<Bytes>,
) -> Result<Fetched> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(body.into()))?);
    let (head, body) = tokio::time::timeout(PATIENCE, response).await.context("no answer")??.into_parts();
    Ok(Fetched { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
}

impl HttpRequest {
    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Adds a body, with the content type of JSON.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", "application/json")
    }

    /// Sends the request without checking the answer, which may be API Gateway's own for a function that has failed.
    pub(crate) async fn send_unchecked(self) -> Result<(u16, Value)> {
        let answer = self.exchange().await?;
        Ok((answer.status.as_u16(), answer.body))
    }

    /// Sends the request, and checks the answer.
    pub async fn send(self) -> Result<Answer> {
        let (method, path) = (self.method.clone(), self.path.clone());
        let answer = self.exchange().await?;
        if method != Method::OPTIONS {
            check(&method, path.split('?').next().unwrap_or_default(), &answer)?;
        }
        Ok(answer)
    }

    async fn exchange(self) -> Result<Answer> {
        let Self { method, url, headers, body, .. } = self;
        let mut request = Request::builder().method(&method).uri(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // A new client, because its connections belong to the test's runtime.
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request.body(Full::new(body))?);
        let response = tokio::time::timeout(PATIENCE, response).await.context("no answer")??;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    /// The body. Fails unless the request succeeded.
    pub fn done(self) -> Result<Value> {
        ensure!(self.status == StatusCode::OK, "refused: {}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The status and the error code. Fails unless the request was refused.
    pub fn refused(&self) -> Result<(u16, &str)> {
        match self.body["error"]["code"].as_str() {
            Some(code) => Ok((self.status.as_u16(), code)),
            None => bail!("not refused: {}: {}", self.status, self.body),
        }
    }

    /// The value of a header; empty if the header is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The document of the API.
static DOCUMENT: LazyLock<Result<Value, yaml_serde::Error>> =
    LazyLock::new(|| yaml_serde::from_str(include_str!("../../docs/openapi.yaml")));

/// Checks an answer against the document.
fn check(method: &Method, path: &str, answer: &Answer) -> Result<()> {
    const REFUSAL: &str = "/components/schemas/Refusal";
    let document = DOCUMENT.as_ref().map_err(|error| anyhow!("docs/openapi.yaml: {error}"))?;
    let status = answer.status.as_str();
    let path = documented(document, path);
    let operation = &document["paths"][path][method.as_str().to_lowercase()];
    let schema = match (operation, answer.status) {
        (Value::Null, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => REFUSAL.to_owned(),
        (operation, StatusCode::FOUND) => {
            ensure!(
                !operation["responses"][status].is_null(),
                "docs/openapi.yaml has no {status} for {path}"
            );
            ensure!(answer.body.is_null() && !answer.header("location").is_empty(), "{:?}", answer.headers);
            return Ok(());
        }
        (operation, _) => {
            let pointer =
                format!("/paths/{}/{}/responses/{status}", escaped(path), method.as_str().to_lowercase());
            let response = &operation["responses"][status];
            ensure!(
                !response.is_null(),
                "docs/openapi.yaml has no {status} for {method} {path}: {}",
                answer.body
            );
            let shared = response["$ref"].as_str().map(|shared| shared.trim_start_matches('#').to_owned());
            format!("{}/content/application~1json/schema", shared.unwrap_or(pointer))
        }
    };
    ensure!(answer.header("content-type") == "application/json", "{method} {path}: {:?}", answer.headers);
    let mut schema_in_document = document.clone();
    schema_in_document["$ref"] = format!("#{schema}").into();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema_in_document)?;
    let errors: Vec<String> = validator.iter_errors(&answer.body).map(|error| error.to_string()).collect();
    ensure!(errors.is_empty(), "{method} {path} {status}: {errors:?} in {}", answer.body);
    Ok(())
}

/// The path with its parameter, as the document has it; unchanged if the document has no such path.
fn documented<'a>(document: &'a Value, path: &'a str) -> &'a str {
    let matches = |pattern: &&String| {
        let Some((prefix, rest)) = pattern.split_once('{') else { return false };
        let suffix = rest.split_once('}').map_or("", |(_, suffix)| suffix);
        let parameter = path.strip_prefix(prefix).and_then(|path| path.strip_suffix(suffix));
        parameter.is_some_and(|parameter| !parameter.is_empty() && !parameter.contains('/'))
    };
    let paths = document["paths"].as_object();
    let is_there = paths.is_some_and(|paths| paths.contains_key(path));
    let found = (!is_there).then(|| paths?.keys().find(matches)).flatten();
    found.map_or(path, String::as_str)
}

/// Escapes a path for a JSON pointer (RFC 6901) in a URI's fragment, which may not contain braces.
fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: Value) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse()?);
        Ok(Answer { status: StatusCode::from_u16(status)?, headers, body })
    }

    #[test]
    fn an_answer_that_the_document_does_not_have_is_seen() -> Result<()> {
        let refusal = json!({"error": {"code": "unauthorized", "message": "no token"}});
        let at = json!("2026-11-23T10:00:00.123Z");
        for (method, path, status, body, is_documented) in [
            (Method::GET, "/api/websocket/status", 200, json!({"connections": [], "at": at}), true),
            (Method::GET, "/api/websocket/status", 200, json!({"connections": [], "at": "yesterday"}), false),
            (
                Method::GET,
                "/api/websocket/status",
                200,
                json!({"connections": [], "at": at, "more": 1}),
                false,
            ),
            (Method::GET, "/api/websocket/status", 200, json!({"at": at}), false),
            (Method::GET, "/api/websocket/status", 401, refusal.clone(), true),
            (Method::GET, "/api/websocket/status", 403, refusal.clone(), false),
            (Method::GET, "/api/websocket/status", 401, json!({"error": "no token"}), false),
            (Method::PUT, "/api/websocket/status", 405, refusal.clone(), true),
            (Method::PUT, "/api/websocket/status", 200, json!({}), false),
            (Method::GET, "/api/websocket/nothing", 404, refusal.clone(), true),
            (Method::GET, "/api/conversations/c1", 404, refusal.clone(), true),
            (Method::GET, "/api/conversations/c1", 403, refusal.clone(), false),
            (Method::GET, "/api/conversations/c1/more", 404, refusal, true),
        ] {
            let checked = check(&method, path, &answer(status, body.clone())?);
            assert_eq!(checked.is_ok(), is_documented, "{method} {path} {status} {body}: {checked:?}");
        }
        Ok(())
    }
}
