//! Files in conversations: they are uploaded, examined, read by those who may, and removed with their messages.

use std::{collections::BTreeMap, io::Cursor, time::Duration};

use anyhow::{Context as _, Result};
use http::{Method, StatusCode};
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use tests::{Client, Fetched, Stack, Upload, User, eventually, fetch, file_draft, unique};

use crate::scene::{Pair, pair};

/// A picture of this size, red at the left and blue at the right.
fn picture(format: ImageFormat, width: u32, height: u32) -> Result<Vec<u8>> {
    let drawn =
        RgbImage::from_fn(
            width,
            height,
            |x, _| {
                if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) }
            },
        );
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(drawn).write_to(&mut bytes, format)?;
    Ok(bytes.into_inner())
}

/// Reads a URL as a browser does: without a token.
async fn read(url: &Value) -> Result<Fetched> {
    fetch(Method::GET, url.as_str().context("a URL")?, &BTreeMap::new(), "").await
}

/// Sends a durable event, under a key of its own.
async fn say(client: &mut Client, channel: &str, event: &str, data: Value) -> Result<Value> {
    let fields = json!({"channel": channel, "event": event, "key": unique("key"), "data": data});
    client.call("send", fields).await
}

#[tokio::test]
async fn a_picture_is_sent_examined_and_seen() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(stack).await?;
    let bytes = picture(ImageFormat::Png, 1_000, 500)?;
    let id = stack.put_file(&ann_user, &channel, "image/png", &bytes).await?;
    let fields =
        json!({"channel": channel, "event": "chat.message", "key": "a", "data": {"attachments": [id]}});
    let sent = ann.call("send", fields.clone()).await?;
    let heard = bob.event("chat.message").await?;
    let attachment = &heard["data"]["attachments"][0];
    assert_eq!((&attachment["id"], &attachment["bytes"]), (&json!(id), &json!(bytes.len())));

    // Where the file was not ready when it was sent, an event says so when it is.
    let file = stack.examined_file(&bob_user, &id).await?;
    if attachment["state"] == "checking" {
        let ready = bob.event("file.ready").await?;
        assert_eq!((&ready["data"]["target"], &ready["data"]["file"]), (&sent["seq"], &file));
    }
    assert_eq!(
        file,
        json!({"id": id, "name": "Été & co.png", "type": "image/png", "bytes": bytes.len(), "state": "ready",
               "width": 1_000, "height": 500, "thumbnail": true})
    );
    let page = stack.get(&bob_user, &format!("messages?channel={channel}&limit=9")).await?.done()?;
    assert_eq!(page["events"][0]["data"]["attachments"], json!([file]), "history has the new state");

    let link = stack.file_link(&bob_user, &id, "thumbnail").await?.done()?;
    let thumbnail = read(&link["url"]).await?;
    assert_eq!(thumbnail.headers["content-type"], "image/jpeg");
    assert_eq!(thumbnail.headers["content-disposition"], "inline");
    assert_eq!(image::load_from_memory(&thumbnail.body)?.dimensions(), (640, 320));

    let redirect =
        stack.ask_api(Method::GET, &format!("files/{id}")).token(&bob_user.token()?).send().await?;
    assert_eq!((redirect.status, redirect.header("x-content-type-options")), (StatusCode::FOUND, "nosniff"));
    let original = read(&json!(redirect.header("location"))).await?;
    assert_eq!(original.headers["content-type"], "image/png");
    let disposition = "attachment; filename*=UTF-8''%C3%89t%C3%A9%20%26%20co.png";
    assert_eq!(original.headers["content-disposition"], disposition);
    assert_eq!(image::load_from_memory(&original.body)?.dimensions(), (1_000, 500));

    let again = ann.call("send", fields).await?;
    assert_eq!((&again["seq"], &again["duplicate"]), (&sent["seq"], &json!(true)));
    Ok(())
}

