//! Between the SDK and the engine: counts what is asked for, loses answers, and lets something happen between two
//! requests of one operation.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef},
    },
    error::BoxError,
};

/// `{}`: the answer to a write that returns nothing, and to nothing else.
const EMPTY_OBJECT_BYTES: &str = "2";

/// Something to do in the middle of an operation.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// Sees every request of one client. Cheap to clone; the clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    operations: Mutex<Vec<String>>,
    write_answers_to_lose: AtomicU32,
    meanwhile: Mutex<Option<(usize, Meanwhile)>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Wire {
    /// The operations that were asked for since the last call, tries of the SDK's own included.
    pub(crate) fn take_operations(&self) -> Vec<String> {
        mem::take(&mut self.state.operations.lock().unwrap())
    }

    /// Does something when so many requests more have been answered, before the next one goes out.
    pub(crate) fn after_requests(&self, requests: usize, meanwhile: impl FnOnce() + Send + 'static) {
        *self.state.meanwhile.lock().unwrap() = Some((requests, Box::new(meanwhile)));
    }

    /// What is to be done before this request.
    fn take_meanwhile(&self) -> Option<Meanwhile> {
        let mut waiting = self.state.meanwhile.lock().unwrap();
        if let Some((requests @ 1.., _)) = &mut *waiting {
            *requests -= 1;
            return None;
        }
        waiting.take().map(|(_, meanwhile)| meanwhile)
    }

    /// The next so many writes take effect, but are answered by a 500, which the SDK tries again.
    pub(super) fn lose_write_answers(&self, answers: u32) {
        self.state.write_answers_to_lose.store(answers, Ordering::Relaxed);
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        self.state.operations.lock().unwrap().push(operation.to_owned());
        if let Some(meanwhile) = self.take_meanwhile() {
            tokio::task::block_in_place(meanwhile);
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let is_done_write = response.status().is_success()
            && response.headers().get("content-length") == Some(EMPTY_OBJECT_BYTES);
        let one_less = |left: u32| left.checked_sub(1);
        let left = &self.state.write_answers_to_lose;
        if is_done_write && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            *context.response_mut().status_mut() = 500.try_into()?;
        }
        Ok(())
    }
}
