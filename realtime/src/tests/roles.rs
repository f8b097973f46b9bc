//! The roles that Whop gives, from a server on this machine that answers as Whop's API is documented to, and as it is
//! not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use funnelcast_testing::{
    gateway,
    server::{self, Answer, Asked, Server, says},
};
use futures_util::future::join_all;
use http::{Response, header};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::{
    access::roles::{ASKING_LIFE, FAILURE_LIFE, NO_LIFE, Roles, YES_LIFE},
    rates::QUESTIONS,
    rights,
};

const KEY: &str = "whop-key";

/// An [`Access`] with a Whop server of its own, which answers as the test says.
pub(super) struct Asking {
    pub(super) access: TestAccess,
    pub(super) script: Arc<Mutex<Script>>,
    pub(super) server: Server,
}

/// What the Whop server answers.
pub(super) type Script = Box<dyn Fn(&Asked) -> Answer + Send>;

async fn with_roles(engine: &Engine, roles: Roles) -> Access {
    Access::new(Table::build(&config(engine, None)).await.unwrap(), roles, 0.5)
}

impl Asking {
    pub(super) async fn start(answer: Answer) -> Self {
        let script = Arc::new(Mutex::new(Box::new(move |_: &Asked| answer.clone()) as Script));
        let answers = Arc::clone(&script);
        // The server is Secrets Manager too, for the key.
        let server = Server::start(move |asked| {
            if asked.headers.contains_key("x-amz-target") {
                server::json(&json!({ "SecretString": KEY }))
            } else {
                (answers.lock().unwrap())(asked)
            }
        })
        .await;
        let url = server.url("");
        let config = Config::from_lookup(|name| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            "AWS_ENDPOINT_URL" => Some(url.clone()),
            "WHOP_API" => Some(format!("{url}/api/v1/")),
            "WHOP_API_KEY_SECRET" => Some("funnelcast/dev/whop".to_owned()),
            _ => None,
        });
        let engine = Engine::start().await;
        let access = with_roles(&engine, Roles::build(&config.unwrap()).await.unwrap()).await;
        Self { access: TestAccess { access, engine }, script, server }
    }

    fn answers(&self, answer: Answer) {
        self.scripted(move |_| answer.clone());
    }

    fn scripted(&self, script: impl Fn(&Asked) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// The requests that the Whop server has received.
    fn questions(&self) -> Vec<Asked> {
        let asked = self.server.asked().into_iter();
        asked.filter(|asked| !asked.headers.contains_key("x-amz-target")).collect()
    }

    /// Whether the user may join a channel for the team of `biz_1`, or the code of the refusal.
    async fn may_join(&self, at: Timestamp) -> Result<(), &'static str> {
        self.may_join_as("user_1", "company:biz_1", at).await
    }

    async fn may_join_as(&self, user: &str, channel: &str, at: Timestamp) -> Result<(), &'static str> {
        let (user, channel) = (of_whop(user), channel.parse().unwrap());
        let outcome = self.access.admission(&user, &channel, None, at).await;
        outcome.map(drop).map_err(|refusal| refusal.code())
    }
}

pub(super) fn of_whop(user: &str) -> Identity {
    Identity { companies_by: CompaniesBy::Whop, ..caller(user, "c1=").identity }
}

pub(super) fn access(has_access: bool, level: &str) -> Answer {
    server::json(&json!({ "has_access": has_access, "access_level": level }))
}

#[tokio::test]
async fn a_role_is_cached_for_five_minutes_and_its_absence_for_half_a_minute() {
    let whop = Asking::start(access(true, "admin")).await;
    let start = now();
    whop.may_join(start).await.unwrap();
    let asked = whop.questions();
    assert_eq!(asked[0].path, "/api/v1/users/user_1/access/biz_1");
    assert_eq!(asked[0].headers[header::AUTHORIZATION], format!("Bearer {KEY}"));

    let moment = Duration::from_millis(1);
    whop.answers(access(false, "no_access"));
    whop.may_join_as("user_1", "funnel_updates:biz_1", start + YES_LIFE.saturating_sub(moment))
        .await
        .unwrap();
    assert_eq!(whop.questions().len(), 1, "for all of the company's channels");
    let end = start + YES_LIFE;
    assert_eq!(whop.may_join(end).await, Err("forbidden"));
    whop.answers(access(true, "admin"));
    assert_eq!(whop.may_join(end + NO_LIFE.saturating_sub(moment)).await, Err("forbidden"));
    assert_eq!(whop.questions().len(), 2);
    assert_eq!(whop.may_join(end + NO_LIFE).await, Ok(()));
    assert_eq!(whop.questions().len(), 3);
}