/// A name for the file, the media type that it is uploaded with, its bytes, and the type or the refusal that it must get.
type Hostile = (&'static str, &'static str, Vec<u8>, &'static str);

fn hostile() -> Result<Vec<Hostile>> {
    let png = picture(ImageFormat::Png, 300, 200)?;
    let jpeg = picture(ImageFormat::Jpeg, 300, 200)?;
    let html = b"<!DOCTYPE html><html><script>alert(1)</script></html>".to_vec();
    let polyglot = [&png[..], b"PK\x03\x04", &html[..]].concat();
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]); // 10,000 x 10,000
    bomb[29..33].copy_from_slice(&[0x35, 0x2c, 0xf5, 0x70]);
    Ok(vec![
        ("a PNG that is HTML", "image/png", html.clone(), "wrong_type"),
        (
            "a picture that is a script in SVG",
            "image/svg+xml",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(),
            "wrong_type",
        ),
        ("a voice message that is HTML", "audio/webm", html.clone(), "wrong_type"),
        ("a JPEG without its end", "image/jpeg", jpeg[..jpeg.len() / 2].to_vec(), "damaged"),
        ("a PNG without its end", "image/png", png[..png.len() - 30].to_vec(), "damaged"),
        ("a bomb of 100 megapixels", "image/png", bomb, "too_many_pixels"),
        ("a JPEG that says it is a PNG", "image/png", jpeg, "image/jpeg"),
        ("a picture with an archive behind it", "image/png", polyglot, "image/png"),
        ("a GIF", "image/gif", picture(ImageFormat::Gif, 20, 10)?, "image/gif"),
        ("a WebP", "image/webp", picture(ImageFormat::WebP, 20, 10)?, "image/webp"),
        ("a page", "text/html", html, "text/html"),
        ("a picture that says it is a text", "text/plain", png, "image/png"),
        ("one byte", "application/pdf", b"%".to_vec(), "application/pdf"),
    ])
}

#[tokio::test]
async fn a_file_is_what_its_bytes_are() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, ann_user, .. } = pair(stack).await?;
    let mut sent = Vec::new();
    for (what, media_type, bytes, becomes) in hostile()? {
        sent.push((what, stack.put_file(&ann_user, &channel, media_type, &bytes).await?, becomes));
    }
    for (what, id, becomes) in sent {
        let file = stack.examined_file(&ann_user, &id).await?;
        let found = if file["state"] == "ready" { &file["type"] } else { &file["refusal"] };
        assert_eq!(found, becomes, "{what}: {file}");
        let link = stack.file_link(&ann_user, &id, "original").await?.done()?;
        if file["state"] == "refused" {
            assert_eq!(link.get("url"), None, "{what}");
            continue;
        }
        let read = read(&link["url"]).await?;
        let text = String::from_utf8_lossy(&read.body);
        let served = read.headers["content-type"].to_str()?;
        assert!(
            !text.contains("script") || served == "application/octet-stream",
            "{what} is served as {served}"
        );
    }
    if stack.log().is_some() {
        let peak = stack.memory_peak("files")?;
        assert!(peak < 256 << 20, "files took {peak} bytes");
    }
    Ok(())
}

#[tokio::test]
async fn a_url_allows_one_upload_and_nothing_else() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, ann_user, bob_user, mut ann, .. } = pair(stack).await?;
    let bytes = picture(ImageFormat::Png, 30, 20)?;
    let upload = stack.upload(&ann_user, &file_draft(&channel, "image/png", &bytes)).await?;
    let refusal = stack.complete_file(&ann_user, &upload.id).await?;
    assert_eq!(refusal.refused()?, (409, "conflict"), "nothing is there yet");

    let mut other = bytes.clone();
    other[20] ^= 1;
    let typed = |media_type: &str| {
        let mut headers = upload.headers.clone();
        headers.insert("content-type".to_owned(), media_type.to_owned());
        Upload { id: upload.id.clone(), url: upload.url.clone(), headers }
    };
    let mut unconditional = typed("image/png");
    assert_eq!(unconditional.headers.remove("if-none-match").as_deref(), Some("*"));
    let elsewhere = upload.url.replacen("/upload/", "/file/", 1);
    for (what, attempt, bytes) in [
        ("other bytes", typed("image/png"), &other[..]),
        ("fewer bytes", typed("image/png"), &bytes[..bytes.len() - 1]),
        ("another type", typed("text/html"), &bytes),
        ("another key", Upload { url: elsewhere, ..typed("image/png") }, &bytes),
        ("an upload that may replace another", unconditional, &bytes),
    ] {
        let refused = attempt.put(bytes).await?.status;
        assert!(refused.is_client_error(), "{what}: {refused}");
    }
    for method in [Method::GET, Method::DELETE] {
        let refused = fetch(method.clone(), &upload.url, &BTreeMap::new(), "").await?.status;
        assert_eq!(refused, StatusCode::FORBIDDEN, "{method}");
        let bare = upload.url.split('?').next().unwrap_or_default();
        let refused = fetch(method.clone(), bare, &BTreeMap::new(), "").await?.status;
        assert_eq!(refused, StatusCode::FORBIDDEN, "{method} without a signature");
    }
    assert!(upload.put(&bytes).await?.status.is_success());
    assert_eq!(stack.complete_file(&bob_user, &upload.id).await?.refused()?, (404, "not_found"));
    stack.complete_file(&ann_user, &upload.id).await?.done()?;
    stack.complete_file(&ann_user, &upload.id).await?.done()?;

    // Once the file is examined, a second upload changes nothing that anybody reads.
    let file = stack.examined_file(&ann_user, &upload.id).await?;
    assert!(upload.put(&bytes).await?.status.is_success());
    assert_eq!(stack.examined_file(&ann_user, &upload.id).await?, file);
    say(&mut ann, &channel, "chat.message", json!({"content": "look", "attachments": [upload.id]})).await?;
    Ok(())
}

