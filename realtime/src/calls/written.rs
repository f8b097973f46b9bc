//! A call that has been decided on: written, and told to the members.

use funnelcast_aws::{measure, table::calls::StoredCall};
use funnelcast_core::{ConnectionId, Error, call::Call};

use crate::{
    context::Realtime,
    deliver::{self, Addressed, Delivery},
};

/// How often a change is tried while others change the same call.
pub(super) const ROUNDS_MAX: u32 = 20;

/// Writes a call and tells the members what is new; `except` is a connection that is told by the reply. Returns the call; `None`
/// if another process was faster.
pub(super) async fn write(
    realtime: &Realtime,
    call: StoredCall,
    except: Option<&ConnectionId>,
) -> Result<Option<Call>, Error> {
    let written = if call.state.call.is_live() {
        realtime.table().put_call(&call).await?.then_some(call)
    } else {
        realtime.table().end_call(&call).await?
    };
    let Some(call) = written else { return Ok(None) };
    if let Some(record) = call.state.call.record() {
        tracing::info!(call = %record.call_id, outcome = ?record.state, duration_ms = record.duration_ms, "a call has ended");
    }
    if call.is_untold() {
        tell(realtime, &call, except).await?;
    }
    Ok(Some(call.state.call))
}

/// Tells the members how a call stands, and what is in the log of it: 1 read, a post to each, and 1 write to note that. What
/// cannot be posted is owed by the fan-out queue.
pub(super) async fn tell(
    realtime: &Realtime,
    call: &StoredCall,
    except: Option<&ConnectionId>,
) -> Result<(), Error> {
    let record = call.record()?.map(|event| Addressed { event, except: None });
    let update = Addressed { event: call.update()?, except: except.cloned() };
    for delivery in Delivery::in_order(record.into_iter().chain([update]).collect()) {
        deliver::deliver_or_queue(realtime, delivery).await?;
    }
    note_told(realtime, call).await
}

/// Notes that the members have been told of a call: 1 write. Of those who note that it has ended, the first one measures it: the
/// process that has ended it may have died before it could.
pub(super) async fn note_told(realtime: &Realtime, call: &StoredCall) -> Result<(), Error> {
    let is_first = realtime.table().note_call_told(&call.state.call).await?;
    if is_first
        && call.logged.is_some()
        && let Some(record) = call.state.call.record()
    {
        measure::call_ended(&record);
    }
    Ok(())
}
