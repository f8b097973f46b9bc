//! The commands and examples of the README and of docs/, run as they stand there against a running stack.

use anyhow::{Context as _, Result, ensure};
use http::Method;
use serde_json::Value;
use tests::{Client, Stack, User, eventually};

use crate::scene::joined;

/// The indented blocks of a section of the README, each with the lines of one terminal.
fn blocks(heading: &str) -> Result<Vec<Vec<String>>> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))?;
    let section = readme.split("\n## ").find_map(|section| section.strip_prefix(heading));
    let section = section.with_context(|| format!("no section {heading}"))?;
    let mut blocks = vec![Vec::new()];
    for line in section.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(line), Some(block)) => block.push(line.to_owned()),
            (None, Some(block)) if !block.is_empty() => blocks.push(Vec::new()),
            _ => {}
        }
    }
    blocks.retain(|block| !block.is_empty());
    Ok(blocks)
}

/// Sends a frame until it is accepted: what it needs may still be on its way.
async fn accepted(client: &mut Client, frame: &str) -> Result<()> {
    eventually(frame, async || {
        client.text(frame).await?;
        Ok(client.any_reply().await?.1.ok())
    })
    .await
    .map(drop)
}

#[tokio::test]
async fn the_first_session_goes_as_the_readme_says() -> Result<()> {
    let stack = Stack::shared()?;
    if stack.log().is_none() {
        println!("skipped: the README's commands are for a local stack");
        return Ok(());
    }
    let mut clients: Vec<Client> = Vec::new();
    for block in blocks("A first session\n")? {
        let mut token = String::new();
        let place = if block.iter().any(|line| line.starts_with("npx wscat")) { clients.len() } else { 0 };
        for line in block {
            if let Some(command) = line.strip_prefix("target/debug/funnelcast-local ") {
                stack.run_local(command)?;
            } else if let Some(command) = line.strip_prefix("TOKEN=$(target/debug/funnelcast-local ") {
                token = stack.run_local(command.trim_end_matches(')'))?;
            } else if line == r#"npx wscat -c "ws://127.0.0.1:3001/dev?token=$TOKEN""# {
                clients.push(stack.handshake().token(&token).send().await?.connected()?.0);
            } else {
                let frame = line.strip_prefix("> ").with_context(|| format!("unknown line: {line}"))?;
                accepted(clients.get_mut(place).context("no client")?, frame).await?;
            }
        }
    }
    let ann = clients.first_mut().context("nobody has connected")?;
    ensure!(ann.event("presence.join").await?["data"]["name"] == "Bob");
    let message = ann.event("chat.message").await?;
    ensure!(message["seq"] == 1 && message["data"]["content"] == "Hello!", "{message}");
    ensure!(ann.event("funnel.update").await?["data"]["progress"] == 40);
    Ok(())
}

/// The text between two marks in a document.
fn between(document: &str, after: &str, until: &str) -> Result<String> {
    let path = format!("{}/../docs/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path)?;
    let found = text.split_once(after).and_then(|(_, rest)| rest.split_once(until));
    Ok(found.with_context(|| format!("no {after}…{until} in {path}"))?.0.to_owned())
}

#[tokio::test]
async fn the_events_that_the_documents_publish_are_heard() -> Result<()> {
    let stack = Stack::shared()?;
    let mut admin = joined(stack, &User::admin_of("biz_1"), "funnel_updates:biz_1").await?;
    let entries: Value = serde_json::from_str(&between("events.md", "put-events --entries '", "'\n")?)?;
    let entry = &entries[0];
    let detail = serde_json::from_str(entry["Detail"].as_str().context("a detail")?)?;
    stack.emit(entry["DetailType"].as_str().context("a type")?, detail).await?;
    ensure!(admin.only("funnel.update").await?["data"]["type"] == "deployed");

    let body = between("http-api.md", "token --publish)\" -d '", "'\n")?;
    let request = stack.ask_api(Method::POST, "publish").token(&User::publisher().token()?);
    let answer = request.body(&body).send().await?.done()?;
    let shown: Value = serde_json::from_str(&between("http-api.md", "\"biz_1\"}}]}'\n", "\n")?)?;
    let names = |results: &Value| {
        results["results"][0].as_object().map(|result| result.keys().cloned().collect::<Vec<_>>())
    };
    ensure!(names(&answer) == names(&shown) && answer["results"][0]["key"] == "funnel_1-40", "{answer}");
    ensure!(admin.only("funnel.update").await?["data"]["progress"] == 40);
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_as_the_documents_show_it() -> Result<()> {
    let stack = Stack::shared()?;
    let backend = stack.backend().await?;
    let mut shown: Value = serde_json::from_str(&between("operations.md", "```json\n", "```")?)?;
    let text = |name: &str| shown["item"][name].as_str().with_context(|| format!("{name} in {shown}"));
    let data = serde_json::from_str(text("data")?)?;
    backend.put_into_outbox(text("sk")?, text("channel")?, text("event")?, &data).await?;
    let mut letter = backend.dead_letter(text("sk")?).await?;
    letter["item"]["data"] = serde_json::from_str(letter["item"]["data"].as_str().context("data")?)?;
    letter["at"] = shown["at"].clone();
    shown["item"]["data"] = data;
    ensure!(letter == shown, "{letter} is not {shown}");
    Ok(())
}
