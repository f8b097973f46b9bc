//! Files that are too large for one request and are uploaded in parts; and limits that depend on what a file's bytes are.

use std::{collections::BTreeMap, io::Cursor};

use anyhow::{Context as _, Result};
use http::{Method, StatusCode};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use serde_json::{Value, json};
use tests::{Stack, Upload, eventually, fetch, file_draft, sha256};

use crate::scene::{Pair, pair};

const PART_BYTES: usize = 16 << 20;
/// A little more than one request may have.
const FILM_BYTES: usize = (100 << 20) + 1_000;

/// A stack that accepts large films, and only small pictures. `None` where a test cannot have a stack of its own.
fn stack() -> Result<Option<Stack>> {
    Stack::private(&["--parameter", "FileLimits=video=200,image=1,other=25"])
}

/// The beginning of an MP4 film, and bytes in place of the rest.
fn film() -> Vec<u8> {
    let head = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    let body =
        (0..FILM_BYTES - head.len()).map(|place| u8::try_from(place / 4_099 % 251).unwrap_or_default());
    head.iter().copied().chain(body).collect()
}

fn film_draft(channel: &str) -> Value {
    json!({"channel": channel, "name": "film.mp4", "type": "video/mp4", "bytes": FILM_BYTES})
}

#[tokio::test]
async fn a_large_file_comes_in_parts_and_goes_on_after_a_torn_connection() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let Pair { channel, ann_user, bob_user, mut ann, .. } = pair(&stack).await?;
    let bytes = film();
    let parts: Vec<&[u8]> = bytes.chunks(PART_BYTES).collect();
    let mut hashed = film_draft(&channel);
    hashed["sha256"] = sha256(&bytes).into();
    let refusal = stack.create_file(&ann_user, &hashed).await?;
    assert_eq!(
        (refusal.refused()?, &refusal.body["error"]["field"]),
        ((400, "bad_request"), &json!("sha256"))
    );

    let reply = stack.create_file(&ann_user, &film_draft(&channel)).await?.done()?;
    let id = reply["fileId"].as_str().context("an id")?;
    assert_eq!(reply["parts"], json!({"count": parts.len(), "partBytes": PART_BYTES}));
    assert_eq!(reply.get("upload"), None);
    assert_eq!(
        stack.complete_file(&ann_user, id).await?.refused()?,
        (409, "conflict"),
        "nothing is there yet"
    );
    for (first, number_of_parts) in [(0, 1), (8, 1), (7, 2)] {
        let refusal = stack.sign_parts(&ann_user, id, first, &parts[..number_of_parts]).await?;
        assert_eq!(refusal.refused()?, (400, "bad_request"), "{first}, {number_of_parts}");
    }
    assert_eq!(stack.sign_parts(&bob_user, id, 1, &parts[..1]).await?.refused()?, (404, "not_found"));

    let mut uploaded: Vec<Value> = Vec::new();
    for (page, first) in parts.chunks(4).zip([1, 5]) {
        let signed = stack.sign_parts(&ann_user, id, first, page).await?.done()?;
        for (place, part) in page.iter().enumerate() {
            let upload = Upload::of(&reply["fileId"], &signed["parts"][place])?;
            if uploaded.len() == 2 {
                let mut other = part.to_vec();
                other[7] ^= 1;
                for (what, wrong) in [("other bytes", &other[..]), ("fewer bytes", &part[..100])] {
                    assert!(upload.put(wrong).await?.status.is_client_error(), "{what}");
                }
                upload.tear(part).await?;
                let refusal = stack.complete_parts(&ann_user, id, &uploaded).await?;
                assert_eq!(refusal.refused()?, (409, "conflict"), "a part of the file is not the file");
            }
            let put = upload.put(part).await?;
            assert_eq!(put.status, StatusCode::OK, "{}", String::from_utf8_lossy(&put.body));
            uploaded.push(json!({"etag": put.headers["etag"].to_str()?, "sha256": sha256(part)}));
        }
    }
    assert_eq!(stack.complete_parts(&bob_user, id, &uploaded).await?.refused()?, (404, "not_found"));
    let mut swapped = uploaded.clone();
    swapped.swap(0, 1);
    assert_eq!(stack.complete_parts(&ann_user, id, &swapped).await?.refused()?, (409, "conflict"));
    for _ in 0..2 {
        stack.complete_parts(&ann_user, id, &uploaded).await?.done()?;
    }
    assert_eq!(stack.sign_parts(&ann_user, id, 1, &parts[..1]).await?.refused()?, (409, "conflict"));

    let sent =
        json!({"channel": channel, "event": "chat.message", "key": "film", "data": {"attachments": [id]}});
    ann.call("send", sent).await?;
    let file = stack.examined_file(&bob_user, id).await?;
    assert_eq!((&file["state"], &file["bytes"]), (&json!("ready"), &json!(FILM_BYTES)));
    let link = stack.file_link(&bob_user, id, "original").await?.done()?;
    let read = fetch(Method::GET, link["url"].as_str().context("a URL")?, &BTreeMap::default(), "").await?;
    assert_eq!(sha256(&read.body), sha256(&bytes));
    assert_eq!(read.headers["content-type"], "video/mp4");
    Ok(())
}