#[tokio::test]
async fn only_who_may_join_reads_a_file_and_only_as_long_as_its_message_is_there() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { company, channel, ann_user, bob_user, mut ann, .. } = pair(stack).await?;
    let (team, stranger) = (User::admin_of(&company), User::customer_of(&company));
    let other_team = User::admin_of(&unique("biz"));
    let id = stack.put_file(&ann_user, &channel, "image/png", &picture(ImageFormat::Png, 30, 20)?).await?;
    stack.examined_file(&ann_user, &id).await?;
    let may_read = async |user: &User| -> Result<bool> {
        let mut may = Vec::new();
        for form in ["original", "thumbnail"] {
            let link = stack.file_link(user, &id, form).await?;
            let path = format!("files/{id}?form={form}");
            let redirect = stack.ask_api(Method::GET, &path).token(&user.token()?).send().await?;
            may.extend([link.status == StatusCode::OK, redirect.status == StatusCode::FOUND]);
            for answer in [link, redirect].iter().filter(|answer| answer.status.is_client_error()) {
                assert_eq!(answer.refused()?, (404, "not_found"));
            }
        }
        assert!(may.iter().all(|one| *one == may[0]), "{may:?}");
        Ok(may[0])
    };
    for (user, may) in [(&ann_user, true), (&bob_user, false), (&team, false), (&stranger, false)] {
        assert_eq!(may_read(user).await?, may, "before a message names it: {}", user.name);
    }
    let data = json!({"content": "look", "attachments": [id]});
    let sent = say(&mut ann, &channel, "chat.message", data).await?;
    for (user, may) in
        [(&ann_user, true), (&bob_user, true), (&team, true), (&stranger, false), (&other_team, false)]
    {
        assert_eq!(may_read(user).await?, may, "in a message: {}", user.name);
    }
    let link = stack.file_link(&bob_user, &id, "original").await?.done()?;
    say(&mut ann, &channel, "chat.delete", json!({"target": sent["seq"]})).await?;
    for user in [&ann_user, &bob_user, &team] {
        assert!(!may_read(user).await?, "after its message is deleted: {}", user.name);
    }
    let is_gone = async {
        while read(&link["url"]).await?.status == StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), is_gone).await.context("object not removed")??;
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_is_refused_before_it_is_uploaded() -> Result<()> {
    let stack = Stack::shared()?;
    let Pair { channel, ann_user, company, .. } = pair(stack).await?;
    let draft = file_draft(&channel, "image/png", b"0123456789");
    let with = |name: &str, value: Value| {
        let mut draft = draft.clone();
        draft[name] = value;
        draft
    };
    for (field, value, code) in [
        ("channel", json!("system"), (400, "bad_request")),
        ("channel", json!("conversation:nobodys"), (403, "forbidden")),
        ("name", json!(""), (400, "bad_request")),
        ("name", json!("a\nb"), (400, "bad_request")),
        ("type", json!("image/png; charset=x"), (400, "bad_request")),
        ("type", json!("PNG"), (400, "bad_request")),
        ("bytes", json!(0), (400, "bad_request")),
        ("bytes", json!(25 * 1024 * 1024 + 1), (413, "too_large")),
        ("sha256", json!("abc"), (400, "bad_request")),
        ("waveform", json!(vec![1; 65]), (400, "bad_request")),
        ("waveform", json!([256]), (400, "bad_request")),
        ("durationMs", json!(86_400_001), (400, "bad_request")),
        ("state", json!("ready"), (400, "bad_request")),
    ] {
        let answer = stack.create_file(&ann_user, &with(field, value.clone())).await?;
        assert_eq!(answer.refused()?, code, "{field}: {value}");
        if code.1 == "bad_request" {
            let named = answer.body["error"]["field"].as_str().unwrap_or_default();
            assert_eq!(named.split('[').next(), Some(field), "{}", answer.body);
        }
    }
    let stranger = User::customer_of(&company);
    assert_eq!(stack.create_file(&stranger, &draft).await?.refused()?, (403, "forbidden"));
    for path in ["files/nothing", "files/nothing/link", "files/no%20id"] {
        let answer = stack.ask_api(Method::GET, path).token(&ann_user.token()?).send().await?;
        assert!(matches!(answer.refused()?, (404, "not_found") | (400, "bad_request")), "{path}");
    }
    Ok(())
}

