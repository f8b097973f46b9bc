//! The commands of an operator, run against the stack that the suite runs against.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::{Operated, Stack, User, eventually, unique};

use crate::scene::{Pair, joined, pair};

/// The shared stack; `None` if it is an emulator, which describes its functions in its own way.
fn operated() -> Result<Option<&'static Stack>> {
    let stack = Stack::shared()?;
    let is_emulator = stack.addresses.aws.is_some() && stack.log().is_none();
    if is_emulator {
        println!("skipped: the commands of an operator are for AWS and for a local stack");
    }
    Ok((!is_emulator).then_some(stack))
}

/// The mistakes that `doctor` has found, in order.
fn mistakes(diagnosis: &Operated) -> Vec<String> {
    let findings = diagnosis.answer["findings"].as_array().into_iter().flatten();
    let mut codes: Vec<_> =
        findings.filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect();
    codes.sort_unstable();
    codes
}

fn planted(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// The ids of the connections that a command names, in order.
fn ids(listed: &Value) -> Vec<&str> {
    let rows = listed["connections"].as_array().into_iter().flatten();
    let mut ids: Vec<_> = rows.filter_map(|row| row["connectionId"].as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn connections_are_listed_and_closed() -> Result<()> {
    let Some(stack) = operated()? else { return Ok(()) };
    let company = unique("biz");
    let (ann, bob) = (User::admin_of(&company), User::admin_of(&company));
    let mut clients = [
        joined(stack, &ann, &format!("company:{company}")).await?,
        joined(stack, &ann, &format!("analytics:{company}")).await?,
        joined(stack, &bob, &format!("company:{company}")).await?,
    ];
    let mut own = Vec::new();
    for client in &mut clients {
        own.push(
            client.call("status", json!({})).await?["connectionId"].as_str().unwrap_or_default().to_owned(),
        );
    }
    let of_ann = stack.operate(&format!("connections --user {}", ann.id)).await?.done()?;
    let mut expected = [own[0].as_str(), own[1].as_str()];
    expected.sort_unstable();
    assert_eq!(ids(&of_ann), expected);
    let of_company = stack.operate(&format!("connections --company {company}")).await?.done()?;
    assert_eq!((ids(&of_company).len(), &of_company["users"]), (3, &json!(2)));

    let close = format!("disconnect --user {}", ann.id);
    let planned = stack.operate(&format!("{close} --dry-run")).await?.done()?;
    assert_eq!(planned["connectionIds"].as_array().map(Vec::len), Some(2));
    clients[0].call("ping", json!({})).await?;
    let closed = stack.operate(&close).await?.done()?;
    assert_eq!(closed["connectionIds"].as_array().map(Vec::len), Some(2));
    let [first, second, third] = &mut clients;
    first.closed().await?;
    second.closed().await?;
    third.call("ping", json!({})).await?;
    let none = stack.operate(&format!("connections --user {}", ann.id)).await?.done()?;
    assert!(ids(&none).is_empty(), "{none}");
    Ok(())
}

#[tokio::test]
async fn a_ban_is_felt_by_a_live_connection_and_can_be_lifted() -> Result<()> {
    let Some(stack) = operated()? else { return Ok(()) };
    let Pair { company, channel, bob_user, mut bob, .. } = pair(stack).await?;
    let ban = format!("ban --user {} --company {company}", bob_user.id);
    let planned = stack.operate(&format!("{ban} --dry-run")).await?.done()?;
    assert_eq!((&planned["now"], &planned["then"]["restriction"]), (&json!(null), &json!("ban")));
    bob.say(&channel, "still here").await?;

    let done = stack.operate(&format!("{ban} --reason spam")).await?.done()?;
    assert_eq!((&done["restriction"], &done["reason"]), (&json!("ban"), &json!("spam")));
    bob.event("access.revoked").await?;
    let refused = bob
        .refused(
            "send",
            json!({"channel": channel, "event": "chat.message", "key": "k", "data": {"content": "hello"}}),
        )
        .await?;
    assert_ne!(refused.code, "internal");

    stack.operate(&format!("{ban} --lift")).await?.done()?;
    bob.join(&channel).await?;
    let wrong = stack.operate(&format!("ban --user {}", bob_user.id)).await?;
    assert_eq!((wrong.code, wrong.error.contains("--company")), (2, true), "{wrong:?}");
    Ok(())
}

/// The unit tests of `realtime` cover the rows of each kind, and runs that are interrupted. This test covers what only a whole
/// stack has: its stream, its objects, its log.
#[tokio::test]
async fn a_user_is_exported_and_erased() -> Result<()> {
    const TEXT: &str = "xyzzyplugh";
    let Some(stack) = Stack::private(&["--parameter", "Search=on"])? else { return Ok(()) };
    let Pair { channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let conversation = channel.trim_start_matches("conversation:");
    let file = stack.put_file(&ann_user, &channel, "text/plain", b"a file").await?;
    let unused = stack.put_file(&ann_user, &channel, "text/plain", b"another file").await?;
    for id in [&file, &unused] {
        stack.examined_file(&ann_user, id).await?;
    }
    let said = ann.say(&channel, TEXT).await?["seq"].clone();
    let fields =
        json!({"channel": channel, "event": "chat.message", "key": "f", "data": {"attachments": [file]}});
    ann.call("send", fields).await?;
    bob.say(&channel, "hello").await?;
    let fields = json!({"channel": channel, "event": "chat.message", "key": "r",
        "data": {"content": "indeed", "replyTo": said}});
    bob.call("send", fields).await?;
    let backend = stack.backend().await?;
    eventually("the message to be indexed", async || {
        let rows = backend.items_with(TEXT).await?;
        Ok(rows.iter().any(|row| row.starts_with("FIND#")).then_some(()))
    })
    .await?;

    let whole = stack.operate_lines(&format!("export --conversation {conversation}")).await?;
    let seqs: Vec<_> = whole.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=whole.len() as u64).collect::<Vec<_>>());
    let rest = stack.operate_lines(&format!("export --conversation {conversation} --after 1")).await?;
    assert_eq!(rest, whole[1..]);
    let own = stack.operate_lines(&format!("export --user {}", ann_user.id)).await?;
    let of_kind = |kind: &str| own.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((of_kind("event"), of_kind("file"), of_kind("conversation")), (2, 2, 1), "{own:?}");

    let erase = format!("erase --user {}", ann_user.id);
    let planned = stack.operate(&format!("{erase} --dry-run")).await?.done()?;
    assert_eq!((&planned["messages"], &planned["files"]), (&json!(2), &json!(2)));
    let erased = stack.operate(&format!("{erase} --no-wait")).await?.done()?;
    assert_eq!(
        (&erased["runs"][0]["messages"], &erased["runs"][0]["files"]),
        (&json!(2), &json!(1)),
        "{erased}"
    );
    assert!(erased["againAt"].is_string(), "{erased}");
    ann.closed().await?;
    for _ in 0..2 {
        bob.event("chat.delete").await?;
    }
    // The rows that stay: the place that leads the second run to the conversation, the user's bar, the erasure, and what the
    // user has spent.
    let ends = [
        format!("READ#{channel} / {}", ann_user.id),
        format!("MODS#{} / META", ann_user.id),
        format!("MODS#{} / ERASURE", ann_user.id),
        format!("RATE#{} / spending", ann_user.id),
    ];
    for (planted, stay) in
        [(TEXT, &ends[..0]), (&ann_user.name, &ends[..0]), (&ann_user.id, &ends[..]), (&file, &ends[..0])]
    {
        eventually("no row to have the erased text", async || {
            let mut rows = backend.items_with(planted).await?;
            rows.retain(|row| !stay.contains(row) && !row.starts_with("TICKET#"));
            Ok(rows.is_empty().then_some(()))
        })
        .await?;
    }
    for id in [&file, &unused] {
        for key in [format!("file/{id}"), format!("upload/{id}")] {
            eventually("its object to be gone", async || {
                let answer = stack.ask_bucket(Method::GET, &key, &[], b"").await?;
                Ok((answer.code() == "NoSuchKey").then_some(()))
            })
            .await?;
        }
    }
    if let Some(log) = stack.log() {
        let log = std::fs::read_to_string(log)?;
        let leaked =
            log.lines().find(|line| [TEXT, "Été", &ann_user.name].iter().any(|text| line.contains(text)));
        assert_eq!(leaked, None, "in the log");
    }
    // Other users go on, and the erased user cannot connect any more.
    let page = stack.get(&bob_user, &format!("messages?channel={channel}&limit=9")).await?.done()?;
    assert_eq!(page["events"][0]["data"]["userId"], "deleted");
    bob.say(&channel, "and on we go").await?;
    assert!(stack.connect(&ann_user).await.is_err(), "an erased user can connect");
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_listed_shown_retried_and_delivered_and_mistakes_are_found() -> Result<()> {
    const ISSUERS: &str = r#"Issuers=[{"kind":"oidc","iss":"nobody","aud":"a","alg":"RS256","keys":{"jwks":"http://127.0.0.1:1/keys"}}]"#;
    const ORIGINS: &str = "AllowedOrigins=http://localhost:3000,https://App.example";
    // A stack of its own, because other tests look for their letters in the queue of the shared one.
    let Some(stack) = Stack::private(&["--parameter", ISSUERS, "--parameter", ORIGINS])? else {
        return Ok(());
    };
    let backend = stack.backend().await?;
    let company = unique("biz");
    let (user, conversation) = (User::customer_of(&company), unique("conv"));
    // A message that does not exist cannot be deleted.
    stack.emit("ChatDelete", json!({"conversationId": conversation, "target": 1})).await?;
    backend.put_into_outbox("key-1", "nowhere:1", "resource.update", &json!({})).await?;
    let listed = eventually("the letters to be there", async || {
        let listed = stack.operate("dead-letters list").await?.done()?;
        Ok((listed["letters"].as_array().map(Vec::len) == Some(2)).then_some(listed))
    })
    .await?;
    let letter = |source: &str| {
        let letters = listed["letters"].as_array().into_iter().flatten();
        letters.clone().find(|letter| letter["source"] == source).cloned().unwrap_or_default()
    };
    let (refused, outbox) = (letter("bus"), letter("outbox"));
    let id = refused["messageId"].as_str().unwrap_or_default();
    assert_eq!(refused["backTo"], "the function funnelcast-dev-BroadcastFunction", "{refused}");
    assert_eq!((&outbox["id"], &outbox["code"]), (&json!("key-1"), &json!("bad_request")));
    let shown = stack.operate(&format!("dead-letters show {id}")).await?.done()?;
    assert_eq!(shown["item"]["detail"]["target"], 1, "{shown}");

    let ill = stack.operate("doctor").await?;
    assert_eq!(
        (ill.code, mistakes(&ill)),
        (4, planted(&["issuers.keys", "letters.waiting", "origins.form"]))
    );

    // The cause of the refusal is removed, and the letter is retried.
    let channel = stack.conversation_called(&conversation, &company, &[user.id.as_str()]).await?;
    let mut client = joined(&stack, &user, &channel).await?;
    assert_eq!(client.say(&channel, "oops").await?["seq"], 1);
    let planned = stack.operate("dead-letters retry --all --source bus --dry-run").await?.done()?;
    assert_eq!(planned["done"].as_array().map(Vec::len), Some(1));
    let retried = stack.operate(&format!("dead-letters retry {id}")).await?.done()?;
    assert_eq!(retried["done"][0]["messageId"], id);
    assert_eq!(client.event("chat.delete").await?["data"]["target"], 1);

    let unknown = stack.operate(&format!("dead-letters retry {id}")).await?;
    assert_eq!(unknown.code, 1, "{unknown:?}");
    let dropped = stack.operate("dead-letters drop --all").await?.done()?;
    assert_eq!(dropped["done"][0]["id"], "key-1");
    assert_eq!(stack.operate("dead-letters list").await?.done()?["letters"], json!([]));
    Ok(())
}

#[tokio::test]
async fn the_suites_own_stack_has_no_mistakes() -> Result<()> {
    let Some(stack) = operated()? else { return Ok(()) };
    // Other tests leave letters in its queue.
    let codes = mistakes(&stack.operate("doctor").await?);
    assert!(codes.is_empty() || codes == ["letters.waiting"], "{codes:?}");
    Ok(())
}
