"""Which workflows would run what an agent wrote while they hold something worth stealing.

Pure: workflow files in, findings out. `init` chooses `ci_trust` by it and `doctor` reports it
(design 5). It errs on the side of a finding: what cannot be judged from the file is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Any

_SECRET = re.compile(r"\bsecrets\s*(?:\.\s*([\w-]+)|\[\s*'([^']*)'\s*\])")
_ALL_SECRETS = re.compile(r"\btojson\(\s*secrets\s*\)|\bsecrets\s*\[\s*[^'\s]", re.IGNORECASE)
# Expressions that name the head of a pull request or of another run: what is checked out then
# was written by an agent, although the event runs the default branch's file.
_HEAD = re.compile(
    r"pull_request\.head|workflow_run\.head|github\.head_ref|refs/pull/|merge_commit_sha"
)
_OWN_CODE = ("push", "pull_request", "pull_request_review", "pull_request_review_comment")
_BORROWED = ("pull_request_target", "workflow_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One workflow that would run agent-written code with something in its hands."""

    path: str
    workflow: str
    why: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.workflow} ({self.path}): {'; '.join(self.why)}"


def exposures(
    workflows: Mapping[str, str],
    *,
    branch_prefix: str = "ao/",
    base: str = "main",
    default_write: bool | None = None,
) -> tuple[Finding, ...]:
    """Findings for workflow files (path to text), in the order of their paths.

    `default_write`: whether a workflow without `permissions` may write (the repository's
    setting); None: not known, which is named as such. Ours are not to be passed.
    """
    parsed = {path: parse(text) for path, text in sorted(workflows.items())}
    found = []
    for path, document in parsed.items():
        if not isinstance(document, dict):
            why = ("it cannot be read",)
            found.append(Finding(path=path, workflow=path, why=why))
            continue
        if runs_agent_code(document, workflows[path], f"{branch_prefix}1", base):
            reasons = tuple(dict.fromkeys(_holdings(path, parsed, default_write)))
            if reasons:
                found.append(Finding(path=path, workflow=name_of(document, path), why=reasons))
    return tuple(found)


def parse(text: str) -> Json:
    """The workflow as data, with its key `on` (YAML 1.1 reads it as true); None: unreadable."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if isinstance(document, dict) and True in document:
        document = {("on" if key is True else key): value for key, value in document.items()}
    return document


def name_of(document: Mapping[str, Json], path: str) -> str:
    """How GitHub calls the workflow: what `workflow_run` names, too."""
    return str(document.get("name") or path)


def events(document: Mapping[str, Json]) -> dict[str, Json]:
    """Event to its filters."""
    on = document.get("on")
    if isinstance(on, str):
        return {on: None}
    if isinstance(on, list):
        return {str(name): None for name in on}
    return {str(name): value for name, value in on.items()} if isinstance(on, dict) else {}


# ---- does it run what an agent wrote? --------------------------------------------------------


def runs_agent_code(document: Mapping[str, Json], text: str, branch: str, base: str) -> bool:
    """Whether a push to `branch`, or its pull request to `base`, makes it run that code."""
    for event, filters in events(document).items():
        target = branch if event == "push" else base
        if event in _OWN_CODE and _passes(event, filters, target):
            return True
        if event in _BORROWED and _HEAD.search(text):
            return True
    return False


def _passes(event: str, filters: Json, branch: str) -> bool:
    if not isinstance(filters, dict):
        return True
    if event == "push" and not {"branches", "branches-ignore"} & set(filters):
        return not {"tags", "tags-ignore"} & set(filters)
    if "branches-ignore" in filters:
        return not _selects(_list(filters["branches-ignore"]), branch)
    return "branches" not in filters or _selects(_list(filters["branches"]), branch)


def _selects(patterns: list[str], branch: str) -> bool:
    """As GitHub does it: in order, and a later pattern beats an earlier one."""
    chosen = False
    for pattern in patterns:
        negative = pattern.startswith("!")
        if _matches(pattern.removeprefix("!"), branch):
            chosen = not negative
    return chosen


def _matches(pattern: str, branch: str) -> bool:
    try:
        return re.fullmatch(_regex(pattern), branch) is not None
    except re.error:
        return True  # GitHub may read it otherwise than we do


def _regex(pattern: str) -> str:
    """A filter pattern (docs "Filter pattern cheat sheet") as a regular expression."""
    out = ""
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**", index):
            out, index = f"{out}.*", index + 1
        elif char == "*":
            out += "[^/]*"
        elif char in "?+":
            out += char if out else re.escape(char)
        elif char == "[" and "]" in pattern[index:]:
            end = pattern.index("]", index)
            out, index = f"{out}[{re.escape(pattern[index + 1 : end])}]".replace("\\-", "-"), end
        else:
            out += re.escape(char)
        index += 1
    return out


# ---- what does it hold? ----------------------------------------------------------------------


def _holdings(
    path: str,
    parsed: Mapping[str, Json],
    default_write: bool | None,  # noqa: FBT001
    depth: int = 0,
) -> Iterator[str]:
    document = parsed[path]
    yield from _secrets(document)
    top = document.get("permissions")
    for job_name, job in _jobs(document):
        given = job.get("permissions", top)
        yield from _rights(job_name, given, default_write)
        called = _called(job)
        if called in parsed and isinstance(parsed[called], dict) and depth < 4:
            inner = _holdings(called, parsed, None, depth + 1)
            yield from (why for why in inner if "no `permissions`" not in why)


def _secrets(document: Json) -> Iterator[str]:
    names = set()
    for text in _strings(document):
        for dotted, quoted in _SECRET.findall(text):
            names.add((dotted or quoted).upper())
        if _ALL_SECRETS.search(text):
            yield "it reads all secrets"
    names.discard("GITHUB_TOKEN")
    if names:
        yield f"it reads the secret{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}"
    if any(job.get("secrets") == "inherit" for _, job in _jobs(document)):
        yield "it hands all secrets to another workflow"


def _rights(job: str, given: Json, default_write: bool | None) -> Iterator[str]:  # noqa: FBT001
    if given == "write-all":
        yield f"job {job} may write everything"
    elif isinstance(given, dict):
        writes = sorted(str(key) for key, value in given.items() if value == "write")
        if "id-token" in writes:
            yield f"job {job} may get an id-token"
        others = [name for name in writes if name != "id-token"]
        if others:
            yield f"job {job} has {', '.join(f'{name}: write' for name in others)}"
    elif given is None and default_write is not False:
        may = "may" if default_write else "may, by the repository's setting,"
        yield f"job {job} has no `permissions`, so it {may} write"


def _called(job: Mapping[str, Json]) -> str:
    """The reusable workflow of this repository that a job calls."""
    uses = job.get("uses")
    return uses.removeprefix("./") if isinstance(uses, str) and uses.startswith("./") else ""


def _jobs(document: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    jobs = document.get("jobs")
    for name, job in jobs.items() if isinstance(jobs, dict) else ():
        if isinstance(job, dict):
            yield str(name), job


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _list(value: Json) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]
