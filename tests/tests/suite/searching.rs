//! Search in a conversation: what is found, how it is marked, and that edits and deletions count at once.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Client, Stack, User, unique};

use crate::scene::pair;

async fn search(client: &mut Client, channel: &str, query: &str) -> Result<Vec<Value>> {
    let found = client.call("search", json!({"channel": channel, "query": query, "limit": 10})).await?;
    found["results"].as_array().cloned().context("results")
}

/// The marked parts of a result's text. Marks count UTF-16 units, as JavaScript's `slice` does.
fn marked(result: &Value) -> Vec<String> {
    let units: Vec<u16> =
        result["event"]["data"]["content"].as_str().unwrap_or_default().encode_utf16().collect();
    let place = |place: &Value| usize::try_from(place.as_u64().unwrap_or_default()).unwrap_or_default();
    let marks = result["marks"].as_array().into_iter().flatten();
    marks.map(|mark| String::from_utf16_lossy(&units[place(&mark["start"])..place(&mark["end"])])).collect()
}

fn seqs(results: &[Value]) -> Vec<u64> {
    results.iter().filter_map(|result| result["event"]["seq"].as_u64()).collect()
}

#[tokio::test]
async fn messages_are_found_by_their_words_and_as_they_are_now() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let channel = pair.channel.clone();
    for content in [
        "👍 We refunded both invoices",
        "Your refund is on its way",
        "La facturación es en euros",
        "Invoice 2041",
    ] {
        pair.ann.say(&channel, content).await?;
    }
    let results = search(&mut pair.bob, &channel, "refund").await?;
    assert_eq!(seqs(&results), [2, 1], "the word itself before another form of it");
    assert_eq!(marked(&results[1]), ["refunded"]);
    assert_eq!(marked(&search(&mut pair.bob, &channel, "facturacion").await?[0]), ["facturación"]);
    assert_eq!(seqs(&search(&mut pair.bob, &channel, "\"both invoices\"").await?), [1]);
    assert_eq!(seqs(&search(&mut pair.bob, &channel, "invo").await?), [4, 1]);

    let change = |event: &str, data: Value| json!({"channel": channel, "event": event, "key": unique("k"), "data": data});
    pair.ann.call("send", change("chat.edit", json!({"target": 4, "content": "Receipt 2041"}))).await?;
    pair.ann.call("send", change("chat.delete", json!({"target": 1}))).await?;
    assert_eq!(search(&mut pair.bob, &channel, "invoice").await?, Vec::<Value>::new());
    let edited = search(&mut pair.bob, &channel, "receipt").await?;
    let page = pair.bob.call("history", json!({"channel": channel, "after": 3, "limit": 1})).await?;
    assert_eq!(edited[0]["event"], page["events"][0], "as the history shows it");

    let reply = json!({"content": "A receipt, thanks", "replyTo": 2});
    pair.bob.call("send", change("chat.message", reply)).await?;
    let found = search(&mut pair.ann, &channel, "thanks").await?;
    assert_eq!(found[0]["event"]["data"]["replyTo"]["excerpt"], "Your refund is on its way");

    let by_http =
        stack.get(&pair.bob_user, &format!("search?channel={channel}&query=2041&limit=10")).await?.done()?;
    assert_eq!(by_http["results"][0]["event"], edited[0]["event"]);
    let stranger = User::customer_of(&pair.company);
    let refused = stack.get(&stranger, &format!("search?channel={channel}&query=2041&limit=10")).await?;
    assert_eq!(refused.refused()?.1, "forbidden");
    Ok(())
}

#[tokio::test]
async fn a_long_search_goes_on_where_it_ended() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let channel = pair.channel.clone();
    for n in 1..=5 {
        pair.ann.say(&channel, &format!("needle {n}")).await?;
        pair.bob.say(&channel, "hay").await?;
    }
    let (mut found, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut fields = json!({"channel": channel, "query": "needle", "limit": 2});
        if !cursor.is_null() {
            fields["cursor"] = cursor;
        }
        let page = pair.bob.call("search", fields).await?;
        found.push(seqs(page["results"].as_array().context("results")?));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(found, [vec![9, 7], vec![5, 3], vec![1]]);
    Ok(())
}

#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    let channel = pair.channel.clone();
    for (fields, field) in [
        (json!({"channel": channel, "query": "?!", "limit": 10}), "query"),
        (json!({"channel": channel, "query": "x".repeat(257), "limit": 10}), "query"),
        (json!({"channel": channel, "query": "x", "limit": 51}), "limit"),
        (json!({"channel": channel, "query": "x", "limit": 10, "cursor": "soon"}), "cursor"),
    ] {
        let refusal = pair.ann.refused("search", fields).await?;
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some(field)));
    }
    Ok(())
}
