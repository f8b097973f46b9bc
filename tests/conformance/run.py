"""Runs the black-box suite against ministack, to which `sam deploy` has deployed template.yaml.

The functions, the template and the suite are those for AWS; only the emulator is not `funnelcast-local`, but one that
other people have written. Tests of what it does differently from AWS are skipped by name, with the reason
(`deviations.txt`), and listed at the end, so that nothing is skipped silently.

`make conformance` runs it, after `sam build`. Arguments are parts of names; only tests with one of them run. With
`--packed` before them, the folder of `make package` is deployed, by the commands of docs/deploying.md.
Everything listens on 127.0.0.1, no account and no profile is read, and all that is started ends with this process.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/conformance"
BUILT = ROOT / ".aws-sam/build/template.yaml"
PACKED = ROOT / "target/package/sam/template.yaml"
LOCAL = ROOT / "target/debug/funnelcast-local"
DEV_ISSUER_KEY = ROOT / ".funnelcast/dev-issuer.key"

STACK = "funnelcast-conformance"
STAGE = "dev"
REGION = "us-east-1"
START_SECONDS_MAX = 60
END_SECONDS_MAX = 10
# ministack is one Python process, so with more tests at once each of them would only time out.
TEST_THREADS = 2

TEST_LINE = re.compile(r"^test (\S+) \.\.\. (ok|FAILED|ignored)")
OUTPUT_LINE = re.compile(r"^---- (\S+) stdout ----")


def main():
    arguments = sys.argv[1:]
    template, config = BUILT, ROOT / "samconfig.toml"
    is_packed = arguments[:1] == ["--packed"]
    if is_packed:
        template, arguments = PACKED, arguments[1:]
        config = template.with_name("samconfig.toml")
    deviations = read_deviations(HERE / "deviations.txt")
    folder = Path(tempfile.mkdtemp(prefix="funnelcast-conformance."))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that `finally` runs
    emulator = None
    try:
        port = free_port()
        environment = clean_environment(f"http://127.0.0.1:{port}")
        emulator = start_emulator(port, folder, environment)
        if is_packed:
            run_documented(environment)
        deploy(port, environment, template, config)
        stack = folder / "stack.json"
        stack.write_text(json.dumps(describe(port)))
        results = run_suite(stack, deviations, arguments)
    finally:
        if emulator:
            end_group(emulator)
            log = ROOT / "target/conformance.log"
            shutil.copyfile(folder / "emulator.log", log)
            print(f"the emulator's log: {log.relative_to(ROOT)}")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(report(results, deviations))


# ---------------------------------------------------------------- the cloud


def clean_environment(endpoint):
    """The environment without the caller's AWS set-up, so that a mistake here can never reach a real account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_NO_UPDATE": "1",
    }


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_emulator(port, folder, environment):
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
    }
    emulator = subprocess.Popen(
        [sys.executable, HERE / "emulator.py"],
        env=environment | settings,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=(folder / "emulator.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a group of its own, with the functions that it starts
    )
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_up(f"http://127.0.0.1:{port}/_ministack/health"):
        if emulator.poll() is not None or time.monotonic() > deadline:
            end_group(emulator)
            sys.exit(f"the emulator did not start:\n{(folder / 'emulator.log').read_text()[-2000:]}")
        time.sleep(0.1)
    return emulator


def is_up(url):
    try:
        return urllib.request.urlopen(url, timeout=1).status == 200
    except (OSError, urllib.error.URLError):
        return False


def end_group(process):
    """Ends a process and all that it has started, and waits for the process."""
    process.terminate()
    try:
        process.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run_documented(environment):
    """Runs the commands of docs/deploying.md before `sam deploy`, which needs other parameters here."""
    section = (ROOT / "docs/deploying.md").read_text().split("## Without Rust\n")[1].split("\n## ")[0]
    lines = [line.split("#")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    folder = PACKED.parent.relative_to(ROOT)
    if lines[:2] != ["make package", f"cd {folder}"] or "sam deploy" not in lines:
        sys.exit(f"docs/deploying.md does not have the expected commands for the packed folder: {lines}")
    for line in lines[2 : lines.index("sam deploy")]:
        subprocess.run(line, shell=True, cwd=PACKED.parent, env=environment, check=True)


def deploy(port, environment, template, config):
    """Runs `sam deploy` as for AWS, with the settings of a samconfig.toml, and with parameters for the emulator."""
    subprocess.run([LOCAL, "token", "--user", "user_1"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    parameters = {
        "Stage": STAGE,
        "DevIssuerKey": DEV_ISSUER_KEY.read_text().strip(),
        "ManagementEndpoint": f"http://127.0.0.1:{port}{path_of('websocketapi')}",
    }
    command = ["sam", "deploy", "--config-file", config, "--template-file", template]
    command += ["--stack-name", STACK, "--region", REGION]
    command += ["--parameter-overrides"]
    command += [f"ParameterKey={name},ParameterValue={value}" for name, value in parameters.items()]
    started = time.monotonic()
    done = subprocess.run(command, cwd=config.parent, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"sam deploy failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    print(f"deployed by `sam deploy` in {time.monotonic() - started:.0f} s", flush=True)


def path_of(api_id, stage=STAGE):
    return f"/_aws/execute-api/{api_id}/{stage}"


def describe(port):
    """The stack's addresses and names, as `funnelcast-local up` prints them of itself in a line of JSON."""
    import botocore.session  # comes with ministack

    cloud = botocore.session.get_session().create_client(
        "cloudformation",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    outputs = cloud.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    named = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    stack = {
        "websocket": f"ws://127.0.0.1:{port}{path_of('websocketapi')}",
        "aws": f"http://127.0.0.1:{port}",
        "table": named["TableName"],
        "bus": named["BusName"],
        "stage": STAGE,
    }
    pages = cloud.get_paginator("list_stack_resources").paginate(StackName=STACK)
    for resource in pages.search("StackResourceSummaries[]"):
        kind, name = resource["ResourceType"], resource["LogicalResourceId"]
        if kind == "AWS::ApiGatewayV2::Stage" and name.startswith("HttpApi"):
            stack["http"] = f"http://127.0.0.1:{port}{path_of('httpapi', resource['PhysicalResourceId'])}"
    return stack


# ---------------------------------------------------------------- the suite


def read_deviations(file):
    """The tests that are skipped here, each by its name with the reason."""
    lines = (line.strip() for line in file.read_text().splitlines())
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def run_suite(stack, deviations, arguments):
    """Runs all other tests; returns their outcomes, the reasons of those that skipped themselves, and their output."""
    command = ["cargo", "test", "--locked", "--package", "tests", "--test", "suite", "--"]
    listed = subprocess.run([*command, "--list"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {line.removesuffix(": test") for line in listed.splitlines() if line.endswith(": test")}
    if unknown := deviations.keys() - names:
        sys.exit(f"deviations.txt names tests that do not exist: {', '.join(sorted(unknown))}")
    chosen = [name for name in sorted(names - deviations.keys()) if not arguments or any(a in name for a in arguments)]

    settings = {"FUNNELCAST_STACK": str(stack), "RUST_BACKTRACE": "0"}
    command += ["--exact", "--show-output", f"--test-threads={TEST_THREADS}", *chosen]
    suite = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
    outcomes, reasons, said, printing = {}, {}, {}, None
    for line in suite.stdout:
        if test := TEST_LINE.match(line):
            outcomes[test[1]] = test[2]
            if test[2] == "ignored":
                reasons[test[1]] = "ignored by the suite itself"
        elif output := OUTPUT_LINE.match(line):
            printing = output[1]
        elif line in ("successes:\n", "failures:\n"):
            printing = None
        elif printing:
            said[printing] = said.get(printing, "") + line
            if line.startswith("skipped: "):
                reasons[printing] = line.removeprefix("skipped: ").strip()
        print(line, end="", flush=True)
    suite.wait()
    if missing := set(chosen) - outcomes.keys():
        sys.exit(f"the suite did not finish: no outcome of {', '.join(sorted(missing))}")
    return outcomes, reasons, said


def report(results, deviations):
    outcomes, reasons, said = results
    skipped = deviations | reasons
    failed = sorted(name for name, outcome in outcomes.items() if outcome == "FAILED")
    passed = sorted(outcomes.keys() - set(failed) - skipped.keys())
    print(f"\npassed on {STACK}, {len(passed)}:")
    print("".join(f"  {name}\n" for name in passed), end="")
    print(f"skipped, {len(skipped)}:")
    print("".join(f"  {name}: {reason}\n" for name, reason in sorted(skipped.items())), end="")
    print(f"failed, {len(failed)}:")
    print("".join(f"  {name}: {said.get(name, '').strip()}\n" for name in failed))
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    main()
