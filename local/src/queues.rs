//! SQS, as much of it as a template's standard queues need: what SDKs call ([`operations`]), and what the
//! rest of the stack does with queues (dead letters in, event source mappings out).
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>
//!
//! Queues live in memory only, also where the tables do not: they hold what failed in this run.
//!
//! Never here: FIFO queues (refused when the template is read), and queues that the template does not have.

mod message;
mod operations;
mod queue;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

pub(crate) use message::Received;
use message::{Attributes, Entry};
use queue::Queue;

use crate::template::{self, Stack};

/// The stack's queues. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queues {
    by_name: Arc<HashMap<String, Served>>,
}

struct Served {
    definition: template::Queue,
    queue: Mutex<Queue>,
    /// Rung when a message is put in or made visible.
    arrivals: Notify,
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A queue is never left half changed, so one whose user panicked is as good as before.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, entry: Entry) -> message::Sent {
        let sent = self.lock().put(entry, Instant::now());
        self.arrivals.notify_waiters();
        sent
    }
}

impl Queues {
    /// The stack's queues, empty. None hides a message that was received for longer than `visibility_max`.
    pub(crate) fn new(stack: &Stack, visibility_max: Duration) -> Self {
        Self::of(stack.queues.iter().cloned(), visibility_max)
    }

    fn of(definitions: impl IntoIterator<Item = template::Queue>, visibility_max: Duration) -> Self {
        let serve = |mut definition: template::Queue| {
            definition.visibility_timeout = definition.visibility_timeout.min(visibility_max);
            let queue = Mutex::new(Queue::new(&definition));
            (definition.name.clone(), Served { definition, queue, arrivals: Notify::new() })
        };
        Self { by_name: Arc::new(definitions.into_iter().map(serve).collect()) }
    }

    /// Puts a message into the queue with this ARN; one that is not of this stack is only logged, as the
    /// template was checked when it was read.
    pub(crate) fn send(&self, queue_arn: &str, body: String) {
        if let Some(served) = self.of_arn(queue_arn) {
            served.put(Entry { body, delay: None, attributes: Attributes::default() });
        } else {
            tracing::error!(queue_arn, "no such queue: the message is lost");
        }
    }

    /// Takes up to `max` messages from the queue with this ARN, waiting for the first up to `wait`.
    pub(crate) async fn receive(&self, queue_arn: &str, max: usize, wait: Duration) -> Vec<Received> {
        match self.of_arn(queue_arn) {
            Some(served) => self.take(served, max, wait, None).await,
            None => Vec::new(),
        }
    }

    /// Deletes messages that were handled, by their receipt handles.
    pub(crate) fn delete<'a>(&self, queue_arn: &str, receipts: impl IntoIterator<Item = &'a str>) {
        if let Some(served) = self.of_arn(queue_arn) {
            let mut queue = served.lock();
            for receipt in receipts {
                queue.delete(receipt);
            }
        }
    }

    fn of_arn(&self, arn: &str) -> Option<&Served> {
        self.by_name.get(arn.rsplit(':').next()?)
    }

    /// Receives; what was received too often goes to the dead-letter queue instead.
    async fn take(
        &self,
        served: &Served,
        max: usize,
        wait: Duration,
        hidden: Option<Duration>,
    ) -> Vec<Received> {
        let deadline = Instant::now() + wait;
        loop {
            // Before the look into the queue, so that a message put in after it still rings.
            let arrival = served.arrivals.notified();
            let (taken, next) = {
                let mut queue = served.lock();
                let now = Instant::now();
                (queue.receive(now, max, hidden), queue.next_change(now))
            };
            for dead in taken.dead {
                if let Some(to) =
                    served.definition.redrive.as_ref().and_then(|to| self.of_arn(&to.target_arn))
                {
                    to.lock().put_dead(dead, Instant::now());
                    to.arrivals.notify_waiters();
                }
            }
            if !taken.received.is_empty() || Instant::now() >= deadline {
                return taken.received;
            }
            tokio::select! {
                () = arrival => {}
                () = sleep_until(next.map_or(deadline, |next| next.min(deadline))) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
