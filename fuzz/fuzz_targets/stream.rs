//! Batches of the table's stream: every image is a known change, or an error of that record alone. An outbox item is a
//! publication for the channel that it names, or an error.

#![no_main]

use aws_lambda_events::dynamodb;
use funnelcast_aws::table::stream::Change;
use funnelcast_core::{
    Timestamp,
    publication::{Publication, Times},
};
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