#[tokio::test]
async fn the_parts_of_a_file_that_is_removed_are_given_up() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let Pair { channel, ann_user, bob_user, .. } = pair(&stack).await?;
    let part = vec![1; PART_BYTES];
    let reply = stack.create_file(&ann_user, &film_draft(&channel)).await?.done()?;
    let id = reply["fileId"].as_str().context("an id")?;
    let signed = stack.sign_parts(&ann_user, id, 1, &[&part]).await?.done()?;
    let upload = Upload::of(&reply["fileId"], &signed["parts"][0])?;
    assert_eq!(upload.put(&part).await?.status, StatusCode::OK);
    assert_eq!(stack.remove_unused_file(&bob_user, id).await?.refused()?, (404, "not_found"));
    assert_eq!(stack.remove_unused_file(&ann_user, id).await?.done()?, json!({"fileId": id}));
    eventually("the upload to be aborted", async || {
        Ok((upload.put(&part).await?.status == StatusCode::NOT_FOUND).then_some(()))
    })
    .await?;
    assert_eq!(stack.sign_parts(&ann_user, id, 1, &[&part]).await?.refused()?, (404, "not_found"));
    assert_eq!(stack.remove_unused_file(&ann_user, id).await?.refused()?, (404, "not_found"));
    Ok(())
}

#[tokio::test]
async fn a_file_is_as_large_as_what_its_bytes_are_may_be() -> Result<()> {
    let Some(stack) = stack()? else { return Ok(()) };
    let Pair { channel, ann_user, .. } = pair(&stack).await?;
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.resize((1 << 20) + 1, 0);
    let refused = stack.create_file(&ann_user, &file_draft(&channel, "image/png", &picture)).await?;
    assert_eq!(refused.refused()?, (413, "too_large"), "as a picture it is refused before it is uploaded");
    let id = stack.put_file(&ann_user, &channel, "text/plain", &picture).await?;
    let file = stack.examined_file(&ann_user, &id).await?;
    assert_eq!((&file["state"], &file["refusal"]), (&json!("refused"), &json!("too_large")));
    Ok(())
}

/// An animated WebP, each of whose pictures fills the canvas and has transparency, which needs the most memory
/// (<https://developers.google.com/speed/webp/docs/riff_container#animation>).
fn film_in_webp(width: u32, height: u32, pictures: usize) -> Result<Vec<u8>> {
    let drawn = RgbaImage::from_fn(width, height, |x, y| {
        let shade = u8::try_from((x / 64 + y / 64) % 251).unwrap_or_default();
        Rgba([shade, 255 - shade, 128, 200])
    });
    let mut encoded = Cursor::new(Vec::new());
    DynamicImage::from(drawn).write_to(&mut encoded, ImageFormat::WebP)?;
    let encoded = encoded.into_inner();
    let at = encoded.windows(4).position(|kind| kind == b"VP8L").context("no lossless picture")?;
    let picture = &encoded[at..];
    let u24 = |number: u32| number.to_le_bytes().into_iter().take(3);
    let size = || u24(width - 1).chain(u24(height - 1));
    let chunk = |kind: &[u8], body: Vec<u8>| -> Result<Vec<u8>> {
        let bytes = u32::try_from(body.len())?.to_le_bytes();
        let padding = body.len() % 2;
        Ok([kind, &bytes, &body, &[0][..padding]].concat())
    };
    let mut film = chunk(b"VP8X", [0b1_0010, 0, 0, 0].into_iter().chain(size()).collect())?;
    film.extend(chunk(b"ANIM", vec![0; 6])?);
    for _ in 0..pictures {
        let header = [0; 6].into_iter().chain(size()).chain(u24(100)).chain([0]);
        film.extend(chunk(b"ANMF", header.chain(picture.iter().copied()).collect())?);
    }
    chunk(b"RIFF", [b"WEBP".to_vec(), film].concat())
}

#[tokio::test]
async fn a_film_in_webp_that_is_as_large_as_can_be_is_decoded_in_bounded_memory() -> Result<()> {
    let Some(stack) = Stack::private(&[])? else { return Ok(()) };
    let Pair { channel, ann_user, .. } = pair(&stack).await?;
    let webp = film_in_webp(4_096, 3_051, 3)?;
    let id = stack.put_file(&ann_user, &channel, "image/webp", &webp).await?;
    let file = stack.examined_file(&ann_user, &id).await?;
    assert_eq!((&file["state"], &file["thumbnail"]), (&json!("ready"), &json!(true)), "{file}");
    let peak = stack.memory_peak("files")? >> 20;
    println!("files took {peak} MB for {} MB of WebP", webp.len() >> 20);
    assert!(peak <= 256, "{peak} MB");
    Ok(())
}
