//! What the routes cost, as the table's engine counts it. The figures are those of docs/openapi.yaml and docs/http-api.md.

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::{Cost, Stack, User};

use crate::scene::pair;

#[tokio::test]
async fn requests_stay_within_their_budgets() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let mut pair = pair(&stack).await?;
    let ann = &pair.ann_user;
    let status = pair.ann.call("status", json!({})).await?;
    let connection = status["connectionId"].as_str().context("a connection id")?.to_owned();
    let first = pair.bob.say(&pair.channel, "hello").await?["seq"].clone();
    let of_http = async || Ok::<_, anyhow::Error>(stack.usage().await?.of("http-api"));

    stack.get(ann, "status").await?.done()?; // reads what the user has spent, which a process does once a minute
    stack.forget_usage().await?;
    stack.post(ann, "connect", &json!({})).await?.done()?;
    assert_costs("connect", of_http().await?, 0, 1);

    for path in ["status", "channels"] {
        stack.forget_usage().await?;
        stack.get(ann, path).await?.done()?;
        assert_costs(path, of_http().await?, 1, 0);
    }

    stack.forget_usage().await?;
    let message = json!({"channel": pair.channel, "event": "chat.message", "key": "k", "base": first,
        "data": {"content": "how are you?"}});
    stack.post(ann, "messages", &message).await?.done()?;
    let cost = of_http().await?;
    assert_costs("send", cost, 6, 1);
    assert_eq!(cost.posts, 2);

    stack.forget_usage().await?;
    stack.get(ann, &format!("messages?channel={}&after=1&limit=50", pair.channel)).await?.done()?;
    assert_costs("history", of_http().await?, 6, 0);

    stack.forget_usage().await?;
    let read = json!({"channel": pair.channel, "seq": first, "state": "read"});
    stack.post(ann, "receipts", &read).await?.done()?;
    let cost = of_http().await?;
    assert_costs("ack", cost, 7, 2); // a user's first one in a conversation also adds their place to the index
    assert_eq!(cost.posts, 2, "no connection has acked, so both get the receipt");

    stack.forget_usage().await?;
    let path = format!("disconnect?connectionId={}", connection.replace('=', "%3D"));
    stack.delete(ann, &path).await?.done()?;
    assert_costs("disconnect", of_http().await?, 1, 1);
    assert!(stack.get(&User::stranger(), "status").await?.done().is_ok());
    Ok(())
}

/// Checks that an operation has used at most these read and write units.
fn assert_costs(operation: &str, cost: Cost, read_units: u32, write_units: u32) {
    let within = cost.read_units <= f64::from(read_units) && cost.write_units <= f64::from(write_units);
    assert!(within, "{operation}: {cost:?}, not {read_units} and {write_units}");
}
