//! The fields of a request: those of the action, and for some requests a `connectionId`.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use funnelcast_core::{
    ConnectionId, ConversationId, Error, FileId,
    action::{self, Action},
    json,
    size::REQUEST_BYTES_MAX,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use crate::{Api, answer::ApiError};

/// The fields that are numbers, because all values in a query are text.
const NUMBERS: [&str; 5] = ["after", "before", "limit", "order", "revision"];

/// Fields that have not been parsed yet.
#[derive(Debug, PartialEq)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Removes and returns the `connectionId`.
    pub(crate) fn take_connection(&mut self) -> Result<Option<ConnectionId>, Error> {
        match self.0.remove("connectionId") {
            None => Ok(None),
            Some(id) => Error::parse_at("connectionId", id).map(Some),
        }
    }

    /// Parses the remaining fields as a type that is no action.
    pub(crate) fn parse<T: DeserializeOwned>(self) -> Result<T, Error> {
        Error::parse(Value::Object(self.0))
    }

    /// Parses the remaining fields as an action.
    pub(crate) fn into_action<A: Action>(self) -> Result<A, Error> {
        action::from_fields(self.0)
    }

    /// Refuses remaining fields, as an action does.
    pub(crate) fn check_empty(&self) -> Result<(), Error> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Error::invalid(name, "is not a known field; there are none")),
        }
    }
}

/// A body of at most this many bytes.
#[derive(Debug)]
pub(crate) struct Bytes<const MAX: usize>(pub(crate) axum::body::Bytes);

impl<const MAX: usize> FromRequest<Arc<Api>> for Bytes<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Api>) -> Result<Self, ApiError> {
        let too_large = Error::TooLarge { what: "the body".into(), bytes_max: MAX };
        Ok(Self(to_bytes(request.into_body(), MAX).await.map_err(|_| too_large)?))
    }
}

/// The fields of a JSON body.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Fields);

impl FromRequest<Arc<Api>> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        let Bytes(bytes) = Bytes::<REQUEST_BYTES_MAX>::from_request(request, api).await?;
        Ok(Self(parse_body(&bytes)?))
    }
}

/// The fields of a JSON body of at most this many bytes. Without a body there are none.
#[derive(Debug)]
pub(crate) struct OptionalBody<const MAX: usize>(pub(crate) Fields);

impl<const MAX: usize> FromRequest<Arc<Api>> for OptionalBody<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        let Bytes(bytes) = Bytes::<MAX>::from_request(request, api).await?;
        Ok(Self(if bytes.is_empty() { Fields(Map::new()) } else { parse_body(&bytes)? }))
    }
}

fn parse_body(bytes: &[u8]) -> Result<Fields, Error> {
    match json::read(bytes)? {
        Value::Object(fields) => Ok(Fields(fields)),
        _ => Err(Error::BadRequest("the body must be a JSON object".into())),
    }
}

/// The fields of a query.
#[derive(Debug)]
pub(crate) struct Query(pub(crate) Fields);

impl FromRequestParts<Arc<Api>> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, ApiError> {
        Ok(Self(parse_query(parts.uri.query().unwrap_or_default())?))
    }
}

fn parse_query(query: &str) -> Result<Fields, Error> {
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let number = NUMBERS.contains(&&*name).then(|| text.parse::<Number>().ok()).flatten();
        let value = number.map_or_else(|| Value::from(&*text), Value::from);
        if fields.insert(name.to_string(), value).is_some() {
            return Err(Error::invalid(&name, "must be given once"));
        }
    }
    Ok(Fields(fields))
}

/// The conversation in the path.
#[derive(Debug)]
pub(crate) struct ConversationPath(pub(crate) ConversationId);

impl FromRequestParts<Arc<Api>> for ConversationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        id_in_path(parts, api).await.map(Self)
    }
}

/// The file in the path.
#[derive(Debug)]
pub(crate) struct FilePath(pub(crate) FileId);

impl FromRequestParts<Arc<Api>> for FilePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        id_in_path(parts, api).await.map(Self)
    }
}

/// The id in the path.
async fn id_in_path<T: TryFrom<String, Error = Error>>(
    parts: &mut Parts,
    api: &Arc<Api>,
) -> Result<T, ApiError> {
    let text = Path::<String>::from_request_parts(parts, api).await;
    let Path(id) = text.map_err(|_| Error::BadRequest("the path is not UTF-8".into()))?;
    Ok(T::try_from(id).map_err(|error| error.at("id"))?)
}

#[cfg(test)]
mod tests {
    use funnelcast_core::action::{History, Leave};

    use super::*;

    #[test]
    fn a_query_is_parsed_as_the_fields_of_an_action() {
        let query = "channel=conversation%3Ac1&after=41&limit=50.0&contains=7";
        let history: History = parse_query(query).unwrap().into_action().unwrap();
        assert_eq!(history.after.unwrap().get(), 41);
        assert_eq!(history.contains.unwrap().as_str(), "7", "the text to search for is not a number");

        let mut fields = parse_query("connectionId=dXaZ1cKqoAMCJbw%3D&channel=system").unwrap();
        assert_eq!(fields.take_connection().unwrap().unwrap().as_str(), "dXaZ1cKqoAMCJbw=");
        assert!(fields.check_empty().is_err());
        assert_eq!(fields.into_action::<Leave>().unwrap().channel.to_string(), "system");
    }

    #[test]
    fn an_invalid_query_is_refused() {
        for (query, code) in [
            ("channel=system", "bad_request"),
            ("channel=chat:1&limit=1", "invalid_channel"),
            ("channel=system&limit=x", "bad_request"),
            ("channel=system&limit=-1", "bad_request"),
            ("channel=system&limit=1&limit=2", "bad_request"),
            ("channel=system&limit=1&sort=up", "bad_request"),
            ("channel=system&limit=", "bad_request"),
        ] {
            let refusal = parse_query(query).and_then(Fields::into_action::<History>).unwrap_err();
            assert_eq!(refusal.code(), code, "{query}");
        }
        assert!(parse_query("connectionId=").unwrap().take_connection().is_err());
    }
}
