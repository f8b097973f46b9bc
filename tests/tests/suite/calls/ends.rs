//! How a call ends: somebody hangs up or declines, nobody answers in time, or the users in it vanish; also while the server
//! fails.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests::{Client, Stack, User, eventually};
use tokio::time::{sleep, timeout};

use super::{Call, listed, update};
use crate::scene::{Pair, joined, pair};

#[tokio::test]
async fn who_declines_ends_it_for_two_and_not_for_three() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, bob_user, mut ann, mut bob, .. } = pair(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    let mut team = joined(stack, &User::admin_of(&company), &channel).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    let still = call.change(&mut team, "decline", "t1").await?;
    assert_eq!(still["state"], "ringing", "bob has not declined yet");
    let mut busy = call.fields("decline", "b1");
    busy["reason"] = json!("busy");
    let declined = bob.call("call", busy).await?;
    assert_eq!((&declined["state"], &declined["outcome"]), (&json!("ended"), &json!("declined")));
    let told = update(&mut ann, "ended").await?;
    assert_eq!(told["participants"][2]["reason"], "busy");
    assert_eq!(update(&mut phone, "ended").await?, told, "the other devices stop ringing");
    assert_eq!(call.change(&mut phone, "decline", "b2").await?, told, "the call is over already");
    let record = call.record(&mut ann).await?;
    assert_eq!((&record["state"], &record["durationMs"]), (&json!("declined"), &json!(0)));
    Ok(())
}

#[tokio::test]
async fn who_hangs_up_while_it_rings_has_canceled_it() -> Result<()> {
    let Pair { channel, mut ann, mut bob, .. } = pair(Stack::shared()?).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    assert_eq!(call.change(&mut bob, "leave", "b1").await?["state"], "ringing", "bob is not in the call");
    assert_eq!(call.change(&mut ann, "leave", "a1").await?["outcome"], "canceled");
    assert_eq!(update(&mut bob, "ended").await?["outcome"], "canceled");
    assert_eq!(call.record(&mut bob).await?["state"], "canceled");

    let failing = Call::new(&channel);
    failing.change(&mut ann, "start", "a2").await?;
    failing.change(&mut bob, "accept", "b2").await?;
    let mut fields = failing.fields("leave", "b2");
    fields["reason"] = json!("failed");
    assert_eq!(bob.call("call", fields).await?["outcome"], "failed");
    assert_eq!(failing.record(&mut ann).await?["state"], "failed");
    Ok(())
}

/// A stack on which calls ring for this many seconds, and are checked at the same interval.
fn hasty(seconds: u32) -> Result<Option<Stack>> {
    let parameters = [format!("RingSeconds={seconds}"), format!("CallCheckSeconds={seconds}")];
    let options: Vec<&str> = parameters.iter().flat_map(|parameter| ["--parameter", parameter]).collect();
    Stack::private(&options)
}

