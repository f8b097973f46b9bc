//! Publishing, for the app's backend: what it can put on the event bus, without AWS's SDK and with an answer.

use std::sync::Arc;

use axum::{Json, extract::State};
use funnelcast_core::http_api::{PUBLISH_BYTES_MAX, Publish, PublishReply};
use funnelcast_realtime::backend;

use crate::{Api, answer::ApiResult, fields::Bytes, user::Publisher};

/// Publishes events. Each has a result of its own. It costs as much as the events do on the bus.
pub(crate) async fn publish(
    State(api): State<Arc<Api>>,
    Publisher { now }: Publisher,
    Bytes(body): Bytes<PUBLISH_BYTES_MAX>,
) -> ApiResult<PublishReply> {
    let events = Publish::read(&body)?;
    Ok(Json(PublishReply { results: Box::pin(backend::apply(&api.realtime, events, now)).await }))
}
