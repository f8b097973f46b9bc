//! `presence`: the roster of a channel.

use anyhow::Result;
use serde_json::json;
use tests::Stack;

use crate::scene::{joined, pair};

#[tokio::test]
async fn a_user_is_here_once_however_many_devices_they_have() -> Result<()> {
    let stack = Stack::shared()?;
    let mut pair = pair(stack).await?;
    let mut phone = joined(stack, &pair.bob_user, &pair.channel).await?;
    let here = json!({"channel": pair.channel});
    let roster = pair.ann.call("presence", here.clone()).await?;
    assert_eq!(roster["count"], 2, "{roster}");
    let mut users: Vec<_> =
        roster["users"].as_array().into_iter().flatten().map(|u| u["userId"].clone()).collect();
    users.sort_by_key(ToString::to_string);
    let mut expected = [json!(pair.ann_user.id), json!(pair.bob_user.id)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(users, expected);

    phone.leave(&pair.channel).await?;
    assert_eq!(pair.ann.call("presence", here.clone()).await?["count"], 2, "the other device is still here");
    pair.bob.leave(&pair.channel).await?;
    assert_eq!(pair.ann.call("presence", here.clone()).await?["count"], 1);
    assert_eq!(pair.bob.refused("presence", here).await?.code, "not_joined");
    Ok(())
}

#[tokio::test]
async fn updates_and_notices_tell_nobody_who_listens() -> Result<()> {
    let mut pair = pair(Stack::shared()?).await?;
    pair.ann.join("system").await?;
    assert_eq!(pair.ann.refused("presence", json!({"channel": "system"})).await?.code, "forbidden");
    Ok(())
}
