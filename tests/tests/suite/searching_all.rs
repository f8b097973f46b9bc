//! Search over several conversations: those of a user, by reading them, and those of a company, by the index that `digest` keeps
//! where the parameter `Search` is `on`.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{Client, Stack, User, eventually, unique};

use crate::scene::{Pair, joined, pair};

/// Where a message is: its channel and seq.
type Place = (String, u64);

fn places(page: &Value) -> Result<Vec<Place>> {
    let results = page["results"].as_array().context("results")?.iter();
    let place = |event: &Value| Some((event["channel"].as_str()?.to_owned(), event["seq"].as_u64()?));
    results.map(|result| place(&result["event"]).context("a place")).collect()
}

async fn found(client: &mut Client, fields: &Value, query: &str) -> Result<Vec<Place>> {
    let mut fields = fields.clone();
    (fields["query"], fields["limit"]) = (query.into(), 10.into());
    places(&client.call("search", fields).await?)
}

/// Waits until a search finds exactly this: the index follows the messages within seconds.
async fn finds(client: &mut Client, fields: &Value, query: &str, expected: &[Place]) -> Result<()> {
    eventually(&format!("{query:?} finds {expected:?}"), async || {
        Ok((found(client, fields, query).await? == expected).then_some(()))
    })
    .await
}

/// All pages of a search.
async fn pages(client: &mut Client, fields: &Value, query: &str) -> Result<Vec<Vec<Place>>> {
    let (mut pages, mut fields) = (Vec::new(), fields.clone());
    (fields["query"], fields["limit"]) = (query.into(), 2.into());
    loop {
        let page = client.call("search", fields.clone()).await?;
        pages.push(places(&page)?);
        if page["next"].is_null() {
            return Ok(pages);
        }
        fields["cursor"] = page["next"].clone();
    }
}

fn change(channel: &str, event: &str, data: &Value) -> Value {
    json!({"channel": channel, "event": event, "key": unique("k"), "data": data})
}

/// A stack with an index.
fn indexed() -> Result<Option<Stack>> {
    Stack::private(&["--parameter", "Search=on"])
}

