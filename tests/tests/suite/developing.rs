//! `dev` in a project: a second one in the same folder, the commands that look for its stack, and its end.

use std::path::Path;
use std::process::Output;

use anyhow::Result;
use serde_json::Value;
use tests::{Project, eventually};

/// Any free ports, as all tests run at once.
const ANYWHERE: [&str; 4] = ["--port", "0", "--http-port", "0"];

fn project() -> Result<Option<Project>> {
    Project::create(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// The results of the commands that look for the stack of the project.
fn lookers(project: &Project) -> Result<[Output; 2]> {
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/conversation.json");
    Ok([project.local(&format!("emit {event}"))?, project.operate("connections --local --user user_1")?])
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_second_dev_finds_the_first_and_drops_no_option() -> Result<()> {
    let Some(mut project) = project()? else { return Ok(()) };
    let started = project.start(&ANYWHERE)?;
    let found = project.again(&[])?;
    assert!(found.status.success(), "{}", error(&found));
    assert_eq!(serde_json::from_slice::<Value>(&found.stdout)?, started);

    for other in [["--parameter", "ChatEvents=on"], ["--secret", "funnelcast/dev/a=b"], ["--data", "kept"]] {
        let refused = project.again(&other)?;
        assert_eq!(refused.status.code(), Some(2), "{other:?}");
        assert!(error(&refused).contains("end it with Ctrl-C"), "{}", error(&refused));
    }
    for found in lookers(&project)? {
        assert!(found.status.success(), "{}", error(&found));
    }

    // The terminal is closed.
    assert_eq!(project.left_over()?.len(), 1, "the data of the run");
    assert!(project.end("HUP")?.success());
    assert!(!project.is_noted());
    assert!(project.left_over()?.is_empty(), "{:?}", project.left_over()?);
    Ok(())
}

#[tokio::test]
async fn the_stack_of_another_project_is_not_taken_for_one_that_was_killed() -> Result<()> {
    let (Some(mut killed), Some(mut other)) = (project()?, project()?) else { return Ok(()) };
    let before = killed.start(&ANYWHERE)?;
    killed.end("KILL")?;
    assert!(killed.is_noted() && killed.left_over()?.len() == 1);

    let port = |name: &str| before[name].as_str().and_then(|url| url.rsplit(':').next()).unwrap_or_default();
    // It may take a moment until the killed one's stack has left the ports.
    let now = eventually("the ports", async || {
        Ok(other.start(&["--port", port("aws"), "--http-port", port("http")]).ok())
    })
    .await?;
    for name in ["websocket", "http", "aws", "table", "bus", "bucket", "stage"] {
        assert_eq!(now[name], before[name], "both are at the same place");
    }
    for refused in lookers(&killed)? {
        assert!(error(&refused).contains("no longer running"), "{}", error(&refused));
    }

    let again = killed.start(&ANYWHERE)?;
    assert_ne!(again["http"], now["http"]);
    assert_eq!(killed.left_over()?.len(), 1, "the data of the killed run are removed");
    Ok(())
}
