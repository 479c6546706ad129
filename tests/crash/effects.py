"""Every effect that the product has on GitHub in a task's life: where in the code it is, what it is
called in the table, and how a request is known as one of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import ao_actions
from ao_actions.core import actions, cleanup
from ao_actions.core.model import Phase
from tests.played.github import Played

ARTIFACT = "hand-off uploaded"  # by a step of ao-work.yml, not by a program of ours
TRANSITIONS = tuple(kind.__name__ for kind in get_args(actions.Transition))
ACTIONS = frozenset(
    kind.__name__
    for kind in (*get_args(actions.Action), *get_args(cleanup.Action))
    if kind is not cleanup.Keep
)

# Every function that writes to GitHub, and the effects that are made by it.
SITES: dict[str, tuple[str, ...]] = {
    "ledger.Ledger.transact": TRANSITIONS,
    "ledger.Ledger.push": (),  # all the others' way
    "forge.act.dispatch_workflow": ("Dispatch", "a pass woken"),
    "forge.act._run_call": ("Rerun of ao-work", "Rerun of ci", "Rerun of ao-review", "Cancel"),
    "forge.act.open_pull": ("OpenPull",),
    "forge.act._on_thread": ("Answer on a thread",),
    "forge.act._resolve": ("Answer, thread resolved",),
    "forge.act._react": ("React",),
    "forge.act._label": ("Label put on", "Label taken off"),
    "forge.act._assign": ("Assign",),
    "forge.act._request_review": ("RequestReview",),
    "forge.act._report": ("Report, first",),
    "forge.act._rewritten": ("Report, again",),
    "forge.act._say": ("Answer in a conversation", "Notice"),
    "publish._transact": ("published with a branch", "published in the ledger alone"),
    "cleanup.Cleaner._delete_branch": ("DeleteBranch", "DeleteBranch, kept in the attic"),
    "forge.artifacts.delete": ("DeleteArtifact",),
    "upkeep.repair.perform": ("ledger repair",),
    "upkeep.compact.perform": ("ledger compact",),
}
EFFECTS = tuple(dict.fromkeys(name for names in SITES.values() for name in names))

# verb, path below the API (or the GraphQL mutation), how the body's words begin, name
_REQUESTS = (
    ("POST", r".*/workflows/ao-work.yml/dispatches", "", "Dispatch"),
    ("POST", r".*/workflows/ao-reconcile.yml/dispatches", "", "a pass woken"),
    ("POST", r".*/actions/runs/\d+/cancel", "", "Cancel"),
    ("POST", r".*/pulls", "", "OpenPull"),
    ("POST", r".*/issues/\d+/labels", "", "Label put on"),
    ("DELETE", r".*/issues/\d+/labels/.*", "", "Label taken off"),
    ("POST", r".*/issues/\d+/assignees", "", "Assign"),
    ("POST", r".*/pulls/\d+/requested_reviewers", "", "RequestReview"),
    ("POST", r".*/issues/\d+/comments", "<!-- ao:status ", "Report, first"),
    ("PATCH", r".*/issues/comments/\d+", "<!-- ao:status ", "Report, again"),
    ("POST", r".*/issues/\d+/comments", "<!-- ao:limit ", "Notice"),
    ("POST", r".*/issues/\d+/comments", "<!-- ao:reply ", "Answer in a conversation"),
    ("DELETE", r".*/actions/artifacts/\d+", "", "DeleteArtifact"),
    ("POST", r"addPullRequestReviewThreadReply", "", "Answer on a thread"),
    ("POST", r"resolveReviewThread", "", "Answer, thread resolved"),
    ("POST", r"addReaction", "", "React"),
)
_MUTATION = re.compile(r"mutation \w+.*?\{\s*(\w+)\(", re.DOTALL)
_RERUN = re.compile(r".*/actions/runs/(\d+)/rerun(-failed-jobs)?")


def is_write(incoming: Any) -> bool:
    place = incoming.path
    if incoming.method in ("GET", "HEAD") or place.endswith("/git-upload-pack"):
        return False
    return not place.endswith("/graphql") or _mutation(incoming) is not None


def _mutation(incoming: Any) -> str | None:
    found = _MUTATION.match(incoming.json()["query"].strip())
    return found[1] if found else None


def is_push(incoming: Any) -> bool:
    return bool(incoming.path.endswith("/git-receive-pack"))


def request_name(world: Played, incoming: Any) -> str:
    """The name of a write to the API; one without a name is an error."""
    place = incoming.path.removeprefix("/api/v3")
    if (again := _RERUN.fullmatch(place)) is not None:
        run = next(run for run in world.repo.runs if run.id == int(again[1]))
        return f"Rerun of {Path(run.path).stem}"
    words = ""
    if place.endswith("/graphql"):
        place = _mutation(incoming) or place
    elif "/comments" in place:
        words = incoming.json()["body"]
    for verb, path, begin, name in _REQUESTS:
        fits = verb == incoming.method and re.fullmatch(path, place)
        if fits and words.startswith(begin):
            return name
    raise AssertionError(f"{incoming.method} {place} {words[:40]!r} has no row in this table")


# ---- pushes --------------------------------------------------------------------------------

_FIELDS = {
    "issue": r"\d+",
    "epoch": r"\d+",
    "phase": f"{Phase.DONE}|{Phase.WITHDRAWN}",
    "words": r"/ao .+",
}


def _pattern(line: str) -> re.Pattern[str]:
    """Of the lines that `actions.describe` makes of this."""
    parts = re.split(r"\{0\.([\w.]+)\}", line)
    words = [
        f"(?:{_FIELDS.get(part, '.+')})" if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    ]
    return re.compile("".join(words))


_LINES = {kind.__name__: _pattern(kind.line) for kind in get_args(actions.Transition)}


def refs(world: Played) -> dict[str, str]:
    lines = world.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def push_names(world: Played, before: dict[str, str]) -> tuple[str, ...]:
    """What a push was that has just been done."""
    assert world.current is not None
    program, *more = world.current.arguments
    after = refs(world)
    moved = {ref for ref in {*before, *after} if before.get(ref) != after.get(ref)}
    if program == "ledger":
        return (f"ledger {more[0]}",)
    if program == "cleanup":
        kept = any(ref.startswith("refs/ao/attic/") for ref in moved)
        return ("DeleteBranch, kept in the attic" if kept else "DeleteBranch",)
    if program == "publish":
        branch = any(ref.startswith("refs/heads/") for ref in moved)
        return ("published with a branch" if branch else "published in the ledger alone",)
    message = world.git("log", "-1", "--format=%b", after["refs/ao/ledger"]).splitlines()
    found = [
        name for line in message for name, pattern in _LINES.items() if pattern.fullmatch(line)
    ]
    assert found, f"nothing is known of the push of {program}: {message}"
    return tuple(dict.fromkeys(found))


# ---- the code ------------------------------------------------------------------------------

# A person sets the repository up, before there is a task; the others are no part of the factory.
_ELSEWHERE = ("setup", "demo", "localgithub", "modelserver", "meter")


def writers() -> set[str]:
    """The functions of the product that write to GitHub, by module and name."""
    root = Path(ao_actions.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        module = path.relative_to(root).with_suffix("").parts
        if module[0] in _ELSEWHERE:
            continue
        for name, function in _functions(ast.parse(path.read_text(encoding="utf-8")), ()):
            if any(_writes(node) for node in ast.walk(function) if isinstance(node, ast.Call)):
                found.add(".".join((*module, *name)))
    return found


def _functions(
    tree: ast.AST, place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield (*place, node.name), node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, (*place, node.name))


def _writes(call: ast.Call) -> bool:
    """A REST request with another verb than GET, a GraphQL mutation, or a push."""
    if not isinstance(call.func, ast.Attribute):
        return False
    match call.func.attr:
        case "request":
            verb = call.args[0] if call.args else None
            return isinstance(verb, ast.Constant) and verb.value != "GET"
        case "graphql":
            return any(keyword.arg == "write" for keyword in call.keywords)
        case "push":
            return True
    return False
