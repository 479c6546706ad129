"""git, run safely: one place that starts it, hides the token and turns failure into errors.

The token goes to git by environment (`GIT_CONFIG_*`), never by argument or URL, so no process
listing, log or `.git/config` holds it. Hooks, prompts and foreign transports are off. Only
arguments made by us are passed; outside text travels by standard input or file. Reads of the
remote are tried again where it did not answer; a push never is, here, but where a limit refused it.
"""

from __future__ import annotations

import base64
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ao_actions.errors import GitError, RateLimitError, ToolMissingError
from ao_actions.gitsays import Done, ending, objects, reason, wait_after
from ao_actions.patience import Patience

_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "submodule.recurse": "false",
    "protocol.ext.allow": "never",
    "credential.helper": "",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "transfer.fsckObjects": "true",
    "gc.auto": "0",
    "advice.detachedHead": "false",
    "core.quotePath": "false",
    "core.useReplaceRefs": "false",
}
# Packs are mapped in small windows, for what is mapped counts as memory.
_FRUGAL = {"core.packedGitWindowSize": "32m", "core.packedGitLimit": "512m"}
# What one command may use that reads what an agent made: seconds of a processor, and bytes.
CPU = 120
MEMORY = 2 * 1024**3
FILE = 1024**3
OUTPUT = 128 * 1024**2
LITTLE = 1024**2  # bytes: with no more than that left, a disk is full


WHOLE = 2**31 - 1  # a depth: the whole history, also into a shallow repository (git-fetch(1))

# `merge-tree --write-tree`; for the ledger 2.30 would do (`push --atomic` with leases)
OLDEST = (2, 38)

# Of our environment; the token that it needs comes by configuration.
_NOT_FOR_GIT = ("GITHUB_TOKEN", "GH_TOKEN", "AO_PUSH_TOKEN", "AO_METER", "ACTIONS_RUNTIME_TOKEN")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes a commit."""

    name: str
    email: str


BOT = Identity("ao-actions", "ao-actions@users.noreply.github.com")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository to fetch from and push to, with the token that opens it."""

    url: str
    token: str | None = field(default=None, repr=False)

    def config(self) -> dict[str, str]:
        """Git configuration that authenticates requests to this host and no other."""
        parts = urlsplit(self.url)
        if self.token is None or parts.scheme not in ("http", "https"):
            return {}
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        origin = f"{parts.scheme}://{parts.netloc}/"
        return {f"http.{origin}.extraheader": f"AUTHORIZATION: basic {basic}"}


