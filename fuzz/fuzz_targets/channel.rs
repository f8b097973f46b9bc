//! Names of channels and ids: an accepted text is kept as it is, and needs no escaping.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a panic is what the fuzzer looks for")]

use funnelcast_core::{Channel, ConnectionId, Key, Seq, UserId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(channel) = text.parse::<Channel>() {
        assert_eq!(channel.to_string(), text);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:".contains(&b)), "{text}");
        assert!(text.matches(':').count() <= 1, "{text}");
    }
    if let Ok(id) = text.parse::<UserId>() {
        assert_eq!(id.as_str(), text);
        assert!(!text.contains(['#', ':', '/', ' ', '\n']), "{text}");
    }
    if let Ok(key) = text.parse::<Key>() {
        assert!(!key.as_str().contains(['#', '/', '\n']) && key.as_str().len() <= 64);
    }
    if let Ok(id) = text.parse::<ConnectionId>() {
        assert!(!id.as_str().contains(['#', '\n']));
    }
    if let Ok(seq) = serde_json::from_str::<Seq>(text) {
        assert_eq!(serde_json::from_str::<Seq>(&serde_json::to_string(&seq).unwrap()).unwrap(), seq);
    }
});
