//! For tests: a function whose binary is a shell script that uses the runtime API through curl.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;

use super::{InvokeError, Lambda, LambdaOptions};
use crate::{
    faults::{FaultKind, FaultSettings, Faults, Rate},
    journal::Journal,
    log::{FunctionLog, LogFormat},
    sqs::Queues,
    template::{self, Function, LogLevel, RecursiveLoop, Stack, WebSocketApi},
};

/// The payload names what the process does.
pub(crate) const BOOTSTRAP: &str = r#"#!/bin/sh
api="$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
if [ "$FAILS" = init ]; then
  curl -s -X POST -d '{"errorType":"NoTable","errorMessage":"TABLE_NAME is missing"}' "$api/init/error"
  exit 1
fi
[ "$FAILS" = start ] && exit 7
while :; do
  answer=$(curl -sfi "$api/invocation/next") || exit 1
  id=$(printf '%s' "$answer" | tr -d '\r' | sed -n 's/^lambda-runtime-aws-request-id: //p')
  body=$(printf '%s' "$answer" | tail -n 1)
  here="$api/invocation/$id"
  case "$body" in
    '"pid"') printf '%s' "$$" | curl -s -d @- "$here/response" ;;
    '"env"') env | curl -s --data-binary @- "$here/response" ;;
    '"fail"') curl -s -d '{"errorType":"Boom","errorMessage":"no","stackTrace":[]}' "$here/error" ;;
    '"crash"') exit 3 ;;
    '"hang"')
      [ "$HANG" = take ] || sleep 600
      printf '%s\n' "$body" >> "$TAKEN"
      printf '%s' "$body" | curl -s -d @- "$here/response" ;;
    '"meet '*)
      # Waits until another process is here as well: only two at once can leave.
      : > "$MEETING/$$"
      while [ "$(ls "$MEETING" | wc -l)" -lt 2 ]; do sleep 0.01; done
      printf '%s' "$$" | curl -s -d @- "$here/response" ;;
    *'"body":"loop"'*)
      # Puts its message back, as part of the same chain.
      trace=$(printf '%s' "$answer" | tr -d '\r' | sed -n 's/^lambda-runtime-trace-id: //p')
      printf 'pass\n' >> "$TAKEN"
      curl -s -H 'x-amz-target: AmazonSQS.SendMessage' -H "x-amzn-trace-id: $trace" \
        -d '{"QueueUrl":"http://q/000000000000/jobs","MessageBody":"loop"}' "$SQS"
      curl -s -d '{"batchItemFailures":[]}' "$here/response" ;;
    *'"body":"wait"'*)
      printf 'waits\n' >> "$TAKEN"
      sleep 600 ;;
    *'{\"action\":\"large\"}'*)
      text=$(head -c 131073 /dev/zero | tr '\0' x)
      printf '{"statusCode":200,"body":"%s"}' "$text" | curl -s -d @- "$here/response" ;;
    *poison*) curl -s -d '{"errorType":"Poison","errorMessage":"not this"}' "$here/error" ;;
    *'"Records"'* | *'"DISCONNECT"'* | *'"MESSAGE"'*)
      printf '%s\n' "$body" >> "$TAKEN"
      curl -s -d '{"batchItemFailures":[]}' "$here/response" ;;
    *) printf '%s' "$body" | curl -s -d @- "$here/response" ;;
  esac > /dev/null
done
"#;

/// The function, and what it runs with.
pub(crate) struct Fixture {
    pub(crate) lambda: Lambda,
    pub(crate) queues: Queues,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) directory: TempDir,
}

/// ARN of a queue whose dead-letter queue is [`DEAD`].
pub(crate) const JOBS: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";

/// ARN of the queue for failures.
pub(crate) const DEAD: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

/// A function `F` with these environment variables, at most two processes, and a timeout of 5 s.
pub(crate) async fn fixture(variables: &[(&str, &str)]) -> Fixture {
    fixture_in(None, variables).await
}

