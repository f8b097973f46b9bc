//! The actions of the WebSocket API: what they all share, from a frame to its reply.

use funnelcast_aws::{
    Config, Resource, Table,
    gateway::Management,
    serve::{self, EventType, RouteResponse, WebSocketEvent, socket_caller},
    spending::{self, price},
};
use funnelcast_core::{
    Error, SocketCaller,
    action::{self, Action, Echo, Ping, Rejected},
    frame::Reply,
};
use tracing::Span;

use crate::{access::Access, rates::Standing};

/// Runs the function of one action: the handler gets a parsed frame and returns the data of its reply.
///
/// The resource has an [`Access`], so every caller's token is checked, including a renewed one, and every user is
/// charged for what they use. An error becomes the reply and nothing else: the invocation itself succeeds.
///
/// # Errors
/// As [`serve::serve`].
pub async fn serve_action<T: Resource + AsRef<Access>, A: Action>(
    handler: impl AsyncFn(&T, &SocketCaller, A) -> Result<A::Reply, Error>,
) -> Result<(), lambda_runtime::Error> {
    serve::run(async |resources: &ActionResources<T>, event: WebSocketEvent| {
        Ok::<_, Error>(answer(&handler, resources, event).await)
    })
    .await
}

/// The handler's own resource, and the means to close the connections of a user who floods the API.
struct ActionResources<T> {
    resource: T,
    management: Management,
}

impl<T: Resource> Resource for ActionResources<T> {
    async fn build(config: &Config) -> Result<Self, Error> {
        let (resource, management) = tokio::try_join!(Box::pin(T::build(config)), Management::build(config))?;
        Ok(Self { resource, management })
    }
}

/// Replies to a frame and charges its user for it, whatever the reply. A user who keeps sending long after they were
/// refused for what they cost is disconnected, and `$connect` admits them again once they may continue: only frames
/// that are not sent cost nothing.
async fn answer<T: AsRef<Access>, A: Action>(
    handler: &impl AsyncFn(&T, &SocketCaller, A) -> Result<A::Reply, Error>,
    ActionResources { resource, management }: &ActionResources<T>,
    event: WebSocketEvent,
) -> RouteResponse {
    Span::current().record("action", A::NAME);
    if !EventType::Message.is_that_of(&event.request_context) {
        return RouteResponse::MISROUTED;
    }
    let body = event.body.as_deref().unwrap_or_default();
    let rates = &resource.as_ref().rates;
    let caller = match socket_caller(&event.request_context) {
        Ok(caller) => caller,
        Err(error) => return failed(action::parse::<A>(body), error),
    };
    let (payer, connection, now) = (caller.identity.user.clone(), caller.connection.clone(), caller.now);
    let standing = rates.standing(&payer, now);
    let (response, dollars) =
        spending::counted(Box::pin(reply(handler, resource, caller, standing, body))).await;
    let reply_bytes = response.body.as_deref().map_or(0, str::len);
    let frames = spending::messages(body.len()) + spending::messages(reply_bytes);
    rates.charge(&payer, dollars + frames + price::INVOCATION, now).await;
    if standing.ignores_refusals()
        && let Err(error) = management.close(&connection).await
    {
        tracing::error!(%error, "closing a connection failed");
    }
    response
}

async fn reply<T: AsRef<Access>, A: Action>(
    handler: &impl AsyncFn(&T, &SocketCaller, A) -> Result<A::Reply, Error>,
    resource: &T,
    mut caller: SocketCaller,
    standing: Standing,
    body: &str,
) -> RouteResponse {
    let parsed = action::parse::<A>(body);
    if let Err(error) = standing.check() {
        return failed(parsed, error);
    }
    let request = match parsed {
        Ok(request) => request,
        Err(rejected) => {
            tracing::info!(code = rejected.error.code(), "rejected");
            return RouteResponse::rejected(&rejected);
        }
    };
    let outcome = async {
        check_token(&mut caller, &resource.as_ref().table).await?;
        Box::pin(handler(resource, &caller, request.action)).await
    };
    match outcome.await {
        Ok(data) => {
            // A line for each ping would cost more than all other lines, and tell nothing.
            if A::NAME == Ping::NAME {
                tracing::debug!("done");
            } else {
                tracing::info!("done");
            }
            RouteResponse::frame(&Reply::ok(request.id.as_ref(), data))
        }
        Err(error) => refused(request.id.map(Echo::from), error),
    }
}

/// The reply that refuses a frame, which may not even have parsed.
fn failed<A: Action>(parsed: Result<action::Request<A>, Rejected>, error: Error) -> RouteResponse {
    let id = parsed.map_or_else(|rejected| rejected.id, |request| request.id.map(Echo::from));
    refused(id, error)
}

fn refused(id: Option<Echo>, error: Error) -> RouteResponse {
    match &error {
        Error::Internal(_) => serve::log_failure(&error),
        refusal => tracing::info!(code = refusal.code(), "refused"),
    }
    RouteResponse::rejected(&Rejected { id, error })
}

/// Refuses a caller whose token has expired and was not renewed on this connection. This takes 1 read if the token
/// that the connection was opened with has expired, and none otherwise.
async fn check_token(caller: &mut SocketCaller, table: &Table) -> Result<(), Error> {
    let Err(expired) = caller.identity.check_alive(caller.now) else { return Ok(()) };
    let connection = table.connection(&caller.identity.user, &caller.connection).await?;
    let renewed = connection.map(|connection| connection.expires_at).filter(|at| caller.now < *at);
    caller.identity.expires_at = renewed.ok_or(expired)?;
    Ok(())
}
