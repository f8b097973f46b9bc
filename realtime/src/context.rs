//! The resources that the operations work with.

use funnelcast_aws::{Config, Resource, Table, gateway::Gateway, queue::Queue};
use funnelcast_core::{Error, UserId, call::CallTimes};

use crate::{access::Access, review::Review, timer::Timers};

/// Everything in the stack that it takes to tell users something. Built once per process.
#[derive(Debug)]
pub struct Realtime {
    /// The table, with the checks of who may do what.
    pub access: Access,
    /// The WebSocket connections.
    pub gateway: Gateway,
    /// What must happen later.
    pub timers: Timers,
    /// The fan-out queue: deliveries that are still to be made.
    pub deliveries: Queue,
    /// The user as whom the app's backend posts chat messages, if one is configured.
    pub agent: Option<UserId>,
    /// How long calls ring, and how often they are looked at.
    pub call_times: CallTimes,
    /// The app's function that is asked before a message is kept, if one is configured.
    pub review: Option<Review>,
}

impl Resource for Realtime {
    async fn build(config: &Config) -> Result<Self, Error> {
        let review = Box::pin(Review::build(config)); // the futures are large
        let (access, gateway, review) =
            tokio::try_join!(Access::build(config), Gateway::build(config), review)?;
        Ok(Self {
            access,
            gateway,
            timers: Timers::new(config)?,
            deliveries: Queue::of_deliveries(config)?,
            agent: config.agent.clone(),
            call_times: config.calls.times,
            review,
        })
    }
}

impl AsRef<Access> for Realtime {
    fn as_ref(&self) -> &Access {
        &self.access
    }
}

impl Realtime {
    /// The table.
    pub const fn table(&self) -> &Table {
        &self.access.table
    }
}
