//! Conversations, as the app's backend sets and ends them: a change has taken effect when it is answered, on live connections
//! too, and a backend changes only the conversations of its own companies.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Stack, User, unique};

use crate::scene::joined;

/// Makes a backend's request about a conversation, with the body if the request sets it.
async fn ask(stack: &Stack, user: &User, method: Method, id: &str, body: Option<&Value>) -> Result<Answer> {
    let request = stack.ask_api(method, &format!("conversations/{id}")).token(&user.token()?);
    match body {
        Some(body) => request.body(&body.to_string()),
        None => request,
    }
    .send()
    .await
}

#[tokio::test]
async fn a_conversation_from_its_beginning_to_its_end() -> Result<()> {
    let stack = Stack::shared()?;
    let (company, id) = (unique("biz"), unique("conv"));
    let channel = format!("conversation:{id}");
    let backend = User::backend_of(&company);
    let (ann, bob) = (User::customer_of(&company), User::customer_of(&company));
    assert_eq!(ask(stack, &backend, Method::GET, &id, None).await?.refused()?, (404, "not_found"));

    let mut participants = [&ann.id, &bob.id];
    participants.sort();
    let both = json!({"companyId": company, "participants": participants});
    let told = json!({"conversationId": id, "companyId": company, "participants": participants});
    assert_eq!(ask(stack, &backend, Method::PUT, &id, Some(&both)).await?.done()?, told);
    assert_eq!(ask(stack, &backend, Method::GET, &id, None).await?.done()?, told);
    // The change has taken effect when it is answered, so nobody has to retry a `join`.
    let mut team = joined(stack, &User::admin_of(&company), &channel).await?;
    let mut ann_client = joined(stack, &ann, &channel).await?;
    let mut bob_client = joined(stack, &bob, &channel).await?;
    ann_client.say(&channel, "hello").await?;

    let without_bob = json!({"companyId": company, "participants": [ann.id]});
    ask(stack, &backend, Method::PUT, &id, Some(&without_bob)).await?.done()?;
    bob_client.event("chat.message").await?;
    assert_eq!(bob_client.only("access.revoked").await?["data"]["reason"], "no longer a participant");
    assert_eq!(bob_client.refused("join", json!({"channel": channel})).await?.code, "forbidden");
    ann_client.say(&channel, "are they gone?").await?;
    bob_client.silence().await?;

    let ended = ask(stack, &backend, Method::DELETE, &id, None).await?.done()?;
    assert_eq!(ended, json!({"conversationId": id}));
    for client in [&mut ann_client, &mut team] {
        assert_eq!(client.event("access.revoked").await?["data"]["reason"], "the conversation has ended");
        assert_eq!(client.refused("join", json!({"channel": channel})).await?.code, "forbidden");
    }
    assert_eq!(ask(stack, &backend, Method::GET, &id, None).await?.refused()?, (404, "not_found"));
    assert_eq!(ask(stack, &backend, Method::DELETE, &id, None).await?.done()?, ended, "a repeat");

    // Only a request with `keepLog` opens a conversation again that has a log.
    let again = ask(stack, &backend, Method::PUT, &id, Some(&without_bob)).await?;
    assert_eq!(again.refused()?, (409, "conflict"));
    assert_eq!(ann_client.refused("join", json!({"channel": channel})).await?.code, "forbidden");
    let mut opened = without_bob;
    opened["keepLog"] = json!(true);
    ask(stack, &backend, Method::PUT, &id, Some(&opened)).await?.done()?;
    assert_eq!(ann_client.join_since(&channel, 0).await?["head"], 2, "what was said is still there");
    Ok(())
}

