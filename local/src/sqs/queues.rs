//! All queues of the stack, as the rest of it uses them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    journal::{self, Now},
    message::{Attributes, Entry, Received, Sent},
    queue::{Deletion, Message, Queue, Taken},
};
use crate::{
    aws_error::AwsError,
    journal::Journal,
    template::{self, Stack},
};

/// The stack's queues. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queues {
    pub(super) by_name: Arc<HashMap<String, Served>>,
}

pub(super) struct Served {
    pub(super) definition: template::Queue,
    queue: Mutex<Queue>,
    pub(super) journal: Journal,
    /// Notified when a message is added or becomes visible.
    pub(super) arrivals: Notify,
}

/// Who receives a message, which decides what happens to it if the stack is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A client of the API, which may outlive the stack.
    Client,
    /// An event source mapping, which ends with the stack.
    Mapping,
}

impl Served {
    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // No change of a queue can panic halfway, so a poisoned lock is still consistent.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.definition.name
    }

    /// Adds messages, either all or none. They are kept when this returns.
    pub(super) fn put(&self, entries: Vec<Entry>) -> Result<Vec<Sent>, AwsError> {
        let now = Now::new();
        let sent = self.lock().put(entries, now.instant, |messages| {
            self.journal.write(|to| {
                messages
                    .iter()
                    .try_for_each(|(key, message)| journal::insert(to, self.name(), *key, message, now))
            })
        })?;
        self.arrivals.notify_waiters();
        Ok(sent)
    }

    /// Deletes messages, and returns the outcome for each.
    pub(super) fn delete<'a>(&self, receipts: impl IntoIterator<Item = &'a str>) -> Vec<Deletion> {
        // Locked until the journal has the change as well, so that it gets the changes of a message in their order.
        let mut queue = self.lock();
        let deletions: Vec<_> = receipts.into_iter().map(|receipt| queue.delete(receipt)).collect();
        let deleted = deletions.iter().filter_map(|deletion| match deletion {
            Deletion::Deleted(key) => Some(*key),
            Deletion::Outdated | Deletion::Invalid => None,
        });
        let deleted: Vec<u64> = deleted.collect();
        if !deleted.is_empty() {
            self.journal.note(|to| deleted.iter().try_for_each(|key| journal::delete(to, self.name(), *key)));
        }
        deletions
    }

    fn receive(&self, max: usize, hidden: Option<Duration>, receiver: Receiver) -> (Taken, Option<Instant>) {
        let now = Now::new();
        let mut queue = self.lock();
        let taken = queue.receive(now.instant, max, hidden);
        let is_noted = |received: &Received| receiver == Receiver::Client || received.receives > 1;
        if !taken.expired.is_empty() || taken.received.iter().any(|(_, received)| is_noted(received)) {
            self.journal.note(|to| {
                for key in &taken.expired {
                    journal::delete(to, self.name(), *key)?;
                }
                for (key, received) in taken.received.iter().filter(|(_, received)| is_noted(received)) {
                    match (receiver, queue.get(*key)) {
                        (Receiver::Client, Some(message)) => {
                            journal::update(to, self.name(), *key, message, now)?;
                        }
                        _ => journal::count(to, self.name(), *key, received.receives - 1)?,
                    }
                }
                Ok(())
            });
        }
        let next = queue.next_change(now.instant);
        (taken, next)
    }

    /// Adds messages that the queue `from` has given up.
    fn put_dead(&self, from: &Self, dead: Vec<(u64, Message)>) {
        let now = Now::new();
        let mut queue = self.lock();
        let moved: Vec<(u64, u64)> = dead
            .into_iter()
            .map(|(there, message)| (there, queue.put_dead(message, &from.definition.arn, now.instant)))
            .collect();
        self.journal.note(|to| {
            for (there, here) in moved {
                journal::delete(to, from.name(), there)?;
                if let Some(message) = queue.get(here) {
                    journal::insert(to, self.name(), here, message, now)?;
                }
            }
            Ok(())
        });
        drop(queue);
        self.arrivals.notify_waiters();
    }

    pub(super) fn purge(&self) {
        let mut queue = self.lock();
        queue.purge();
        self.journal.note(|to| journal::purge(to, self.name()));
    }
}

impl Queues {
    /// The stack's queues, with the messages in `journal`. No visibility timeout is longer than `visibility_max`.
    pub(crate) fn new(stack: &Stack, visibility_max: Duration, journal: &Journal) -> anyhow::Result<Self> {
        Self::of(stack.queues.iter().cloned(), visibility_max, journal)
    }

