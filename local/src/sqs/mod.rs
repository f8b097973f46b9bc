//! SQS: the standard queues of the template.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>
//!
//! Messages are in memory. With `--data` each is in the [journal](crate::journal) as well, from before its sender is
//! answered until it is deleted.
//!
//! template.yaml's functions only send messages. `ReceiveMessage`, `DeleteMessage`, `ChangeMessageVisibility`,
//! `GetQueueAttributes`, `ListQueues` and `PurgeQueue` are there for tests, and for whoever looks into a queue with the
//! AWS CLI.
//!
//! # Layout
//! - [`queues`]: all queues, as the rest of the stack uses them; [`operations`]: as SDKs call them.
//! - [`queue`]: the messages of one queue, without waiting and without a clock; [`message`]: a message on its way in or out.
//! - [`journal`]: messages in the journal.
//!
//! Never here: FIFO queues, which are an error in the template, and queues that are not in the template.

mod journal;
mod message;
mod operations;
mod queue;
mod queues;

pub(crate) use self::{message::Received, queues::Queues};

#[cfg(test)]
mod tests;