#[tokio::test]
async fn no_backend_takes_what_is_another_companys() -> Result<()> {
    let stack = Stack::shared()?;
    let (ours, theirs, id) = (unique("biz"), unique("biz"), unique("conv"));
    let ann = User::customer_of(&ours);
    let (owner, thief) = (User::backend_of(&ours), User::backend_of(&theirs));
    let set = json!({"companyId": ours, "participants": [ann.id]});
    ask(stack, &owner, Method::PUT, &id, Some(&set)).await?.done()?;
    let mut client = joined(stack, &ann, &format!("conversation:{id}")).await?;

    for company in [&theirs, &ours] {
        let taken = json!({"companyId": company, "participants": [thief.id]});
        let answer = ask(stack, &thief, Method::PUT, &id, Some(&taken)).await?;
        assert_eq!(answer.refused()?, (403, "forbidden"), "given to {company}");
    }
    assert_eq!(ask(stack, &thief, Method::DELETE, &id, None).await?.refused()?, (404, "not_found"));
    assert_eq!(ask(stack, &thief, Method::GET, &id, None).await?.refused()?, (404, "not_found"));
    // After its end the conversation's log still belongs to its company.
    ask(stack, &owner, Method::DELETE, &id, None).await?.done()?;
    let taken = json!({"companyId": theirs, "participants": [thief.id]});
    assert_eq!(ask(stack, &thief, Method::PUT, &id, Some(&taken)).await?.refused()?, (403, "forbidden"));
    // A backend of both companies may move the conversation, with `keepLog`.
    let both = User::backend_of(&ours).and(&theirs, tests::Role::Backend);
    assert_eq!(ask(stack, &both, Method::PUT, &id, Some(&taken)).await?.refused()?, (409, "conflict"));
    let given = json!({"companyId": theirs, "participants": [thief.id], "keepLog": true});
    ask(stack, &both, Method::PUT, &id, Some(&given)).await?.done()?;
    assert_eq!(ask(stack, &owner, Method::GET, &id, None).await?.refused()?, (404, "not_found"));
    assert_eq!(client.only("access.revoked").await?["data"]["userId"], ann.id);
    Ok(())
}

#[tokio::test]
async fn what_is_no_conversation_is_told() -> Result<()> {
    let stack = Stack::shared()?;
    let company = unique("biz");
    let backend = User::backend_of(&company);
    let crowd: Vec<String> = (0..49).map(|n| format!("user_{n}")).collect();
    for (id, body) in [
        ("a%20b", json!({"companyId": company, "participants": []})),
        ("a%23b", json!({"companyId": company, "participants": []})),
        (&*"c".repeat(65), json!({"companyId": company, "participants": []})),
        ("c", json!({"companyId": company})),
        ("c", json!({"participants": []})),
        ("c", json!({"companyId": company, "participants": ["a b"]})),
        ("c", json!({"companyId": company, "participants": crowd})),
        ("c", json!({"companyId": company, "participants": [], "conversationId": "d"})),
        ("c", json!({"companyId": company, "participants": [], "revision": -1})),
        ("c", json!({"companyId": company, "participants": [], "timestamp": "today"})),
        ("c", json!({"companyId": company, "participants": [], "keepLog": 1})),
        ("c", json!([])),
    ] {
        let answer = ask(stack, &backend, Method::PUT, id, Some(&body)).await?;
        assert_eq!(answer.refused()?, (400, "bad_request"), "{id} {body}");
    }
    for (method, path, status, code) in [
        (Method::GET, "conversations/c?more=1", 400, "bad_request"),
        (Method::DELETE, "conversations/c?more=1", 400, "bad_request"),
        (Method::DELETE, "conversations/c?revision=one", 400, "bad_request"),
        (Method::POST, "conversations/c", 405, "unknown_action"),
        (Method::GET, "conversations/c/d", 404, "not_found"),
    ] {
        let answer = stack.ask_api(method, path).token(&backend.token()?).send().await?;
        assert_eq!(answer.refused()?, (status, code), "{path}");
    }
    let nobody = stack.ask_api(Method::GET, "conversations/c").send().await?;
    assert_eq!(nobody.refused()?, (401, "unauthorized"));
    Ok(())
}
