//! Frames of clients, as each route receives them: every frame is a request or a refusal, and a `send` that the policy allows
//! contains nothing that its sender may not send.

#![no_main]
#![expect(clippy::unwrap_used, reason = "a panic is what the fuzzer looks for")]

use funnelcast_core::{
    Identity, Timestamp,
    action::{self, Ack, Action, History, Join, Leave, Ping, PresenceQuery, ReceiptsQuery, Send, Status},
    channel::Kind,
    event::EventName,
    identity::CompaniesBy,
    publication::Publication,
};
use libfuzzer_sys::fuzz_target;

fn parse<A: Action>(body: &str) -> Option<A> {
    match action::parse::<A>(body) {
        Ok(request) => Some(request.action),
        Err(rejected) => {
            assert!(!rejected.error.public_message().is_empty());
            None
        }
    }
}

fuzz_target!(|body: &str| {
    parse::<Join>(body);
    parse::<Leave>(body);
    parse::<Ack>(body);
    parse::<History>(body);
    parse::<PresenceQuery>(body);
    parse::<ReceiptsQuery>(body);
    parse::<Status>(body);
    parse::<Ping>(body);
    assert!(["unknown_action", "bad_request"].contains(&action::reject_unrouted(body).error.code()));
    let Some(send) = parse::<Send>(body) else { return };
    let ann = Identity {
        user: "user_1".parse().unwrap(),
        name: "Ann".to_owned().try_into().unwrap(),
        companies: Vec::new(),
        companies_by: CompaniesBy::Token,
        experiences: vec![],
        rooms: vec![],
        expires_at: Timestamp::from_secs(i64::MAX / 1000),
    };
    let channel = send.channel.clone();
    if let Ok(publication) =
        Publication::from_client(send, &ann, None, Timestamp::EPOCH, || "msg_1".to_owned())
    {
        assert_eq!(publication.channel, channel);
        assert!(matches!(channel.kind(), Kind::Conversation | Kind::Room), "clients publish nowhere else");
        assert!(channel.kind().policy().client_may_publish(publication.event));
        assert_eq!(publication.from.unwrap().user_id, ann.user, "the server adds the sender");
        let data: serde_json::Value = serde_json::from_str(publication.data.get()).unwrap();
        // What the app's own events contain is the app's own affair.
        let is_of_the_app = matches!(publication.event, EventName::AppEvent | EventName::AppSignal);
        assert!(is_of_the_app || data["userId"] == "user_1");
    }
});
