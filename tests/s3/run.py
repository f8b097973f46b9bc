"""Tests the local stack's S3, and the services that an operator's commands use, by boto3 and the AWS CLI from PyPI.

`make s3` runs it, after a build. It starts a stack of its own, which keeps its data, kills it, and starts it again on
the data.
"""

import base64
import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "target/debug/funnelcast-local"
AWS = Path(sys.executable).parent / "aws"
MIB = 1024 * 1024
# The function that presigns URLs, which have its rights. Its logical id is its access key.
SIGNER = "HttpApiFunction"


class Stack:
    """A stack that keeps its data. It ends with this process, which holds its stdin."""

    def __init__(self, folder):
        self.log = open(folder / "stack.log", "ab")
        options = ["--port", "0", "--http-port", "0", "--data", folder / "data", "--until-stdin-closes"]
        self.process = subprocess.Popen(
            [LOCAL, "up", *options], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        ready = self.process.stdout.readline()
        if not ready:
            raise SystemExit((folder / "stack.log").read_text())
        self.endpoint = json.loads(ready)["aws"]

    def client(self, service="s3", key="session", secret="local", **options):
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **options)
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
        )

    def ask(self, method, url, body=None, headers=None):
        """Makes a request without an SDK; returns the status, the headers and the body of the answer."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def memory(self):
        """The most memory that the stack has had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.log.close()