#[tokio::test]
async fn the_team_searches_all_conversations_of_its_company() -> Result<()> {
    let Some(stack) = indexed()? else { return Ok(()) };
    let Pair { company, channel, ann_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let other = stack.conversation(&company, &[&ann_user]).await?;
    let foreign = pair(&stack).await?;
    let (mut stranger, elsewhere) = (foreign.ann, foreign.channel);
    ann.join(&other).await?;
    let admin = User::admin_of(&company);
    let mut team = joined(&stack, &admin, &format!("inbox:{company}")).await?;
    let all = json!({"companyId": company});
    let [first, second] = [(channel.clone(), 1), (other.clone(), 1)];

    ann.say(&channel, "We refunded both invoices").await?;
    ann.say(&other, "Your refund is on its way").await?;
    stranger.say(&elsewhere, "A refund of another company").await?;
    finds(&mut team, &all, "refund", &[second.clone(), first.clone()]).await?;
    assert_eq!(found(&mut team, &all, "invo").await?, vec![first.clone()], "the beginning of a word");
    assert_eq!(found(&mut team, &all, "\"both invoices\"").await?, vec![first.clone()]);
    assert_eq!(found(&mut team, &all, "\"invoices both\"").await?, []);
    assert_eq!(found(&mut team, &all, "refunds way").await?, vec![second.clone()], "all words must be there");

    let path = format!("search?companyId={company}&query=refund&limit=10");
    let by_http = stack.get(&admin, &path).await?.done()?;
    let fields = json!({"companyId": company, "query": "refund", "limit": 10});
    assert_eq!(by_http, team.call("search", fields.clone()).await?);
    assert_eq!(by_http["results"][1]["marks"], json!([{"start": 3, "end": 11}]));

    ann.call("send", change(&channel, "chat.edit", &json!({"target": 1, "content": "Both receipts"})))
        .await?;
    assert_eq!(found(&mut team, &all, "invoices").await?, [], "takes effect at once");
    finds(&mut team, &all, "receipt", &[first]).await?;
    ann.call("send", change(&other, "chat.delete", &json!({"target": 1}))).await?;
    assert_eq!(found(&mut team, &all, "refund").await?, [], "takes effect at once");

    for n in 0..5 {
        let (sender, channel) = if n % 2 == 0 { (&mut bob, &channel) } else { (&mut ann, &other) };
        sender.say(channel, &format!("needle {n}")).await?;
    }
    eventually("the last needle", async || {
        let path = format!("search?companyId={company}&query=needle&limit=10");
        let page = stack.get(&admin, &path).await?.done()?;
        Ok((places(&page)?.len() == 5).then_some(()))
    })
    .await?;
    let pages = pages(&mut team, &all, "needle").await?;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let expected: Vec<Place> = [(&channel, 5), (&other, 4), (&channel, 4), (&other, 3), (&channel, 3)]
        .map(|(channel, seq)| (channel.clone(), seq))
        .into();
    assert_eq!(sorted(pages.concat()), sorted(expected));

    // Nobody else may search them, neither on a socket nor by HTTP.
    assert_eq!(stranger.refused("search", fields.clone()).await?, *"not_joined");
    assert_eq!(ann.refused("search", fields).await?, *"not_joined");
    for user in [&ann_user, &User::admin_of(&unique("biz"))] {
        assert_eq!(stack.get(user, &path).await?.refused()?.1, "forbidden");
    }
    Ok(())
}

fn sorted(mut places: Vec<Place>) -> Vec<Place> {
    places.sort();
    places
}

#[tokio::test]
async fn users_search_all_conversations_that_they_take_part_in() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(stack).await?;
    let other = stack.conversation(&company, &[&ann_user]).await?;
    ann.join(&other).await?;
    for n in 1..=3 {
        bob.say(&channel, &format!("needle {n}")).await?;
    }
    ann.say(&other, "Two needles, at last").await?;
    let own = json!({});
    let first = |seq| (channel.clone(), seq);
    // A conversation is in the inbox once `digest` has seen its first message.
    finds(&mut ann, &own, "needl", &[(other.clone(), 1), first(3), first(2), first(1)]).await?;
    assert_eq!(found(&mut bob, &own, "needle").await?, [first(3), first(2), first(1)]);
    assert_eq!(
        pages(&mut ann, &own, "needles").await?,
        [vec![(other.clone(), 1), first(3)], vec![first(2), first(1)]],
    );
    let path = "search?query=needle&limit=10";
    assert_eq!(places(&stack.get(&bob_user, path).await?.done()?)?.len(), 3);
    let stranger = User::customer_of(&company);
    assert_eq!(places(&stack.get(&stranger, path).await?.done()?)?, []);

    bob.call("send", change(&channel, "chat.edit", &json!({"target": 2, "content": "hay"}))).await?;
    bob.call("send", change(&channel, "chat.delete", &json!({"target": 3}))).await?;
    assert_eq!(found(&mut ann, &own, "\"needle 1\"").await?, [first(1)]);
    assert_eq!(found(&mut bob, &own, "needle").await?, [first(1)], "as they are now");
    let id = channel.trim_start_matches("conversation:");
    let ban = json!({"userId": bob_user.id, "conversationId": id, "restriction": "ban"});
    stack.post(&User::admin_of(&company), "moderation", &ban).await?.done()?;
    assert_eq!(places(&stack.get(&bob_user, path).await?.done()?)?, [], "a user who is banned");
    Ok(())
}

#[tokio::test]
async fn without_an_index_a_company_is_not_searched() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let Pair { company, channel, mut ann, .. } = pair(&stack).await?;
    let mut team = joined(&stack, &User::admin_of(&company), &format!("inbox:{company}")).await?;
    ann.say(&channel, "a needle").await?;
    team.event("inbox.update").await?;
    let fields = json!({"companyId": company, "query": "needle", "limit": 10});
    let refusal = team.refused("search", fields).await?;
    assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some("companyId")));
    assert!(refusal.message.contains("`Search`"), "{}", refusal.message);
    assert_eq!(stack.usage().await?.calls("BatchWriteItem"), 0, "nothing is indexed");
    Ok(())
}

#[tokio::test]
async fn a_search_of_several_conversations_that_makes_no_sense_is_refused() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    for (fields, field) in [
        (json!({"query": "?!", "limit": 10}), "query"),
        (json!({"query": "x", "limit": 10, "cursor": "42"}), "cursor"),
        (json!({"query": "x", "limit": 10, "cursor": "1.c"}), "cursor"),
        (json!({"channel": pair.channel, "query": "x", "limit": 10, "cursor": "1.c.2"}), "cursor"),
        (json!({"channel": pair.channel, "companyId": "biz_1", "query": "x", "limit": 10}), "companyId"),
    ] {
        let refusal = pair.ann.refused("search", fields).await?;
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("bad_request", Some(field)));
    }
    Ok(())
}
