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

_SECRETS = re.compile(r"(?<![\w.-])secrets(?![\w-])", re.IGNORECASE)
_SECRET = re.compile(r"\.\s*([\w-]+)|\[\s*'([^']*)'\s*\]")
# Code or files that another one wrote, taken although the event runs the default branch's file:
# the head of a pull request or run, by expression, ref or the command line.
_HEAD = re.compile(
    r"pull_request\.head|workflow_run\.head|check_(?:run|suite)\.(?:head|pull_requests)"
    r"|github\.event\.(?:sha|commit|branches|head_commit|client_payload)|github\.head_ref"
    r"|refs/pull/|\bpull/[^/\n]{1,200}/(?:head|merge)\b|merge_commit_sha|headRef|\bgh\s+(?:pr|co)\s+checkout",
    re.IGNORECASE,
)
_FILES = re.compile(r"download-artifact@|\bgh\s+run\s+download|/artifacts\b", re.IGNORECASE)
# A `ref` of these is the default branch, or what a person with write permission named.
_HARMLESS = re.compile(
    r"\$\{\{\s*(?:github\.(?:sha|ref|ref_name|base_ref)|(?:github\.event\.)?inputs\.[\w-]+|vars\.\w+"
    r"|github\.event\.(?:repository\.default_branch|pull_request\.base\.\w+))\s*\}\}"
)
# They run the task's branch, its pull request, or the commit that somebody deploys of them.
# `merge_group` does not count: a person has put the pull request into the queue.
_OWN_CODE = (
    *("push", "pull_request", "pull_request_review", "pull_request_review_comment"),
    *("create", "deployment", "deployment_status"),
)
_OF_PULLS = ("push", "pull_request", "merge_group", "workflow_call")
_BY_BRANCH = ("push", "workflow_run")  # the others filter by the base
HOSTED = re.compile(r"(?:ubuntu|windows|macos)-[\w.-]+")


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
        if runs_agent_code(path, parsed, f"{branch_prefix}1", base):
            reasons = tuple(dict.fromkeys(_holdings(path, parsed, default_write, set())))
            if reasons:
                found.append(Finding(path=path, workflow=name_of(document, path), why=reasons))
    return tuple(found)


def parse(text: str) -> Json:
    """The workflow as data, with its key `on` (YAML 1.1 reads it as true); None: unreadable."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date that is none; too deep
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


def runs_agent_code(path: str, parsed: Mapping[str, Json], branch: str, base: str) -> bool:
    """Whether a push to `branch`, its pull request to `base`, or what follows from them makes
    the workflow at `path` run, or take in, what an agent wrote."""
    for event, filters in events(parsed[path]).items():
        passes = _passes(event, filters, branch if event in _BY_BRANCH else base)
        if event in _OWN_CODE and passes:
            return True
        if event not in _OF_PULLS and passes and _borrows(event, path, parsed, set()):
            return True
    return False


def _borrows(event: str, path: str, parsed: Mapping[str, Json], seen: set[str]) -> bool:
    """Whether a job fetches another's code, or the files that a run of it made."""
    seen.add(path)
    for _, job in _jobs(parsed[path]):
        parts = [job.get(key) for key in ("steps", "env", "with")]
        texts = [text for part in (*parts, parsed[path].get("env")) for text in _strings(part)]
        if any(_HEAD.search(text) for text in texts) or any(map(_odd_checkout, _steps(job))):
            return True
        if event == "workflow_run" and any(_FILES.search(text) for text in texts):
            return True
        called = _called(job)
        readable = called not in seen and isinstance(parsed.get(called), dict)
        if readable and _borrows(event, called, parsed, seen):
            return True
    return False


def _odd_checkout(step: Mapping[str, Json]) -> bool:
    """A checkout of what only the run knows."""
    given = step.get("with")
    if "checkout@" not in str(step.get("uses")) or not isinstance(given, dict):
        return False
    return any("${{" in _HARMLESS.sub("", str(given.get(key))) for key in ("ref", "repository"))


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
    seen: set[str],
) -> Iterator[str]:
    seen.add(path)
    document = parsed[path]
    yield from _secrets(document)
    top = document.get("permissions")
    for name, job in _jobs(document):
        if len(seen) == 1:  # a called workflow has what its caller gives, at most
            yield from _rights(name, job.get("permissions", top), default_write)
        yield from _place(name, job)
        called = _called(job)
        if isinstance(parsed.get(called), dict):
            if called not in seen:
                yield from _holdings(called, parsed, default_write, seen)
        elif called:
            yield f"job {name} runs {called}, which cannot be read here"


def _secrets(document: Json) -> Iterator[str]:
    names = set()
    for text in _strings(document):
        for rest in _SECRETS.split(" ".join(_expressions(text)))[1:]:
            found = _SECRET.match(rest.lstrip())
            if found is None:
                yield "it reads all secrets"
            else:
                names.add((found[1] or found[2]).upper())
    names.discard("GITHUB_TOKEN")
    if names:
        yield f"it reads the secret{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}"
    if any(job.get("secrets") == "inherit" for _, job in _jobs(document)):
        yield "it hands all secrets to another workflow"


def _place(name: str, job: Mapping[str, Json]) -> Iterator[str]:
    """The environment and the machine that a job runs in."""
    environment = job.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    if environment:
        yield f"job {name} may use the environment {environment}"
    runner = job.get("runs-on")
    if isinstance(runner, dict):
        runner = [*_list(runner.get("labels") or []), *_list(runner.get("group") or [])]
    labels = _list(runner or [])
    if any(label.startswith("${{ matrix.") for label in labels):
        strategy = list(_strings(job.get("strategy")))
        labels = [part for part in strategy if "self-hosted" in part or "${{" in part]
    strange = [label for label in labels if not HOSTED.fullmatch(label)]
    if strange:
        yield f"job {name} runs on {', '.join(strange)}: if that machine is kept, so is what ran"


def _expressions(text: str) -> Iterator[str]:
    """Each to the last end behind it: a quoted text in one may hold the signs of an end."""
    for part in text.split("${{")[1:]:
        yield part.rpartition("}}")[0]


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
    """The reusable workflow that a job calls; one of this repository by its path."""
    uses = job.get("uses")
    return uses.removeprefix("./") if isinstance(uses, str) else ""


def _jobs(document: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    jobs = document.get("jobs")
    for name, job in jobs.items() if isinstance(jobs, dict) else ():
        if isinstance(job, dict):
            yield str(name), job


def _steps(job: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    steps = job.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            yield step


def _strings(value: Json) -> Iterator[str]:
    """All texts in it. Anchors let a file hold itself, or one part a million times: each once."""
    todo, seen = [value], set()
    while todo:
        part = todo.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict | list) and id(part) not in seen:
            seen.add(id(part))
            todo.extend(part.values() if isinstance(part, dict) else part)


def _list(value: Json) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]