/// The same, with a journal in the folder `data`.
pub(crate) async fn fixture_in(data: Option<&Path>, variables: &[(&str, &str)]) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("f/bootstrap");
    fs::create_dir(directory.path().join("f")).unwrap();
    fs::create_dir(directory.path().join("meeting")).unwrap();
    write_executable(&binary, BOOTSTRAP);
    let mut environment: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    environment.insert("MEETING".to_owned(), directory.path().join("meeting").display().to_string());
    environment.insert("TAKEN".to_owned(), directory.path().join("taken").display().to_string());
    let stack = stack(environment);
    let journal = Journal::open(data).unwrap();
    let queues = Queues::new(&stack, Duration::MAX, &journal).unwrap();
    let faults = Faults::new(FaultSettings::default());
    let options = LambdaOptions {
        bin_dir: directory.path().to_owned(),
        endpoint: "http://127.0.0.1:1".to_owned(),
        concurrency: 2,
        async_retry_delay: Duration::from_millis(1),
        log_format: LogFormat::Text,
        log: FunctionLog::new(LogFormat::Text, true, Arc::default()),
        queues: queues.clone(),
        journal: journal.clone(),
        faults: faults.clone(),
        usage: Arc::default(),
    };
    let lambda = Lambda::start(&stack, options).await.unwrap();
    Fixture { lambda, queues, journal, faults, directory }
}

/// A stack with that function and the two queues.
pub(crate) fn stack(environment: BTreeMap<String, String>) -> Stack {
    let function = Function {
        id: "F".to_owned(),
        name: "f".to_owned(),
        physical_name: "funnelcast-test-F".to_owned(),
        arn: "arn:aws:lambda:us-east-1:000000000000:function:funnelcast-test-F".to_owned(),
        timeout: Duration::from_secs(5),
        memory_mb: 128,
        handler: "bootstrap".to_owned(),
        environment,
        retries_max: 2,
        event_age_max: Duration::from_mins(1),
        on_failure: Some(DEAD.to_owned()),
        policies: Vec::new(),
        recursive_loop: RecursiveLoop::Terminate,
        log_level: LogLevel::Info,
    };
    let dead = template::Queue {
        id: "Dead".to_owned(),
        name: "dead".to_owned(),
        arn: DEAD.to_owned(),
        url: "http://127.0.0.1:1/000000000000/dead".to_owned(),
        visibility_timeout: Duration::from_secs(30),
        delay: Duration::ZERO,
        receive_wait: Duration::ZERO,
        retention: Duration::from_mins(5),
        redrive: None,
    };
    let jobs = template::Queue {
        id: "Jobs".to_owned(),
        name: "jobs".to_owned(),
        arn: JOBS.to_owned(),
        redrive: Some(template::Redrive { target_arn: DEAD.to_owned(), receives_max: 5 }),
        ..dead.clone()
    };
    let websocket = WebSocketApi {
        id: "Api".to_owned(),
        api_id: "abcdefghij".to_owned(),
        stage: "test".to_owned(),
        authorizer: None,
        identity_sources: Vec::new(),
        routes: BTreeMap::new(),
        throttles: crate::template::Throttles::default(),
    };
    Stack {
        stage: "test".to_owned(),
        functions: BTreeMap::from([("F".to_owned(), function)]),
        websocket,
        http: None,
        tables: Vec::new(),
        buses: Vec::new(),
        rules: Vec::new(),
        queues: vec![dead, jobs],
        buckets: Vec::new(),
        mappings: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

/// Writes an executable file.
fn write_executable(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Fixture {
    /// The path of the function's binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.directory.path().join("f/bootstrap")
    }

    /// Replaces the function's binary as cargo does: a new file takes the place of the old one.
    pub(crate) fn replace_binary(&self) {
        let new = self.directory.path().join("new");
        write_executable(&new, BOOTSTRAP);
        fs::rename(new, self.binary()).unwrap();
    }

    /// How many processes are at the meeting.
    pub(crate) fn met(&self) -> usize {
        fs::read_dir(self.directory.path().join("meeting")).unwrap().count()
    }

    /// The events of batches, of `$disconnect` and of frames that processes took, one per line.
    pub(crate) fn taken(&self) -> String {
        fs::read_to_string(self.directory.path().join("taken")).unwrap_or_default()
    }

    /// Makes this fault happen always, and turns all others off.
    pub(crate) fn always(&self, kind: FaultKind) {
        let rates = BTreeMap::from([(kind, Rate::try_from(1.0).unwrap())]);
        self.faults.set(FaultSettings { rates, ..FaultSettings::default() });
    }

    /// Waits until the condition holds, and fails after ten seconds.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it does not come to hold");
    }

    /// Invokes `F` with a JSON string.
    pub(crate) async fn invoke(&self, payload: &str) -> Result<String, InvokeError> {
        let answer = self.lambda.invoke("F", Bytes::from(format!("\"{payload}\""))).await?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }
}
