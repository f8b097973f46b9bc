//! A batch of the table's stream: every image is a change that is known, or an error for that record alone. What the
//! backend has put into the outbox is a publication for the channel that it names, or none.

#![no_main]

use aws_lambda_events::dynamodb;
use funnelcast_aws::table::stream::Change;
use funnelcast_core::{Timestamp, publication::{Publication, Times}};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = serde_json::from_slice::<dynamodb::Event>(bytes) else { return };
    for record in &batch.records {
        if let Ok(Change::Outbox(outbox)) = Change::of(record) {
            let channel = outbox.channel.clone();
            let (at, key) = (Timestamp::EPOCH, outbox.key);
            if let Ok(publication) =
                Publication::from_outbox(outbox.channel, outbox.event, outbox.data, key, None, Times::at(at))
            {
                assert_eq!(publication.channel, channel);
            }
        }
    }
});
