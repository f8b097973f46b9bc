//! `ack`: the user has got, or read, all up to a message. The members hear of it, unless it is nothing new.

use funnelcast_aws::{
    Caller, Fanout,
    fanout::Delivery,
    store::{Actor, rate::SENDS, receipts::Watermark},
};
use funnelcast_core::{
    Error,
    action::{Ack, Acked},
    event::{EventName, Receipt},
    frame::{Event, Sender},
    grant::Capability,
};

/// Raises the caller's watermark: two reads, the second beside the first for who has acked here before; one write; where it rises, one read and N - 1 posts.
///
/// # Errors
/// [`Error::Forbidden`] on a channel without receipts, [`Error::NotJoined`] where the caller's connection is no member,
/// [`Error::NotFound`] where there is no such message: nobody has read what was not written;
/// [`Error::RateLimited`] where they ack too fast.
pub async fn handle(fanout: &Fanout, caller: &Caller, ack: Ack) -> Result<Acked, Error> {
    let Ack { channel, seq, state } = ack;
    if channel.kind().policy().lane(EventName::ChatReceipt).is_none() {
        return Err(Error::Forbidden("this channel has no receipts"));
    }
    let store = &fanout.store;
    store.admit(&SENDS, &caller.identity.user, caller.now).await?;
    let read = store.has_event(&channel, seq);
    if !store.read_as(Actor::Member(caller), &channel, Capability::Join, read).await? {
        return Err(Error::NotFound("the message"));
    }
    let user = &caller.identity.user;
    if let Watermark::Stays(seq) = store.raise_watermark(&channel, user, seq, state).await? {
        return Ok(Acked { seq });
    }
    let receipt = Receipt { user_id: user.clone(), seq, state };
    let event = Event {
        channel,
        event: EventName::ChatReceipt,
        seq: None,
        at: caller.now,
        from: Some(Sender { user_id: user.clone(), name: caller.identity.name.clone() }),
        key: None,
        data: serde_json::value::to_raw_value(&receipt)
            .map_err(|error| Error::internal("a receipt", &error))?,
    };
    fanout.deliver(Delivery::to_all(event, Some(caller.connection.clone()))).await?;
    Ok(Acked { seq })
}