class Git:
    """git in one directory, against one remote."""

    def __init__(self, directory: Path, remote: Remote | None = None) -> None:
        self.directory = directory
        self.remote = remote
        self.patience = Patience()

    @classmethod
    def scratch(cls, directory: Path, remote: Remote | None = None) -> Git:
        """A new, empty, bare repository in `directory`."""
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        git = cls(directory, remote)
        git.run("init", "--quiet", "--bare", "--template=", str(directory))
        return git

    def run(
        self,
        *args: str,
        input: bytes | None = None,  # noqa: A002 - as in subprocess.run
        identity: Identity = BOT,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What the command prints, stripped.

        :raises GitError: it failed
        """
        done = self.attempt(*args, input=input, identity=identity, env=env)
        if done.code != 0:
            message = done.err.strip().splitlines()
            last = message[-1] if message else ending(done.code)
            raise GitError(f"git {args[0]}: {last}{self._room()}", output=done.err)
        return done.text

    def attempt(
        self,
        *args: str,
        input: bytes | None = None,  # noqa: A002 - as in subprocess.run
        identity: Identity = BOT,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the command and say how it went, whatever its exit code.

        :raises ToolMissingError: there is no git on this machine
        """
        try:
            import git as gitpython
        except ImportError as error:
            raise ToolMissingError(
                "git was not found: install git 2.38 or newer and put it on PATH"
            ) from error
        driver = gitpython.cmd.Git(str(self.directory))
        path = (env or {}).get("PATH") or os.environ.get("PATH", os.defpath)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(input or b"")
            stdin.seek(0)
            try:
                code, out, err = driver.execute(
                    [_program(path), *args],
                    istream=stdin,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    env=self._environment(identity, env or {}),
                )
            except gitpython.exc.GitCommandNotFound as error:
                raise ToolMissingError(
                    "git was not found: install git 2.38 or newer and put it on PATH"
                ) from error
        return Done(int(code), bytes(out), str(err))

    def bounded(self, *args: str, stdin: IO[bytes] | None = None) -> bytes:
        """What a command prints that reads tainted objects: small ones can unfold without end.

        :raises GitError: it failed, or wanted more than CPU, MEMORY, FILE or OUTPUT
        """
        env = {**os.environ, **self._environment(BOT, {}, _FRUGAL)}
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [_program(os.environ.get("PATH", os.defpath)), *args],
                cwd=self.directory,
                env=env,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
            )
            with process:
                _limit(process.pid)
                assert process.stdout is not None  # noqa: S101 - it is a pipe
                out = process.stdout.read(OUTPUT + 1)
                if len(out) > OUTPUT:
                    process.kill()
            if len(out) > OUTPUT:
                raise GitError(f"git {args[0]}: it prints more than {OUTPUT} bytes")
            if process.returncode == 0:
                return out
            err.seek(0)
            said = err.read(10_000).decode(errors="replace")
        ended = f"it was ended by signal {-process.returncode}"
        last = said.strip().splitlines()[-2:] or [ended]
        raise GitError(f"git {args[0]}: {' '.join(last)}", output=said)

    def sizes(self, oids: Iterable[str]) -> list[int]:
        """Bytes of each object, in order.

        :raises GitError: see `bounded`; or one is not there
        """
        out = self._ask("--batch-check=%(objectsize)", oids)
        try:
            return [int(line) for line in out.splitlines()]
        except ValueError:
            raise GitError("git cat-file: an object is missing") from None

    def blobs(self, names: Iterable[str]) -> list[bytes | None]:
        """The contents of objects (`OID` or `COMMIT:PATH`, one line each), None for a missing one.

        :raises GitError: see `bounded`
        """
        return list(objects(self._ask("--batch", names)))

    def _ask(self, form: str, names: Iterable[str]) -> bytes:
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            wanted.seek(0)
            return self.bounded("cat-file", form, stdin=wanted)

    def _environment(
        self, identity: Identity, extra: Mapping[str, str], more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        config = {**_CONFIG, **(self.remote.config() if self.remote else {}), **(more or {})}
        env = {
            **{name: "" for name in _NOT_FOR_GIT if name in os.environ},
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_CONFIG_COUNT": str(len(config)),
            "GIT_AUTHOR_NAME": identity.name,
            "GIT_AUTHOR_EMAIL": identity.email,
            "GIT_COMMITTER_NAME": identity.name,
            "GIT_COMMITTER_EMAIL": identity.email,
        }
        for index, (key, value) in enumerate(config.items()):
            env[f"GIT_CONFIG_KEY_{index}"] = key
            env[f"GIT_CONFIG_VALUE_{index}"] = value
        return {**env, **extra}

    # ---- what several callers need ---------------------------------------------------------

    def fetch(self, *refspecs: str, depth: int | None = 1, filters: str | None = None) -> bool:
        """Fetch from the remote; False where it has no such ref.

        :raises GitError: the remote did not answer, or refused
        :raises RateLimitError: it does not for longer than we wait
        """
        options = ["--quiet", "--no-tags", "--no-write-fetch-head"]
        options += [f"--depth={depth}"] if depth else []
        options += [f"--filter={filters}"] if filters else []
        done = self._patiently("fetch", *options, self._url(), *refspecs)
        if done.code == 0:
            return True
        if "couldn't find remote ref" in done.err:
            return False
        raise GitError(self._explain("fetch", done.err), output=done.err)

    def fetch_left_out(self, oids: Sequence[str]) -> None:
        """Fetch these objects, which `filters` left out of an earlier fetch.

        Nothing is said of what is here, or the remote would take them to be here too.

        :raises GitError: the remote did not answer, or has one no more
        """
        if not oids:
            return
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refetch")
        done = self._patiently("fetch", *options, "--filter=blob:none", self._url(), *oids)
        if done.code != 0:
            raise GitError(self._explain("fetch", done.err), output=done.err)

    def remote_refs(self, *patterns: str) -> dict[str, str]:
        """The remote's refs that match, as they are now: name to commit."""
        done = self._patiently("ls-remote", "--quiet", self._url(), *patterns)
        if done.code != 0:
            raise GitError(self._explain("ls-remote", done.err), output=done.err)
        pairs = (line.split("\t", 1) for line in done.text.splitlines())
        return {name: oid for oid, name in pairs}

    def _patiently(self, *args: str) -> Done:
        """A read of the remote, tried again where no answer came."""
        turn = 0
        while True:
            done = self._unlimited(*args)
            turn += 1
            if not done.unanswered or not self.patience.before_try(turn):
                return done

    def _unlimited(self, *args: str) -> Done:
        """A command that the remote answers, once no limit refuses it any more.

        :raises RateLimitError: the limit lasts longer than we wait
        """
        while True:
            done = self._traced(*args)
            if done.wait is None:
                return done
            if not self.patience.wait(done.wait):
                raise RateLimitError(
                    f"{self._explain(args[0], done.err)}: the limit is over in {done.wait:.0f} "
                    "seconds, the next pass goes on",
                    status=429,
                )

    def _traced(self, *args: str) -> Done:
        """How a command went, and for how long the remote wants to be left alone. git redacts
        tokens in its trace, which nobody else may read."""
        with tempfile.TemporaryDirectory(prefix="ao-git-") as private:
            trace = Path(private) / "headers"
            trace.touch()
            env = {
                "GIT_TRACE_CURL": str(trace),
                "GIT_TRACE_CURL_NO_DATA": "1",
                "GIT_TRACE_REDACT": "1",
            }
            done = self.attempt(*args, env=env)
            return replace(done, wait=wait_after(done.err, trace.read_bytes()))

    def push(self, moves: Mapping[str, tuple[str, str]]) -> Done:
        """Move refs together or not at all: ref to (old commit, new commit).

        Each move is leased on its old commit ("" = the ref must not exist), so it can only be
        refused, never overwrite (design 3). The caller reads the refs to learn what happened.

        :raises RateLimitError: a limit refuses it for longer than we wait
        """
        leases = [f"--force-with-lease={ref}:{old}" for ref, (old, _) in moves.items()]
        specs = [f"{new}:{ref}" for ref, (_, new) in moves.items()]
        return self._unlimited("push", "--porcelain", "--atomic", *leases, self._url(), *specs)

    def _url(self) -> str:
        assert self.remote is not None  # noqa: S101 - only repositories with a remote get here
        return self.remote.url

    def _explain(self, verb: str, err: str) -> str:
        return f"git {verb} {self._url()}: {reason(err)}{self._room()}"

    def _room(self) -> str:
        """git does not always say that the disk is full."""
        free = shutil.disk_usage(self.directory).free
        left = f" (the disk is full: {free} bytes are left in {self.directory})"
        return "" if free > LITTLE else left


def check_version() -> None:
    """:raises ToolMissingError: there is no git, or one that is too old for what we do"""
    said = Git(Path.cwd()).attempt("--version").text
    found = re.search(r"(\d+)\.(\d+)[\w.]*", said)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST:
        raise ToolMissingError(
            f"git {found[0]} is too old: install git {OLDEST[0]}.{OLDEST[1]} or newer and put it "
            "on PATH"
        )


@functools.cache
def _program(path: str) -> str:
    """git's absolute path, looked up once: later an agent may have put one on PATH."""
    return shutil.which("git", path=path) or "git"


def _limit(pid: int) -> None:
    if sys.platform == "linux":  # where `publish` runs; elsewhere only OUTPUT holds
        import resource

        for kind, most in (
            (resource.RLIMIT_CPU, CPU),
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_FSIZE, FILE),
        ):
            hard = resource.prlimit(pid, kind)[1]  # nobody may go beyond it
            limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, kind, (limit, limit))