def code(call, **arguments):
    """The code of the error with which a call must fail."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError(f"{call} was not refused")


def code_of(answer):
    status, _, body = answer
    text = body.decode()
    return status, text.partition("<Code>")[2].partition("</Code>")[0]


def whole_objects(s3, bucket):
    put = s3.put_object(
        Bucket=bucket, Key="a/ü 1+.txt", Body=b"hello", ContentType="text/plain", Metadata={"name": "Ann"},
        ChecksumSHA256=base64.b64encode(hashlib.sha256(b"hello").digest()).decode(),
    )
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"', put
    got = s3.get_object(Bucket=bucket, Key="a/ü 1+.txt", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello" and got["ContentType"] == "text/plain" and got["Metadata"] == {"name": "Ann"}
    head = s3.head_object(Bucket=bucket, Key="a/ü 1+.txt")
    assert head["ContentLength"] == 5 and head["ETag"] == put["ETag"], head
    part = s3.get_object(Bucket=bucket, Key="a/ü 1+.txt", Range="bytes=1-3")
    assert part["Body"].read() == b"ell" and part["ContentRange"] == "bytes 1-3/5", part
    assert code(s3.get_object, Bucket=bucket, Key="a/ü 1+.txt", Range="bytes=5-") == "InvalidRange"
    assert code(s3.get_object, Bucket=bucket, Key="a/ü 1+.txt", IfNoneMatch=put["ETag"]) == "304"
    assert code(s3.get_object, Bucket=bucket, Key="a/ü 1+.txt", IfMatch='"x"') == "PreconditionFailed"
    assert code(s3.put_object, Bucket=bucket, Key="a/ü 1+.txt", Body=b"", IfNoneMatch="*") == "PreconditionFailed"
    assert code(s3.put_object, Bucket=bucket, Key="x", Body=b"hello", ChecksumCRC32="AAAAAA==") == "BadDigest"
    assert code(s3.put_object, Bucket=bucket, Key="x", Body=b"hello", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==") == "BadDigest"
    assert code(s3.get_object, Bucket=bucket, Key="none") == "NoSuchKey"
    assert code(s3.head_object, Bucket=bucket, Key="none") == "404"
    assert code(s3.get_object, Bucket="no-such-bucket", Key="none") == "NoSuchBucket"
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        s3.put_object(Bucket=bucket, Key=f"sums/{algorithm}", Body=b"hello", ChecksumAlgorithm=algorithm)
        s3.get_object(Bucket=bucket, Key=f"sums/{algorithm}", ChecksumMode="ENABLED")["Body"].read()
    copied = {"Bucket": bucket, "Key": "a/ü 1+.txt"}
    s3.copy_object(Bucket=bucket, Key="b/copy", CopySource=copied)
    assert s3.get_object(Bucket=bucket, Key="b/copy")["ContentType"] == "text/plain"


def listing(s3, bucket):
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [entry["Prefix"] for entry in top["CommonPrefixes"]] == ["a/", "b/", "sums/"], top
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert keys == ["a/ü 1+.txt", "b/copy"] + [f"sums/{name}" for name in ["CRC32", "SHA1", "SHA256"]], keys
    old = s3.list_objects(Bucket=bucket, Prefix="sums/", MaxKeys=1)
    assert old["IsTruncated"] and old["Contents"][0]["Key"] == "sums/CRC32", old
    assert [entry["Name"] for entry in s3.list_buckets()["Buckets"]] == [bucket]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["AllowedMethods"] == ["PUT", "GET", "HEAD"]
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)


def deletion(s3, bucket):
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b/copy"}, {"Key": "never"}]})
    assert [entry["Key"] for entry in deleted["Deleted"]] == ["b/copy", "never"], deleted
    s3.delete_object(Bucket=bucket, Key="sums/SHA1")
    s3.delete_object(Bucket=bucket, Key="sums/SHA1")
    assert code(s3.get_object, Bucket=bucket, Key="sums/SHA1") == "NoSuchKey"


def presigned(stack, bucket):
    """Uploads and reads by presigned URLs of `http-api`, as a browser does."""
    signer = stack.client(key=SIGNER, signature_version="s3v4")
    body, digest = b"\x89PNG...", lambda body: base64.b64encode(hashlib.sha256(body).digest()).decode()

    def url(key, expires=60):
        wanted = {
            "Bucket": bucket, "Key": key, "ContentLength": len(body), "ContentType": "image/png",
            "ChecksumSHA256": digest(body),
        }
        return signer.generate_presigned_url("put_object", wanted, ExpiresIn=expires)

    right = {"Content-Type": "image/png", "x-amz-checksum-sha256": digest(body)}
    put = lambda url, body, headers: stack.ask("PUT", url, body, {"Content-Length": str(len(body)), **headers})
    status, headers, _ = put(url("upload/1"), body, right)
    assert status == 200 and headers["x-amz-checksum-sha256"] == digest(body), (status, headers)
    refused = (403, "SignatureDoesNotMatch")
    assert code_of(put(url("upload/2"), body + b".", right)) == refused
    assert code_of(put(url("upload/2"), body, {**right, "Content-Type": "text/html"})) == refused
    assert code_of(put(url("upload/2"), body, {**right, "x-amz-checksum-sha256": digest(b"")})) == refused
    assert code_of(put(url("upload/2").replace("upload/2", "upload/3"), body, right)) == refused
    assert code_of(put(url("upload/2"), b"x" * len(body), right)) == (400, "BadDigest")
    assert code_of(put(url("upload/2"), body, {**right, "x-amz-meta-a": "b"})) == (403, "AccessDenied")
    assert code_of(put(url("file/2"), body, right)) == (403, "AccessDenied")
    old = url("upload/2", expires=1)
    time.sleep(2.1)  # S3 counts in whole seconds
    expired = put(old, body, right)
    assert code_of(expired) == (403, "AccessDenied") and b"Request has expired" in expired[2], expired
    # `http-api` may list the bucket, so it learns that an object is missing. Outside its folders it may read nothing.
    get = lambda key: stack.ask("GET", signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}))
    assert code_of(get("file/none")) == (404, "NoSuchKey")
    assert code_of(get("other/1")) == (403, "AccessDenied")
    stack.client().put_object(Bucket=bucket, Key="file/1", Body=body)
    shown = signer.generate_presigned_url(
        "get_object",
        {"Bucket": bucket, "Key": "file/1", "ResponseContentDisposition": 'attachment; filename="a.png"'},
    )
    status, headers, content = stack.ask("GET", shown, headers={"Origin": "http://localhost:3000"})
    assert (status, content) == (200, body) and headers["content-disposition"].startswith("attachment"), headers
    assert headers["access-control-allow-origin"] == "http://localhost:3000", headers


def unsigned(stack, bucket):
    url = f"{stack.endpoint}/{bucket}/upload/1"
    assert code_of(stack.ask("GET", url)) == (403, "AccessDenied")
    assert code_of(stack.ask("PUT", url, b"x")) == (403, "AccessDenied")
    wrong = stack.client(secret="wrong")
    assert code(wrong.put_object, Bucket=bucket, Key="x", Body=b"x") == "SignatureDoesNotMatch"
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert code_of(stack.ask("POST", f"{stack.endpoint}/{bucket}", b"--x--", form)) == (501, "NotImplemented")
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
    assert stack.ask("OPTIONS", url, headers=asked)[0] == 200
    assert code_of(stack.ask("OPTIONS", url, headers={**asked, "Origin": "http://localhost:1"})) == (403, "AccessForbidden")


def in_parts(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="upload/parts", ContentType="video/mp4")["UploadId"]
    at = {"Bucket": bucket, "Key": "upload/parts", "UploadId": upload}
    bodies = {1: b"a" * (5 * MIB), 2: b"b"}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**at, PartNumber=number, Body=body)["ETag"]}
        for number, body in bodies.items()
    ]
    assert [part["Size"] for part in s3.list_parts(**at)["Parts"]] == [5 * MIB, 1]
    assert [open_["UploadId"] for open_ in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    complete = lambda parts: {**at, "MultipartUpload": {"Parts": parts}}
    assert code(s3.complete_multipart_upload, **complete(parts[::-1])) == "InvalidPartOrder"
    assert code(s3.complete_multipart_upload, **complete([{**parts[0], "ETag": '"x"'}])) == "InvalidPart"
    whole = s3.complete_multipart_upload(**complete(parts))
    assert whole["ETag"].endswith('-2"'), whole
    end = s3.get_object(Bucket=bucket, Key="upload/parts", Range="bytes=-2")
    assert end["Body"].read() == b"ab" and end["ContentType"] == "video/mp4"
    small = s3.create_multipart_upload(Bucket=bucket, Key="upload/small")["UploadId"]
    at = {"Bucket": bucket, "Key": "upload/small", "UploadId": small}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**at, PartNumber=number, Body=b"x")["ETag"]} for number in (1, 2)
    ]
    assert code(s3.complete_multipart_upload, **at, MultipartUpload={"Parts": parts}) == "EntityTooSmall"
    s3.abort_multipart_upload(**at)
    assert code(s3.list_parts, **at) == "NoSuchUpload"


def large(stack, bucket, folder):
    """Checks that a large object is streamed to the disk and from it, without being held in memory."""
    before, path = stack.memory(), folder / "sparse"
    with open(path, "wb") as file:
        file.truncate(32 * MIB)
    s3 = stack.client(read_timeout=120)
    with open(path, "rb") as file:
        s3.put_object(Bucket=bucket, Key="large", Body=file)
    read = sum(len(chunk) for chunk in s3.get_object(Bucket=bucket, Key="large")["Body"].iter_chunks(MIB))
    assert read == 32 * MIB, read
    grown = stack.memory() - before
    assert grown < 16 * MIB, f"{grown // MIB} MiB of memory for an object of 32"
    s3.delete_object(Bucket=bucket, Key="large")


def faults(stack, bucket):
    """Injects the errors that the SDKs of functions must retry."""
    signer = stack.client(key="FilesFunction")
    answers = {"s3_before": "InternalError", "s3_slow_down": "SlowDown", "s3_after": "InternalError"}
    for kind, answer in answers.items():
        stack.ask("PUT", f"{stack.endpoint}/_local/faults", json.dumps({kind: 1}))
        assert code(signer.put_object, Bucket=bucket, Key=f"file/{kind}", Body=b"x") == answer, kind
    stack.ask("DELETE", f"{stack.endpoint}/_local/faults")
    kept = [entry["Key"] for entry in stack.client().list_objects_v2(Bucket=bucket, Prefix="file/s3")["Contents"]]
    assert kept == ["file/s3_after"], kept


def cli(stack, bucket, folder):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ENDPOINT_URL": stack.endpoint, "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "session", "AWS_SECRET_ACCESS_KEY": "local",
    }

    def aws(*arguments):
        done = subprocess.run([AWS, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    # Not in `upload/`, where the function `files` removes uploads that were not announced.
    large = folder / "large"
    large.write_bytes(os.urandom(20 * MIB))
    aws("s3", "cp", large, f"s3://{bucket}/cli/large", "--quiet")
    aws("s3", "cp", f"s3://{bucket}/cli/large", folder / "back", "--quiet")
    assert (folder / "back").read_bytes() == large.read_bytes()
    assert f"{20 * MIB} large" in aws("s3", "ls", f"s3://{bucket}/cli/")
    aws("s3", "rm", f"s3://{bucket}/cli/large")
    assert "cli/" not in aws("s3", "ls", f"s3://{bucket}/")


def operated(stack):
    """Reads answers of Lambda and EventBridge by boto3, because an operator's commands ask Lambda without an SDK."""
    functions = stack.client("lambda")
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 10})
    listed = {function["FunctionName"]: function for page in pages for function in page["Functions"]}
    send = listed["funnelcast-dev-SendFunction"]
    assert len(listed) > 20 and send["Environment"]["Variables"]["STAGE"] == "dev", send
    arns = {function["FunctionArn"]: name for name, function in listed.items()}
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    assert {arns[mapping["FunctionArn"]] for mapping in mappings if ":sqs:" in mapping["EventSourceArn"]} > {"funnelcast-dev-TimersFunction"}
    assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1_000
    assert code(stack.client("lambda", key=SIGNER).list_functions) == "AccessDeniedException", "a function may list functions"

    events = stack.client("events")
    rules = events.list_rules(EventBusName="funnelcast-dev")["Rules"]
    targets = [events.list_targets_by_rule(EventBusName="funnelcast-dev", Rule=rule["Name"])["Targets"] for rule in rules]
    assert {arns[target["Arn"]] for [target] in targets} == {"funnelcast-dev-AccessFunction", "funnelcast-dev-BroadcastFunction"}
    assert all(json.loads(rule["EventPattern"])["source"] == ["funnelcast.app"] for rule in rules), rules


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = Stack(folder)
        try:
            s3 = stack.client()
            (bucket,) = [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
            for session in [whole_objects, listing, deletion, in_parts]:
                session(s3, bucket)
            operated(stack)
            presigned(stack, bucket)
            unsigned(stack, bucket)
            faults(stack, bucket)
            large(stack, bucket, folder)
            cli(stack, bucket, folder)
            stack.kill()
            stack = Stack(folder)
            kept = stack.client().get_object(Bucket=bucket, Key="a/ü 1+.txt")
            assert kept["Body"].read() == b"hello"
        except BaseException:
            print((folder / "stack.log").read_text()[-4_000:], file=sys.stderr)
            raise
        finally:
            stack.stop()
    print("the local stack's S3 works with boto3 and the AWS CLI")


if __name__ == "__main__":
    main()
