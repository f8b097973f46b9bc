//! The samples of `events/` decode, and a failure has the form that Lambda requires.

use funnelcast_core::action::{
    Ack, Action, History, Join, Leave, Ping, PresenceQuery, ReceiptsQuery, Request, Send, Status,
};

use lambda_runtime::Diagnostic;

use super::*;

macro_rules! sample {
    ($name:literal) => {
        serde_json::from_str::<WebSocketEvent>(include_str!(concat!("../../../events/", $name, ".json")))
            .expect($name)
    };
}

fn action<A: Action>(event: &WebSocketEvent) -> Request<A> {
    let context = &event.request_context;
    assert_eq!(context.route_key.as_deref(), Some(A::NAME));
    let caller = socket_caller(context).expect("the sample has a caller");
    caller.identity.check_alive(caller.now).expect("a sample's token lives");
    funnelcast_core::action::parse(event.body.as_deref().unwrap()).expect("the sample's frame parses")
}

#[test]
fn the_samples_of_the_actions_decode() {
    assert!(action::<Join>(&sample!("join")).id.is_some());
    assert!(action::<Leave>(&sample!("leave")).id.is_some());
    assert!(action::<Ping>(&sample!("ping")).id.is_some());
    assert!(action::<Status>(&sample!("status")).id.is_some());
    assert!(action::<Send>(&sample!("send")).action.key.is_some());
    assert!(action::<Send>(&sample!("send-typing")).action.key.is_none());
    assert!(action::<Ack>(&sample!("ack")).id.is_some());
    assert!(action::<History>(&sample!("history")).id.is_some());
    assert!(action::<PresenceQuery>(&sample!("presence")).id.is_some());
    assert!(action::<ReceiptsQuery>(&sample!("receipts")).id.is_some());
}

#[test]
fn the_samples_of_the_other_routes_decode() {
    assert_eq!(socket_caller(&sample!("connect").request_context).unwrap().identity.user.as_str(), "user_1");
    assert!(
        socket_caller(&sample!("disconnect").request_context).is_ok(),
        "the authorizer requires this text"
    );
    let unrouted = sample!("default");
    assert!(
        funnelcast_core::action::reject_unrouted(unrouted.body.as_deref().unwrap()).error.code()
            == "unknown_action"
    );
}

#[test]
fn an_invalid_token_is_reported_by_the_text_that_means_401() {
    let diagnostic = Diagnostic::from(Failure(Error::Unauthorized("token: its issuer is unknown".into())));
    assert_eq!(diagnostic.error_message, "Unauthorized");
    let diagnostic = Diagnostic::from(Failure(Error::BadRequest("no `funnelId`".into())));
    assert_eq!(
        (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
        ("bad_request", "no `funnelId`")
    );
}

#[test]
fn an_event_is_served_only_as_its_own_type() {
    use EventType::{Connect, Disconnect, Message};
    for (event, event_type) in
        [(sample!("connect"), Connect), (sample!("disconnect"), Disconnect), (sample!("join"), Message)]
    {
        for asked in [Connect, Disconnect, Message] {
            assert_eq!(asked.is_that_of(&event.request_context), asked == event_type, "{asked:?}");
        }
        let mut context = event.request_context;
        for unknown in [None, Some("connect".to_owned()), Some(String::new())] {
            context.event_type = unknown;
            assert!(!event_type.is_that_of(&context));
        }
    }
}