    pub(super) fn of(
        definitions: impl IntoIterator<Item = template::Queue>,
        visibility_max: Duration,
        journal: &Journal,
    ) -> anyhow::Result<Self> {
        let now = Now::new();
        let mut by_name = HashMap::new();
        for mut definition in definitions {
            definition.visibility_timeout = definition.visibility_timeout.min(visibility_max);
            let messages = journal.read(|from| journal::load(from, &definition.name, now))?;
            let queue = Mutex::new(Queue::new(&definition, messages.into_iter().collect()));
            let name = definition.name.clone();
            let (journal, arrivals) = (journal.clone(), Notify::new());
            by_name.insert(name, Served { definition, queue, journal, arrivals });
        }
        Ok(Self { by_name: Arc::new(by_name) })
    }

    /// Sends a message to the queue with this ARN; it is kept when this returns. A queue that does not exist is only
    /// logged, as the template was checked when it was read.
    pub(crate) fn send(&self, queue_arn: &str, body: String) -> Result<(), AwsError> {
        self.send_with(queue_arn, body, [])
    }

    /// As [`send`](Self::send), with attributes that are texts.
    pub(crate) fn send_with<'a>(
        &self,
        queue_arn: &str,
        body: String,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), AwsError> {
        let Some(served) = self.of_arn(queue_arn) else {
            tracing::error!(queue_arn, "a message is lost: there is no such queue");
            return Ok(());
        };
        served
            .put(vec![Entry { body, delay: None, attributes: Attributes::texts(attributes), trace: None }])
            .map(drop)
    }

    /// Receives up to `max` messages from the queue with this ARN for an event source mapping, and waits for the first
    /// one up to `wait`.
    pub(crate) async fn receive(&self, queue_arn: &str, max: usize, wait: Duration) -> Vec<Received> {
        match self.of_arn(queue_arn) {
            Some(served) => self.take(served, max, wait, None, Receiver::Mapping).await,
            None => Vec::new(),
        }
    }

    /// Deletes messages that were handled, by their receipt handles.
    pub(crate) fn delete<'a>(&self, queue_arn: &str, receipts: impl IntoIterator<Item = &'a str>) {
        if let Some(served) = self.of_arn(queue_arn) {
            served.delete(receipts);
        }
    }

    /// Moves messages to the dead-letter queue, by their receipt handles, before they have been received the maximum
    /// number of times. Without a dead-letter queue they are deleted.
    pub(crate) fn give_up<'a>(&self, queue_arn: &str, receipts: impl IntoIterator<Item = &'a str>) {
        let Some(served) = self.of_arn(queue_arn) else { return };
        let redrive = served.definition.redrive.as_ref();
        match redrive.and_then(|redrive| self.of_arn(&redrive.target_arn)) {
            Some(to) => {
                let mut queue = served.lock();
                let dead: Vec<_> = receipts.into_iter().filter_map(|receipt| queue.take(receipt)).collect();
                drop(queue);
                to.put_dead(served, dead);
            }
            None => _ = served.delete(receipts),
        }
    }

    fn of_arn(&self, arn: &str) -> Option<&Served> {
        self.by_name.get(arn.rsplit(':').next()?)
    }

    /// Receives messages. Those that were received too often go to the dead-letter queue instead.
    pub(super) async fn take(
        &self,
        served: &Served,
        max: usize,
        wait: Duration,
        hidden: Option<Duration>,
        receiver: Receiver,
    ) -> Vec<Received> {
        let deadline = Instant::now() + wait;
        loop {
            // Before the queue is read, so that a message that is added after that still notifies.
            let arrival = served.arrivals.notified();
            let (taken, next) = served.receive(max, hidden, receiver);
            let redrive = served.definition.redrive.as_ref();
            if !taken.dead.is_empty()
                && let Some(to) = redrive.and_then(|redrive| self.of_arn(&redrive.target_arn))
            {
                to.put_dead(served, taken.dead);
            }
            if !taken.received.is_empty() || Instant::now() >= deadline {
                return taken.received.into_iter().map(|(_, received)| received).collect();
            }
            tokio::select! {
                () = arrival => {}
                () = sleep_until(next.map_or(deadline, |next| next.min(deadline))) => {}
            }
        }
    }
}