/// Puts the result of `GuardDuty`'s scan of an upload into the queue, as EventBridge does.
async fn scanned(stack: &Stack, id: &str, status: &str) -> Result<()> {
    let sample: Value = serde_json::from_str(include_str!("../../../events/files-scanned.json"))?;
    let body = sample["Records"][0]["body"].as_str().context("a body")?;
    let mut event: Value = serde_json::from_str(body)?;
    event["detail"]["s3ObjectDetails"]["objectKey"] = format!("upload/{id}").into();
    event["detail"]["scanResultDetails"]["scanResultStatus"] = status.into();
    stack.backend().await?.put_into_queue("FilesQueue", &event.to_string()).await
}

#[tokio::test]
async fn where_files_are_scanned_they_wait_for_the_verdict_and_a_deletion_takes_that_too() -> Result<()> {
    let Some(stack) = Stack::private(&["--parameter", "MalwareScan=on"])? else { return Ok(()) };
    let Pair { channel, ann_user, bob_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let bytes = picture(ImageFormat::Png, 30, 20)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let upload = stack.upload(&ann_user, &file_draft(&channel, "image/png", &bytes)).await?;
        for status in [StatusCode::OK, StatusCode::PRECONDITION_FAILED, StatusCode::PRECONDITION_FAILED] {
            assert_eq!(upload.put(&bytes).await?.status, status, "a file is taken once");
        }
        stack.complete_file(&ann_user, &upload.id).await?.done()?;
        ids.push(upload.id);
    }
    let data = json!({"attachments": ids});
    let sent = say(&mut ann, &channel, "chat.message", data).await?;
    let heard = bob.event("chat.message").await?;
    for file in heard["data"]["attachments"].as_array().context("the files")? {
        assert_eq!(file["state"], "checking");
    }
    scanned(&stack, &ids[0], "NO_THREATS_FOUND").await?;
    let ready = bob.event("file.ready").await?;
    assert_eq!((&ready["data"]["target"], &ready["data"]["file"]["id"]), (&sent["seq"], &json!(ids[0])));
    scanned(&stack, &ids[1], "THREATS_FOUND").await?;
    let refused = bob.event("file.refused").await?;
    let file = &refused["data"]["file"];
    assert_eq!((&file["id"], &file["refusal"], file.get("width")), (&json!(ids[1]), &json!("malware"), None));
    let link = stack.file_link(&ann_user, &ids[1], "original").await?.done()?;
    assert_eq!((&link["file"]["state"], link.get("url")), (&json!("refused"), None));

    // Once the message is deleted, the log says nothing of its files any more.
    let conflict = stack.remove_unused_file(&ann_user, &ids[0]).await?;
    assert_eq!(conflict.refused()?, (409, "conflict"), "removed only with its message");
    let page = format!("messages?channel={channel}&limit=99");
    let conversation = channel.strip_prefix("conversation:").context("a conversation")?;
    let export = format!("export --conversation {conversation}");
    let read = async || {
        let texts = [stack.get(&bob_user, &page).await?.done()?, stack.operate_lines(&export).await?.into()];
        anyhow::Ok(
            texts.map(|text| {
                ["Été", &ids[0], "image/png", "malware"].map(|said| text.to_string().contains(said))
            }),
        )
    };
    assert_eq!(read().await?, [[true; 4]; 2]);
    say(&mut ann, &channel, "chat.delete", json!({"target": sent["seq"]})).await?;
    assert_eq!(read().await?, [[false; 4]; 2]);
    let since = json!({"channel": channel, "since": sent["seq"]});
    let recovered = stack.connect(&bob_user).await?.call("join", since).await?;
    let events: Vec<_> =
        recovered["events"].as_array().context("events")?.iter().map(|event| &event["event"]).collect();
    assert_eq!(events, ["file.ready", "file.refused", "chat.delete"]);
    assert!(!recovered.to_string().contains("Été"), "{recovered}");
    Ok(())
}

