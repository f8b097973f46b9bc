//! `history`: the log, page by page, in both directions; and its search by `contains`.

use anyhow::Result;
use serde_json::json;
use tests::{Stack, events, sequence};

use crate::scene::pair;

#[tokio::test]
async fn backwards_from_the_end_and_forwards_from_the_beginning() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for n in 1..=5 {
        pair.ann.say(&pair.channel, &format!("message {n}")).await?;
    }
    for (fields, seqs, more, next) in [
        (json!({"limit": 2}), vec![4, 5], true, json!(4)),
        (json!({"limit": 2, "before": 4}), vec![2, 3], true, json!(2)),
        (json!({"limit": 2, "before": 2}), vec![1], false, json!(null)),
        (json!({"limit": 5}), vec![1, 2, 3, 4, 5], false, json!(null)),
        (json!({"limit": 2, "after": 0}), vec![1, 2], true, json!(2)),
        (json!({"limit": 100, "after": 2}), vec![3, 4, 5], false, json!(null)),
        (json!({"limit": 9, "after": 5}), vec![], false, json!(null)),
        (json!({"limit": 9, "before": 1}), vec![], false, json!(null)),
    ] {
        let mut fields = fields;
        fields["channel"] = json!(pair.channel);
        let page = pair.bob.call("history", fields.clone()).await?;
        assert_eq!(sequence(events(&page, "events")), seqs, "{fields}");
        assert_eq!((&page["more"], &page["next"]), (&json!(more), &next), "{fields}");
    }
    Ok(())
}

#[tokio::test]
async fn a_search_finds_what_was_said_whatever_its_case() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for content in [
        "The Invoice is here",
        "thanks",
        "which INVOICE?",
        "\"quoted\"\nand more",
        "ΟΔΟΣ, Straße",
        "caf\u{e9}",
    ] {
        pair.ann.say(&pair.channel, content).await?;
    }
    for (contains, seqs) in [
        ("invoice", vec![1, 3]),
        ("\"QUOTED\"\n", vec![4]),
        ("οδος", vec![5]),
        ("STRASSE", vec![5]),
        ("CAFE\u{301}", vec![6]),
        ("userId", vec![]),
        ("nothing", vec![]),
    ] {
        let search = json!({"channel": pair.channel, "limit": 10, "contains": contains});
        let page = pair.bob.call("history", search).await?;
        assert_eq!(sequence(events(&page, "events")), seqs, "{contains}");
    }
    let first = json!({"channel": pair.channel, "limit": 1, "contains": "invoice", "after": 0});
    let page = pair.bob.call("history", first).await?;
    assert_eq!((&page["more"], &page["next"]), (&json!(true), &json!(1)));
    Ok(())
}

#[tokio::test]
async fn a_stranger_and_a_muddle_are_refused() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    for (fields, code) in [
        (json!({"limit": 1, "before": 3, "after": 1}), "bad_request"),
        (json!({"limit": 0}), "bad_request"),
        (json!({"limit": 101}), "bad_request"),
        (json!({}), "bad_request"),
        (json!({"limit": 1, "contains": ""}), "bad_request"),
        (json!({"limit": 1, "before": -1}), "bad_request"),
    ] {
        let mut fields = fields;
        fields["channel"] = json!(pair.channel);
        assert_eq!(pair.bob.refused("history", fields.clone()).await?.code, code, "{fields}");
    }
    pair.bob.leave(&pair.channel).await?;
    let outside = json!({"channel": pair.channel, "limit": 1});
    assert_eq!(pair.bob.refused("history", outside).await?.code, "not_joined");
    Ok(())
}

#[tokio::test]
async fn no_message_makes_a_page_that_cannot_be_read() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    // The data and its metadata are the first two of a hundred levels.
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    // `serde_json` uses this key internally. In a client's frame it must not have that meaning.
    let private = r#"{"$serde_json::private::RawValue":"[[1]]"}"#.to_owned();
    for (value, refused) in [(nested(98), None), (nested(99), Some("data")), (private, Some("data"))] {
        let frame = format!(
            r#"{{"action":"send","id":"raw","channel":"{}","event":"chat.message","key":"k",
                "data":{{"content":"hi","metadata":{{"a":{value}}}}}}}"#,
            pair.channel,
        );
        pair.ann.text(&frame).await?;
        let (id, reply) = pair.ann.any_reply().await?;
        assert_eq!(id.as_deref(), Some("raw"));
        assert_eq!(reply.err().and_then(|refusal| refusal.field).as_deref(), refused, "{value}");
    }
    pair.ann.say(&pair.channel, "and on").await?;
    let page = pair.bob.call("history", json!({"channel": pair.channel, "limit": 10})).await?;
    assert_eq!(sequence(events(&page, "events")), [1, 2]);
    Ok(())
}
