"""Uses the npm packages as their users do: installed into an empty folder, on a machine without Rust and without this checkout.

`make package-check` runs it after `make package`. Everything happens in namespaces of its own, in which empty file
systems cover the checkout and the Rust toolchain. That needs root, or a kernel that lets users make namespaces. Nothing is
downloaded, and everything that was started ends with this process.
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
import threading
import time
import urllib.request
from pathlib import Path

SECONDS_MAX = 180
# The programs of a machine with Node.js.
PROGRAMS = ["node", "npm", "npx", "sh"]
# One of its two environments is wrong, in a way that only the functions can tell.
SAMCONFIG = """
[default.deploy.parameters]
parameter_overrides = { Stage = "dev", Issuers = '[{"kind":"whop","aud":"app_1"}]' }
[prod.deploy.parameters]
parameter_overrides = { Stage = "prod", Issuers = '[{"kind":"nobody"}]' }
"""


def main():
    root = Path(__file__).resolve().parents[2]
    packages = sorted((root / "target/package").glob("*.tgz"))
    if len(packages) != 2:
        sys.exit("target/package has no packages: run make package")
    with tempfile.TemporaryDirectory(prefix="funnelcast-package.") as folder:
        folder = Path(folder)
        app = folder / "app"
        app.mkdir()
        for package in packages:
            shutil.copy(package, app)
        # A WebSocket for Node 20, from what is installed here already.
        pack = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", app, root / "client/node_modules/ws"]
        subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(Path(__file__).with_name("chat.mjs"), app)
        shutil.copy(__file__, folder / "run.py")
        (folder / "documented").write_text("\n".join(documented(root)))
        (folder / "bin").mkdir()
        for program in PROGRAMS:
            (folder / "bin" / program).symlink_to(os.path.realpath(shutil.which(program)))
        hidden = [root, *(Path(os.environ.get(name, Path.home() / default)) for name, default in
                          [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")])]
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += [] if os.geteuid() == 0 else ["--map-root-user"]
        command += [sys.executable, "-I", folder / "run.py", "--inside", folder]
        command += [path for path in hidden if path.is_dir()]
        done = subprocess.run(command, cwd=folder)
    sys.exit(done.returncode)


def documented(root):
    """The commands in the documents that end by themselves."""
    lines = []
    for document in ["README.md", "docs/configuration.md", "docs/deploying.md"]:
        text = (root / document).read_text()
        lines += re.findall(r"^ {4,}(npx funnelcast (?!dev).*)$", text, re.MULTILINE)
        lines += re.findall(r"`(npx funnelcast (?:check|cost|emit|keys|token)[^`]*)`", text)
    check(len(lines) >= 5, "the documents have commands")
    return lines


# ---------------------------------------------------------------- in the namespaces


def inside(folder, hidden):
    for path in hidden:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=4k", "tmpfs", path], check=True)
        check(not any(path.iterdir()), f"{path} is hidden")
    machine = Machine(folder)
    check(shutil.which("cargo", path=machine.environment["PATH"]) is None, "there is no cargo")
    machine.install()
    machine.look_for_paths(hidden)
    taken = take(3000)
    stack = Stack(machine)
    try:
        use(machine, stack)
        for line in (folder / "documented").read_text().splitlines():
            machine.run(["sh", "-c", line])
        reload(machine, stack)
        rotate(machine, stack)
        stack.end()
    except BaseException:
        print(f"the stack's log:\n{stack.log()}", file=sys.stderr)
        raise
    finally:
        if taken:
            taken.close()
    print("the packages work where there is neither Rust nor the checkout")


class Machine:
    """A machine that has Node.js and nothing else, with a user's empty folder."""

    def __init__(self, folder):
        self.app = folder / "app"
        self.home = folder / "home"
        self.home.mkdir()
        self.environment = {"PATH": str(folder / "bin"), "HOME": str(self.home), "LANG": "C.UTF-8"}

    def install(self):
        started = time.monotonic()
        packages = [f"./{path.name}" for path in sorted(self.app.glob("*.tgz"))]
        (self.app / "package.json").write_text('{"private": true}\n')
        self.run(["npm", "install", "--offline", "--no-audit", "--no-fund", *packages])
        print(f"npm install: {time.monotonic() - started:.1f} s")

    def run(self, command, fails=None, environment=None):
        """Runs a command; returns its output, or its error output if it must fail with the code `fails`."""
        done = subprocess.run(
            command, cwd=self.app, env=self.environment | (environment or {}), capture_output=True, text=True, timeout=SECONDS_MAX
        )
        if done.returncode != (fails or 0):
            sys.exit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout if fails is None else done.stderr

    def funnelcast(self, *arguments, fails=None):
        return self.run(["npx", "--offline", "funnelcast", *arguments], fails)

    def look_for_paths(self, hidden):
        """Checks that no binary has a path of the machine that built it, which would be missing on other machines."""
        self.funnelcast("check")  # unpacks the functions
        unpacked = [path for path in self.home.glob(".cache/funnelcast/*/functions/*")]
        check(len(unpacked) >= 18, "the functions are unpacked")
        own = sorted(self.app.glob("node_modules/@funnelcast/cli-*/bin/funnelcast-*"))
        check([path.name for path in own] == ["funnelcast-local", "funnelcast-operator"], "both programs are there")
        for binary in [*unpacked, *own]:
            content = binary.read_bytes()
            for path in hidden:
                check(str(path).encode() + b"/" not in content, f"{binary.name} has no path of {path}")