#[tokio::test]
async fn a_file_without_a_verdict_or_without_its_upload_is_refused_in_the_end() -> Result<()> {
    let Some(stack) = Stack::private(&["--parameter", "MalwareScan=on"])? else { return Ok(()) };
    let Pair { channel, ann_user, mut ann, mut bob, .. } = pair(&stack).await?;
    let bytes = picture(ImageFormat::Png, 30, 20)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(stack.put_file(&ann_user, &channel, "image/png", &bytes).await?);
    }
    say(&mut ann, &channel, "chat.message", json!({"attachments": ids})).await?;
    let backend = stack.backend().await?;
    // That it has been waited for for 15 minutes is not enough, and for 6 hours is.
    for waits in [1, 24] {
        let task = json!({"task": "examine", "file": ids[0], "waits": waits});
        backend.put_into_queue("FilesQueue", &task.to_string()).await?;
    }
    let refused = bob.event("file.refused").await?;
    let file = &refused["data"]["file"];
    assert_eq!((&file["id"], &file["refusal"]), (&json!(ids[0]), &json!("malware")));

    let upload = format!("upload/{}", ids[1]);
    let removed = stack.ask_bucket(Method::DELETE, &upload, &[], b"").await?;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    scanned(&stack, &ids[1], "NO_THREATS_FOUND").await?;
    let refused = bob.event("file.refused").await?;
    let file = &refused["data"]["file"];
    assert_eq!((&file["id"], &file["refusal"]), (&json!(ids[1]), &json!("damaged")));
    Ok(())
}

#[tokio::test]
async fn a_file_of_which_s3_tells_nobody_is_found_and_one_of_which_it_tells_twice_is_told_once() -> Result<()>
{
    for fault in ["lost_notification=1", "duplicated=1"] {
        let Some(stack) = Stack::private(&["--fault", fault])? else { return Ok(()) };
        let Pair { channel, ann_user, mut ann, .. } = pair(&stack).await?;
        // A task that comes before its upload does nothing.
        let early = stack.upload(&ann_user, &file_draft(&channel, "image/png", b"not there")).await?;
        let task = json!({"task": "examine", "file": early.id});
        stack.backend().await?.put_into_queue("FilesQueue", &task.to_string()).await?;
        let id =
            stack.put_file(&ann_user, &channel, "image/png", &picture(ImageFormat::Png, 30, 20)?).await?;
        say(&mut ann, &channel, "chat.message", json!({"attachments": [id]})).await?;
        stack.examined_file(&ann_user, &id).await?;
        let told = eventually("the message to have the file as ready", async || {
            let page = stack.get(&ann_user, &format!("messages?channel={channel}&limit=99")).await?.done()?;
            let events = page["events"].as_array().context("events")?;
            let is_ready = events[0]["data"]["attachments"][0]["state"] == "ready";
            let told = events.iter().filter(|event| event["event"] == "file.ready").count();
            Ok(is_ready.then_some(told))
        });
        assert!(told.await? <= 1, "{fault}");
        let link = stack.file_link(&ann_user, &early.id, "original").await?.done()?;
        assert_eq!(link["file"]["state"], "uploading");
    }
    Ok(())
}
