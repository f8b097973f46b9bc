//! A thousand frames that no honest client would send: each is answered, and none causes an internal error.

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use tests::{Client, Stack, User};

/// The seed of the random frames. It is fixed, so that a failure can be reproduced.
const SEED: u64 = 0x00f0_22e1_ca57;

/// The number of connections, and of the frames that each of them sends one after the other.
const CONNECTIONS: usize = 4;
const FRAMES_EACH: usize = 250;

#[tokio::test]
async fn a_thousand_random_frames_are_all_answered() -> Result<()> {
    let stack = Stack::shared()?;
    let mut clients = Vec::new();
    for index in 0..CONNECTIONS {
        let client = stack.connect(&User::stranger()).await?;
        clients.push(throw(client, StdRng::seed_from_u64(SEED + index as u64)));
    }
    for outcome in futures_util::future::join_all(clients).await {
        outcome?;
    }
    stack.connect(&User::stranger()).await?.silence().await
}

/// Sends the frames of one connection, and waits for the answer to each.
async fn throw(mut client: Client, mut rng: StdRng) -> Result<()> {
    for index in 0..FRAMES_EACH {
        let frame = match index % 3 {
            0 => noise(&mut rng),
            1 => random_value(&mut rng, 3).to_string(),
            _ => mutated(&mut rng),
        };
        client.text(&frame).await?;
        let answer = client.any_reply().await;
        // API Gateway takes few frames without a known action, from all clients.
        if answer.as_ref().is_err_and(|error| error.to_string().contains("Too Many Requests")) {
            continue;
        }
        let (_, outcome) = answer.map_err(|error| error.context(format!("for {frame:?}")))?;
        if let Err(refusal) = outcome {
            ensure!(refusal != *"internal", "{frame:?} caused an internal error: {refusal:?}");
        }
    }
    client.call("ping", json!({})).await.map(drop)
}

/// Random characters of all planes: a text frame must be UTF-8, or the socket itself is closed (1007).
fn noise(rng: &mut StdRng) -> String {
    let length = rng.random_range(1..200);
    (0..length)
        .map(|_| if rng.random_bool(0.7) { char::from(rng.random_range(0..128_u8)) } else { rng.random() })
        .collect()
}

/// Random JSON, with words of the protocol in it.
fn random_value(rng: &mut StdRng, depth: usize) -> Value {
    const WORDS: [&str; 12] = [
        "action", "id", "channel", "join", "send", "ping", "status", "leave", "since", "system", "data",
        "event",
    ];
    match rng.random_range(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(rng.random_bool(0.5)),
        2 => json!(rng.random::<i64>()),
        3 => json!(rng.random::<f64>()),
        4 => json!(WORDS[rng.random_range(0..WORDS.len())]),
        5 => (0..rng.random_range(0..4)).map(|_| random_value(rng, depth - 1)).collect(),
        _ => {
            let mut fields = Map::new();
            for _ in 0..rng.random_range(0..5) {
                let key = WORDS[rng.random_range(0..WORDS.len())].to_owned();
                fields.insert(key, random_value(rng, depth - 1));
            }
            Value::Object(fields)
        }
    }
}

/// A valid frame with one field changed, or one character.
fn mutated(rng: &mut StdRng) -> String {
    let frames = [
        json!({"action": "join", "id": "1", "channel": "system", "since": 0}),
        json!({"action": "leave", "id": "1", "channel": "conversation:c1"}),
        json!({"action": "send", "id": "1", "channel": "conversation:c1", "event": "chat.message", "key": "k",
            "base": 0, "data": {"content": "hi", "metadata": {}}}),
        json!({"action": "status", "id": "1"}),
        json!({"action": "ping", "id": "1"}),
    ];
    let mut frame = frames[rng.random_range(0..frames.len())].clone();
    if rng.random_bool(0.5) {
        let keys: Vec<String> =
            frame.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
        let key = &keys[rng.random_range(0..keys.len())];
        frame[key] = random_value(rng, 2);
        return frame.to_string();
    }
    let mut text: Vec<char> = frame.to_string().chars().collect();
    let place = rng.random_range(0..text.len());
    match rng.random_range(0..3) {
        0 => drop(text.remove(place)),
        1 => text.insert(place, rng.random()),
        _ => text.truncate(place.max(1)),
    }
    text.into_iter().collect()
}