class Stack:
    """The stack that `npx funnelcast dev` starts."""

    def __init__(self, machine):
        self.machine = machine
        self.log_file = machine.app / "dev.log"
        started = time.monotonic()
        self.process = subprocess.Popen(
            ["npx", "--offline", "funnelcast", "dev", "--json"],
            cwd=machine.app,
            env=machine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log_file.open("w"),
            text=True,
            start_new_session=True,
        )
        late = threading.Timer(SECONDS_MAX, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line:
            sys.exit(f"dev did not start:\n{self.log()}")
        self.ready = json.loads(line)
        print(f"npx funnelcast dev: ready after {time.monotonic() - started:.1f} s")

    def log(self):
        return self.log_file.read_text()

    def chat(self, key, issuer, before):
        """Lets two users chat in a conversation that already has `before` messages."""
        command = ["node", "chat.mjs", self.ready["websocket"], issuer, str(before)]
        print(self.machine.run(command, environment={"TOKEN_KEY": key}).strip())

    def configure(self, text, said="the stack starts again"):
        """Writes the file of parameters, and waits until the stack has said `said` once more."""
        times = self.log().count(said)
        (self.machine.app / "funnelcast.yaml").write_text(text)
        eventually(said, lambda: self.log().count(said) > times)
        eventually("an answer", lambda: answers(self.ready["http"]))

    def end(self):
        """Ends the stack as Ctrl-C does in a terminal, which sends the signal to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(SECONDS_MAX)
        eventually("nothing listens any more", lambda: not answers(self.ready["http"]))
        eventually("nothing says that it is running", lambda: not (self.machine.app / ".funnelcast/ready.json").exists())


def use(machine, stack):
    """Checks each command."""
    ready = stack.ready
    check(not ready["http"].endswith(":3000"), "a port that is taken is left alone")
    check("port 3000 is taken" in stack.log(), "and it is said which is used instead")
    check(ready["env"]["FUNNELCAST_HTTP"] == ready["http"], "the variables are those of this stack")
    check("<title>" in get(ready["http"] + "/"), "the demo page is there")
    check(json.loads(machine.funnelcast("dev", "--json")) == ready, "a second dev finds the first")
    check(len(machine.funnelcast("token", "--user", "user_1", "--company", "biz_1:admin").split(".")) == 3, "token")
    check("samples are" in machine.funnelcast("emit", "nothing", fails=1), "emit names its samples")
    machine.funnelcast("emit", "conversation")
    check("chat" in machine.funnelcast("cost"), "cost")
    check("ok: " in machine.funnelcast("check"), "check")
    check("TOKEN_KEY" in machine.funnelcast("keys"), "keys")
    wrong = machine.funnelcast("check", "--parameter", 'Issuers=[{"kind":"nobody"}]', fails=2)
    check("the parameter Issuers must be a JSON list" in wrong, "check says what is wrong with Issuers")
    (machine.app / "samconfig.toml").write_text(SAMCONFIG)
    wrong = machine.funnelcast("check", "--samconfig", "samconfig.toml", fails=2)
    check("the parameter Issuers must be a JSON list" in wrong, "also in a samconfig.toml")
    check("environment prod" in wrong, "and in which environment")
    check("environment default" not in wrong, "and in no other")
    right = SAMCONFIG.replace('"kind":"nobody"', '"kind":"whop","aud":"app_1"')
    (machine.app / "samconfig.toml").write_text(right)  # for the commands of the documents
    check("admin, member, customer or backend" in machine.funnelcast("token", "--help"), "token names every role")
    stack.chat(ready["env"]["TOKEN_KEY"], "my-app", 0)
    check("nothing is wrong" in machine.funnelcast("doctor", "--local"), "doctor finds the stack, and nothing wrong with it")
    listed = json.loads(machine.funnelcast("connections", "--local", "--user", "nobody", "--json"))
    check(listed["connections"] == [], "connections")


def reload(machine, stack):
    stack.configure("LeaseSeconds: 1\n", said="must be at least 2")
    stack.configure("LeaseSeconds: 600\n")
    stack.chat(stack.ready["env"]["TOKEN_KEY"], "my-app", 2)


def rotate(machine, stack):
    """Replaces a key without refusing a token: first the old key is valid, then both, then the new one."""
    old, new = (json.loads(machine.funnelcast("keys", "--iss", "shop", "--json")) for _ in range(2))
    entry, [key] = old["Issuers"][0], new["Issuers"][0]["keys"]["static"]["keys"]
    stack.configure(json.dumps({"Issuers": [entry]}))
    stack.chat(old["TOKEN_KEY"], "shop", 4)
    entry["keys"]["static"]["keys"].append(key)
    stack.configure(json.dumps({"Issuers": [entry]}))
    stack.chat(old["TOKEN_KEY"], "shop", 6)
    stack.chat(new["TOKEN_KEY"], "shop", 8)
    stack.configure(json.dumps({"Issuers": new["Issuers"]}))
    stack.chat(new["TOKEN_KEY"], "shop", 10)


# ---------------------------------------------------------------- helpers


def take(port):
    """Listens on the port; returns the socket, or `None` if the port is taken already."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        return listener
    except OSError:
        listener.close()
        return None


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def answers(url):
    try:
        return bool(get(url + "/_local"))
    except OSError:
        return False


def eventually(what, condition):
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        check(time.monotonic() < deadline, what)
        time.sleep(0.1)


def check(holds, what):
    if not holds:
        sys.exit(f"package-check: this does not hold: {what}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), [Path(path) for path in sys.argv[3:]])
    else:
        main()