#[tokio::test]
async fn only_an_admin_is_in_the_team() {
    for (answer, may) in [
        (access(true, "admin"), Ok(())),
        (access(true, "customer"), Err("forbidden")),
        (access(false, "no_access"), Err("forbidden")),
        (says(404, r#"{"error":{"type":"not_found"}}"#), Err("forbidden")),
    ] {
        let whop = Asking::start(answer.clone()).await;
        assert_eq!(whop.may_join(now()).await, may, "{answer:?}");
    }
}

#[tokio::test]
async fn whop_says_who_has_access_to_an_experience() {
    for (answer, may) in [
        (access(true, "customer"), Ok(())),
        (access(true, "admin"), Ok(())),
        (access(false, "no_access"), Err("forbidden")),
        (says(404, ""), Err("forbidden")),
        (says(500, ""), Err("internal")),
    ] {
        let whop = Asking::start(answer.clone()).await;
        assert_eq!(whop.may_join_as("user_1", "experience:exp_1", now()).await, may, "{answer:?}");
        if may != Err("internal") {
            assert_eq!(whop.may_join_as("user_1", "experience:exp_1", now()).await, may, "{answer:?}");
        }
        let asked = whop.questions();
        assert_eq!(asked[0].path, "/api/v1/users/user_1/access/exp_1");
        assert_eq!(asked.len(), 1, "the answer is cached");
        // A company is no experience, and Whop is asked about neither under the other's name.
        assert_eq!(whop.may_join_as("user_1", "experience:biz_1", now()).await, Err("forbidden"));
        assert_eq!(whop.may_join_as("user_1", "company:exp_1", now()).await, Err("forbidden"));
        assert_eq!(whop.questions().len(), asked.len());
    }
}

/// Otherwise a function that has no Whop configured would remove every member who is there by a role from Whop.
#[tokio::test]
async fn a_function_without_whop_denies_nothing() {
    let access = TestAccess::new().await;
    let (ann, channel) = (of_whop("user_1"), "company:biz_1".parse().unwrap());
    let refusal = own_right(&access, &ann, &channel, now()).await.unwrap_err();
    assert_eq!(refusal.code(), "internal", "{refusal}");
    let access = with_roles(&access.engine, Roles::NoKey).await;
    assert_eq!(
        own_right(&access, &ann, &channel, now()).await.unwrap_err().code(),
        "forbidden",
        "no key, no team"
    );
}

/// Access stays closed whatever Whop answers, and the processes do not all ask again in the meantime.
#[tokio::test]
async fn without_an_answer_nobody_is_admitted() {
    for answer in [
        says(500, ""),
        says(503, "<html>"),
        says(401, "{}"),
        says(200, ""),
        says(200, "[]"),
        says(200, r#"{"has_access":true}"#),
        says(200, r#"{"has_access":"true","access_level":"admin"}"#),
        says(200, "x".repeat(100_000)),
        access(false, "admin"),
        access(true, "no_access"),
        access(true, "owner"),
        Answer::Now(
            Response::builder().status(302).header(header::LOCATION, "/yes").body(Full::default()).unwrap(),
        ),
    ] {
        let whop = Asking::start(answer.clone()).await;
        let start = now();
        assert_eq!(whop.may_join(start).await, Err("internal"), "{answer:?}");
        assert_eq!(whop.may_join(start).await, Err("rate_limited"), "{answer:?}");
        assert_eq!(whop.questions().len(), 1, "{answer:?}");
        whop.answers(access(true, "admin"));
        assert_eq!(whop.may_join(now() + FAILURE_LIFE).await, Ok(()), "{answer:?}: Whop has recovered");
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    for (said, secs) in [(Some("12"), 12), (None, 5), (Some("86400"), 30), (Some("0"), 1), (Some("soon"), 5)]
    {
        let mut response = Response::builder().status(429);
        if let Some(said) = said {
            response = response.header(header::RETRY_AFTER, said);
        }
        let whop = Asking::start(Answer::Now(response.body(Full::default()).unwrap())).await;
        let start = now();
        assert_eq!(whop.may_join(start).await, Err("rate_limited"), "{said:?}");
        whop.answers(access(true, "admin"));
        assert_eq!(
            whop.may_join(start + Duration::from_secs(secs - 1)).await,
            Err("rate_limited"),
            "{said:?}"
        );
        assert_eq!(whop.may_join(now() + Duration::from_secs(secs)).await, Ok(()), "{said:?}");
    }
}

#[tokio::test]
async fn an_expired_role_is_not_used_when_whop_fails() {
    let whop = Asking::start(access(true, "admin")).await;
    let start = now();
    whop.may_join(start).await.unwrap();
    whop.answers(says(500, ""));
    assert_eq!(whop.may_join(start + YES_LIFE).await, Err("internal"), "the expired role is not used");
}

#[tokio::test]
async fn a_silent_whop_is_abandoned() {
    let whop = Asking::start(Answer::Never).await;
    assert_eq!(whop.may_join(now()).await, Err("internal"));
    assert_eq!(whop.questions().len(), 1);
}

/// A client joins all channels of its company at once, and each join may be in a process of its own.
#[tokio::test]
async fn one_process_asks_and_all_get_the_answer() {
    let permits = Arc::new(Semaphore::new(0));
    let Answer::Now(yes) = access(true, "admin") else { panic!() };
    let whop = Arc::new(Asking::start(Answer::Later(Arc::clone(&permits), yes)).await);
    let start = now();
    let asking = tokio::spawn({
        let whop = Arc::clone(&whop);
        async move { join_all((0..20).map(|_| whop.may_join(start))).await }
    });
    while whop.questions().is_empty() {
        tokio::task::yield_now().await;
    }
    permits.add_permits(100);
    assert_eq!(asking.await.unwrap(), [Ok(()); 20]);
    assert_eq!(whop.questions().len(), 1);
}

/// The answer to a request from before a change does not say how things are now, though it arrives last.
#[tokio::test]
async fn an_answer_that_was_discarded_before_it_arrived_is_asked_for_again() {
    let permits = Arc::new(Semaphore::new(0));
    let Answer::Now(yes) = access(true, "admin") else { panic!() };
    let whop = Arc::new(Asking::start(Answer::Later(Arc::clone(&permits), yes)).await);
    let asking = tokio::spawn({
        let whop = Arc::clone(&whop);
        async move { whop.may_join(now()).await }
    });
    while whop.questions().is_empty() {
        tokio::task::yield_now().await;
    }
    whop.answers(access(false, "no_access"));
    whop.access.table.forget_role(&"user_1".parse().unwrap(), "biz_1").await.unwrap();
    permits.add_permits(1);
    assert_eq!(asking.await.unwrap(), Err("forbidden"));
    assert_eq!(whop.may_join(now()).await, Err("forbidden"));
    assert_eq!(whop.questions().len(), 2);
}

#[tokio::test]
async fn another_process_asks_if_the_first_has_died() {
    let whop = Asking::start(access(true, "admin")).await;
    let (user, company): (UserId, &str) = ("user_1".parse().unwrap(), "biz_1");
    let long_ago = now() - ASKING_LIFE;
    assert!(whop.access.table.begin_asking(&user, company, long_ago, long_ago + ASKING_LIFE).await.unwrap());
    let soon = long_ago + ASKING_LIFE.saturating_sub(Duration::from_millis(1));
    assert!(
        !whop.access.table.begin_asking(&user, company, soon, soon + ASKING_LIFE).await.unwrap(),
        "the first process may be alive"
    );
    assert_eq!(whop.may_join(now()).await, Ok(()));
}

#[tokio::test]
async fn whop_is_not_asked_about_ids_that_are_not_its_own() {
    let whop = Asking::start(access(true, "admin")).await;
    for channel in ["company:prod_1", "analytics:exp_1", "resource_updates:1", "user:user_2"] {
        assert_eq!(whop.may_join_as("user_1", channel, now()).await, Err("forbidden"), "{channel}");
    }
    for channel in ["user:user_1", "system"] {
        assert_eq!(whop.may_join_as("user_1", channel, now()).await, Ok(()), "{channel}");
    }
    assert_eq!(whop.may_join_as("agent_1", "company:biz_1", now()).await, Err("forbidden"));
    let of_the_app = caller("user_1", "c1=").identity;
    let outcome = own_right(&whop.access, &of_the_app, &"company:biz_1".parse().unwrap(), now()).await;
    assert_eq!(outcome.unwrap_err().code(), "forbidden", "its companies come from the token");
    assert!(whop.questions().is_empty());
}

#[tokio::test]
async fn the_team_may_join_a_conversation_and_whop_is_not_asked_about_participants() {
    let whop = Asking::start(access(true, "admin")).await;
    let conversation = "c1".parse().unwrap();
    let change = set("biz_1", ["user_2".parse().unwrap()]);
    whop.access.table.change_conversation(&conversation, &change, |_| true).await.unwrap();
    let right = async |user: &str| own_right(&whop.access, &of_whop(user), &channel(), now()).await;
    assert_eq!(right("user_2").await, Ok(Right::Own));
    assert!(whop.questions().is_empty());
    assert_eq!(right("user_1").await, Ok(Right::Team("biz_1".parse().unwrap())));
    whop.answers(access(true, "customer"));
    assert_eq!(right("user_3").await.unwrap_err().code(), "forbidden");
    let unknown = "conversation:unknown".parse().unwrap();
    let outcome = own_right(&whop.access, &of_whop("user_1"), &unknown, now()).await;
    assert_eq!(outcome.unwrap_err().code(), "forbidden");
    assert_eq!(whop.questions().len(), 2, "Whop is not asked about a conversation without a company");
}

/// Whop accepts a certain number of requests from all users together, so a single user cannot use up all of them.
#[tokio::test]
async fn a_user_who_tries_every_company_is_rate_limited() {
    let whop = Asking::start(access(false, "no_access")).await;
    let start = Timestamp::from_secs(1_800_000_000);
    let asked = usize::try_from(QUESTIONS.burst.as_secs()).unwrap(); // one in a second
    for number in 0..asked {
        let channel = format!("company:biz_{number}");
        assert_eq!(whop.may_join_as("user_1", &channel, start).await, Err("forbidden"), "{number}");
    }
    assert_eq!(whop.may_join_as("user_1", "company:biz_x", start).await, Err("rate_limited"));
    assert_eq!(whop.questions().len(), asked);
    assert_eq!(
        whop.may_join_as("user_2", "company:biz_x", start).await,
        Err("forbidden"),
        "other users are not affected"
    );

    // Users do not keep access that they have lost by causing many requests either.
    let channel = "company:biz_y".parse().unwrap();
    let refusal = own_right(&whop.access, &of_whop("user_1"), &channel, start).await.unwrap_err();
    assert_eq!(refusal.code(), "forbidden");
}

/// Whop counts requests, and so does the stack, including one that is repeated because its socket had been closed.
#[tokio::test]
async fn every_request_is_counted() {
    let mut until_refused = Vec::new();
    for is_cut in [false, true] {
        let whop = Asking::start(access(false, "no_access")).await;
        let idle = AtomicBool::new(false);
        whop.scripted(move |_| {
            // Every second request uses the socket of the one before.
            let cuts = is_cut && idle.fetch_xor(true, Ordering::Relaxed);
            if cuts { Answer::Cut } else { access(false, "no_access") }
        });
        let start = Timestamp::from_secs(1_800_000_000);
        let mut companies = 0;
        while whop.may_join_as("user_1", &format!("company:biz_{companies}"), start).await == Err("forbidden")
        {
            companies += 1;
        }
        until_refused.push((whop.questions().len(), companies));
    }
    let [(requests, companies), (with_repeats, fewer)] = until_refused[..] else { panic!() };
    assert_eq!((requests, requests), (with_repeats, companies));
    assert!(fewer < companies, "{fewer} answers");
}

/// For a moment after a webhook, Whop may still give answers from before it. So the second check, when all `join`s
/// have ended, does not rely on the answer to the first.
#[tokio::test]
async fn the_second_check_asks_whop_again() {
    let stub = Stub::answering(&[gateway::Answer::Status(200)]).await;
    let Asking { access: TestAccess { access: of_whop_users, engine }, script, server: _server } =
        Asking::start(access(true, "admin")).await;
    let realtime = Realtime { access: of_whop_users, ..realtime(&engine, &stub).await };
    let caller = SocketCaller { identity: of_whop("user_1"), ..caller("user_1", "c1=") };
    let (channel, company) = ("company:biz_1".parse().unwrap(), "biz_1".parse().unwrap());
    realtime.table().put_connection(&caller).await.unwrap();
    realtime.table().put_membership(&caller, &channel, Right::Own, None, caller.order).await.unwrap();
    let user = &caller.identity.user;

    rights::check_role(&realtime, user, &company).await.unwrap();
    assert!(is_member(realtime.table(), &caller, &channel).await, "Whop still says so");
    *script.lock().unwrap() = Box::new(|_| access(false, "no_access"));
    rights::check_role(&realtime, user, &company).await.unwrap();
    assert!(!is_member(realtime.table(), &caller, &channel).await);
}
