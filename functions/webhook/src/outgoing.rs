//! Batches from the queue: verified webhooks, each of which is processed once.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use funnelcast_aws::{
    batch::{self, Try},
    bus::BusEvent,
    clock::now,
    letters::{Source, Undone},
    table::webhooks::Taken,
};
use funnelcast_core::{Error, Key};
use serde_json::json;

use crate::{Received, Webhooks, envelope::Envelope};

/// The `source` of these events on the bus.
const SOURCE: &str = "funnelcast.whop";

/// Processes the webhooks of a batch.
pub(crate) async fn handle(webhooks: &Webhooks, event: SqsEvent) -> SqsBatchResponse {
    let one = async |received, this_try| one(webhooks, received, this_try).await;
    batch::handle(&webhooks.letters, Source::Webhooks, event, one).await
}

/// Processes a webhook: 2 writes, 1 per notification, and 1 call of the bus; for a repeat, 1 refused write and 1
/// read. A refused webhook counts as processed once it is in the dead-letter queue, so it is refused once, however
/// often it is delivered.
async fn one(webhooks: &Webhooks, Received { id, body }: Received, this_try: Try) -> Result<(), Error> {
    match webhooks.table.take_webhook(&id, now()).await? {
        Taken::Yes => {}
        Taken::Done => {
            tracing::info!(%id, "a webhook that has been dealt with");
            return Ok(());
        }
        Taken::Busy => return Err(Error::Internal(format!("the webhook {id} is being processed"))),
    }
    let mut outcome = tell(webhooks, &id, &body).await;
    if let Some(error) = outcome.as_ref().err().filter(|error| !error.is_retryable()) {
        let (item, tries) = (json!({"id": id.as_str(), "body": body}), this_try.number());
        let letter = Undone { source: Source::Webhooks, id: id.as_str(), item: &item, tries, error };
        outcome = webhooks.letters.put(&letter).await;
    }
    match outcome {
        Ok(()) => webhooks.table.finish_webhook(&id, now()).await,
        Err(error) => {
            webhooks.table.release_webhook(&id).await?;
            Err(error)
        }
    }
}

/// Does what may safely be done twice if it is interrupted: the outbox recognises the notification, and consumers of
/// the bus recognise the `id`.
///
/// # Errors
/// [`Error::Internal`] if it is not complete; otherwise the first field that is missing or invalid, once everything
/// else has been done.
async fn tell(webhooks: &Webhooks, id: &Key, body: &str) -> Result<(), Error> {
    let webhook = Envelope::parse(body)?;
    let kind = &webhook.kind;
    let mut refused = None;
    match webhooks.notifications.notification(&webhook, id, now()) {
        Ok(Some(notification)) => {
            let (channel, data) = (&notification.channel, &notification.data);
            webhooks.table.put_into_outbox(channel, notification.event, data, id, now()).await?;
            tracing::info!(%id, kind, %channel, "a notification was published");
        }
        Ok(None) => tracing::info!(%id, kind, "a webhook that nobody is told of"),
        Err(error) => {
            tracing::warn!(%id, kind, code = error.code(), "a webhook does not fit notifications.json");
            refused = Some(error);
        }
    }
    let mut events = vec![BusEvent {
        source: SOURCE,
        detail_type: kind,
        detail: json!({"id": id.as_str(), "webhook": webhook.all}),
    }];
    match webhook.membership() {
        Some(Ok(membership)) => events.push(BusEvent {
            source: &webhooks.event_source,
            detail_type: "AccessChanged",
            detail: json!({"userId": membership.user.as_str(), "companyId": membership.company.as_str()}),
        }),
        Some(Err(error)) => {
            tracing::warn!(%id, kind, code = error.code(), "a membership has no user or company");
            refused.get_or_insert(error);
        }
        None => {}
    }
    webhooks.bus.put(&events).await?;
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_webhook() {
        let event: SqsEvent =
            serde_json::from_str(include_str!("../../../events/webhook-queued.json")).unwrap();
        let received: Received = batch::decode(&event.records[0]).unwrap();
        let webhook = Envelope::parse(&received.body).unwrap();
        assert!(webhook.membership().unwrap().is_ok());
    }
}
