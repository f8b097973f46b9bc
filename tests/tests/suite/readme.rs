//! The README's first session, as it stands there: each line that a reader types, against a running stack.

use anyhow::{Context as _, Result, ensure};
use tests::{Client, Stack, eventually};

/// The blocks of a section of the README that are indented, each the lines of one terminal.
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
                let frame = line.strip_prefix("> ").with_context(|| format!("what is {line}?"))?;
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
