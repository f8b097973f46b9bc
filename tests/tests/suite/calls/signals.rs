//! Signals to one user or one connection: nobody else receives them.

use anyhow::Result;
use serde_json::{Value, json};
use tests::{Client, Stack, User};

use crate::scene::{Pair, joined, pair};

async fn signal(client: &mut Client, channel: &str, to: Value, n: u32) -> Result<Value> {
    let data = json!({"name": "call", "payload": {"n": n}, "to": to});
    client.send(channel, "signal", data).await
}

#[tokio::test]
async fn a_signal_reaches_whom_it_is_for_and_nobody_else() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, mut bob } = pair(stack).await?;
    let mut phone = joined(stack, &bob_user, &channel).await?;
    let mut own = joined(stack, &ann_user, &channel).await?;
    let mut team = joined(stack, &User::admin_of(&company), &channel).await?;
    let mut elsewhere = stack.connect(&bob_user).await?;
    let (laptop, outside) = (bob.connection_id().await?, elsewhere.connection_id().await?);

    assert_eq!(signal(&mut ann, &channel, json!({"userId": bob_user.id}), 1).await?["recipients"], 2);
    for device in [&mut bob, &mut phone] {
        let data = device.only("signal").await?["data"].clone();
        assert_eq!((&data["payload"]["n"], &data["userId"]), (&json!(1), &json!(ann_user.id)));
        assert!(data["to"].is_null(), "{data}");
    }
    assert_eq!(signal(&mut ann, &channel, json!({"connectionId": laptop}), 2).await?["recipients"], 1);
    assert_eq!(bob.only("signal").await?["data"]["payload"]["n"], 2);
    let both = json!({"userId": bob_user.id, "connectionId": laptop});
    assert_eq!(signal(&mut ann, &channel, both, 3).await?["recipients"], 1);
    assert_eq!(bob.only("signal").await?["data"]["payload"]["n"], 3);

    let (anns, stranger) = (ann.connection_id().await?, User::stranger().id);
    for nobody in [
        json!({"connectionId": outside}),
        json!({"connectionId": anns}),
        json!({"userId": stranger}),
        json!({"userId": ann_user.id, "connectionId": laptop}),
    ] {
        assert_eq!(signal(&mut ann, &channel, nobody.clone(), 4).await?["recipients"], 0, "{nobody}");
    }
    assert_eq!(signal(&mut ann, &channel, json!({"userId": ann_user.id}), 5).await?["recipients"], 1);
    assert_eq!(own.only("signal").await?["data"]["payload"]["n"], 5, "their own other device");
    for silent in [&mut ann, &mut bob, &mut phone, &mut own, &mut team, &mut elsewhere] {
        silent.silence().await?;
    }
    for wrong in [json!({}), json!({"user": "x"}), json!("bob"), json!({"userId": "a b"})] {
        let fields = json!({"channel": channel, "event": "signal", "data": {"name": "call", "to": wrong}});
        assert_eq!(ann.refused("send", fields).await?.code, "bad_request", "{wrong}");
    }
    Ok(())
}

/// At the beginning of a call of four, each device sends each of the others an offer or an answer and some batches of
/// candidates. The rate limits must let them pass.
#[tokio::test]
async fn the_beginning_of_a_call_fits_into_the_rates() -> Result<()> {
    const OTHERS: u32 = 3;
    const SIGNALS: u32 = 10;
    let Pair { channel, bob_user, mut ann, mut bob, .. } = pair(Stack::shared()?).await?;
    for n in 0..OTHERS * SIGNALS {
        let sdp = "x".repeat(6_000);
        let data = json!({"name": "call", "payload": {"n": n, "sdp": sdp}, "to": {"userId": bob_user.id}});
        ann.send(&channel, "signal", data).await?;
    }
    for n in 0..OTHERS * SIGNALS {
        assert_eq!(bob.only("signal").await?["data"]["payload"]["n"], n);
    }
    Ok(())
}