#[tokio::test]
async fn what_nobody_answers_was_missed() -> Result<()> {
    let Some(stack) = hasty(5)? else { return Ok(()) };
    let Pair { channel, bob_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let call = Call::new(&channel);
    let started = call.change(&mut ann, "start", "a1").await?;
    let mut late = stack.connect(&bob_user).await?;
    let found = late.join(&channel).await?;
    assert_eq!(found["latest"][0]["data"], started, "a device that joins while the call rings is told of it");
    for device in [&mut ann, &mut bob, &mut late] {
        let missed = update(device, "ended").await?;
        assert_eq!((&missed["outcome"], &missed["endedAt"]), (&json!("missed"), &started["ringsUntil"]));
        assert_eq!(device.event("chat.call").await?["data"]["state"], "missed");
    }
    assert_eq!(call.refused(&mut bob, "accept", "b1").await?.code, "conflict");
    assert_eq!(call.records(&mut ann).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_socket_that_is_replaced_stays_in_the_call_and_who_vanishes_leaves_it() -> Result<()> {
    let Some(stack) = hasty(5)? else { return Ok(()) };
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(&stack).await?;
    let mut team = joined(&stack, &User::admin_of(&company), &channel).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    call.change(&mut bob, "accept", "b1").await?;

    // Ann's socket is cut; the device comes back on another one.
    ann.cut();
    let mut ann = joined(&stack, &ann_user, &channel).await?;
    let same = call.change(&mut ann, "accept", "a1").await?;
    assert_eq!(same["state"], "active");
    // Bob's page is reloaded and has forgotten its peer id. The old device is gone, so the new one may take its place.
    bob.close().await?;
    let mut bob = joined(&stack, &bob_user, &channel).await?;
    let replaced = eventually("the new device to take the place of the old one", async || {
        let id = bob.request("call", call.fields("accept", "b2")).await?;
        Ok(bob.reply(&id).await?.ok())
    });
    assert_eq!(replaced.await?["participants"][1]["peerId"], "b2");
    let patient = timeout(Duration::from_secs(11), update(&mut team, "ended")).await;
    assert!(patient.is_err(), "both were there at two checks, yet the call ended: {patient:?}");

    ann.close().await?;
    bob.close().await?;
    let ended = update(&mut team, "ended").await?;
    assert_eq!(ended["outcome"], "ended");
    let record = call.record(&mut team).await?;
    let lasted = record["durationMs"].as_u64().unwrap_or_default();
    assert!((8_000..40_000).contains(&lasted), "{record}");
    Ok(())
}

/// Repeats a request until it is done or refused. A request whose process is killed gets no answer of ours.
async fn insist(client: &mut Client, call: &Call, change: &str, peer: &str) -> Result<()> {
    for _ in 0..100 {
        client.request("call", call.fields(change, peer)).await?;
        match client.any_reply().await {
            Ok((_, Err(refusal))) if refusal.code == "internal" => {}
            // The rate limit may count a request twice: where the answer to a write is lost, the write is repeated.
            Ok((_, Err(refusal))) if refusal.code == "rate_limited" => {
                sleep(Duration::from_millis(refusal.retry_after_ms.unwrap_or_default())).await;
            }
            Ok(_) => return Ok(()),
            Err(_) => {}
        }
    }
    anyhow::bail!("{change} was never answered")
}

/// Whatever fails underneath, each call is in the log exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_logged_once_whatever_fails() -> Result<()> {
    let Some(stack) = hasty(3)? else { return Ok(()) };
    for rates in [
        json!({"dynamodb_after": 0.3, "transaction_conflict": 0.3, "dynamodb_before": 0.1}),
        json!({"killed": 0.2, "duplicated": 0.5}),
    ] {
        let mut pair = pair(&stack).await?;
        stack.set_faults(&rates).await?;
        let mut calls = Vec::new();
        for n in 0..3 {
            let call = Call::new(&pair.channel);
            insist(&mut pair.ann, &call, "start", &format!("a{n}")).await?;
            insist(&mut pair.bob, &call, "accept", &format!("b{n}")).await?;
            insist(&mut pair.ann, &call, "leave", &format!("a{n}")).await?;
            insist(&mut pair.bob, &call, "leave", &format!("b{n}")).await?;
            calls.push(call);
        }
        stack.set_faults(&json!({})).await?;
        for call in &calls {
            let once = eventually("each call in the log", async || {
                let page = json!({"channel": pair.channel, "limit": 100});
                let id = pair.ann.request("history", page).await?;
                let Ok(Ok(page)) = pair.ann.reply(&id).await else { return Ok(None) };
                let events = page["events"].as_array().cloned().unwrap_or_default();
                let of_it = events.iter().filter(|event| event["data"]["callId"] == json!(call.id));
                Ok(Some(of_it.count()).filter(|count| *count > 0))
            });
            assert_eq!(once.await?, 1, "{}", call.id);
        }
    }
    Ok(())
}

/// Posts that the gateway throttles are owed by the fan-out queue, so the call rings all the same.
#[tokio::test]
async fn it_rings_though_no_post_of_that_time_was_taken() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let Pair { channel, mut ann, mut bob, .. } = pair(&stack).await?;
    stack.set_faults(&json!({"throttled": 1})).await?;
    Call::new(&channel).change(&mut ann, "start", "a1").await?;
    stack.set_faults(&json!({})).await?;
    update(&mut bob, "ringing").await?;
    Ok(())
}

#[tokio::test]
async fn who_calls_again_and_again_is_refused() -> Result<()> {
    let Pair { channel, mut ann, mut bob, .. } = pair(Stack::shared()?).await?;
    let mut started = 0;
    let refusal = loop {
        let call = Call::new(&channel);
        let id = ann.request("call", call.fields("start", "a1")).await?;
        match ann.reply(&id).await? {
            Ok(_) => started += 1,
            Err(refusal) => break refusal,
        }
        call.change(&mut ann, "leave", "a1").await?;
        assert!(started < 50, "{started} calls were started and none was refused");
    };
    assert_eq!(refusal.code, "rate_limited");
    assert!(started >= 5, "{started}");
    assert!(refusal.retry_after_ms.is_some());
    Call::new(&channel).change(&mut bob, "start", "b1").await?;
    Ok(())
}

#[tokio::test]
async fn the_last_call_is_told_to_who_joins_after_it() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, bob_user, mut ann, .. } = pair(stack).await?;
    let call = Call::new(&channel);
    call.change(&mut ann, "start", "a1").await?;
    let left = call.change(&mut ann, "leave", "a1").await?;
    assert_eq!(listed(&left).len(), 1);
    let mut late = stack.connect(&bob_user).await?;
    assert_eq!(late.join(&channel).await?["latest"][0]["data"], left);
    Ok(())
}
