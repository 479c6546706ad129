"""Which workflow files an event starts (docs, "Events that trigger workflows")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ao_actions.localgithub.actions import globs
from ao_actions.localgithub.actions.values import to_number, to_string
from ao_actions.localgithub.actions.workflow import WorkflowFile
from ao_actions.localgithub.errors import unprocessable

# Activity types that start a run when `types:` is left out. Events that are not named here
# run for every type.
DEFAULT_TYPES: dict[str, frozenset[str]] = {
    "pull_request": frozenset({"opened", "synchronize", "reopened"}),
    "pull_request_target": frozenset({"opened", "synchronize", "reopened"}),
}

# The workflow file and the checkout come from the pull request's merge commit.
PULL_EVENTS = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})
# Only what happens with the default branch's file counts.
DEFAULT_BRANCH_EVENTS = frozenset(
    [
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "discussion",
        "discussion_comment",
        "issue_comment",
        "issues",
        "label",
        "milestone",
        "pull_request_target",
        "repository_dispatch",
        "schedule",
        "status",
        "workflow_run",
        "watch",
    ]
)
EVENTS = PULL_EVENTS | DEFAULT_BRANCH_EVENTS | {"push", "create", "delete"}
MAX_CHAIN = 3  # workflow_run chains (docs: "up to three levels")


@dataclass(slots=True)
class Occasion:
    """One event, with what the filters look at."""

    event: str
    action: str | None
    payload: dict[str, Any] = field(default_factory=dict)
    branch: str | None = None  # pushed branch, a pull request's base, a run's head branch
    tag: str | None = None
    # asked for only if a `paths` filter exists: it takes a diff
    changed: Callable[[], Iterable[str]] = list


def matches(workflow: WorkflowFile, occasion: Occasion) -> bool:
    """Whether the event starts this workflow."""
    if occasion.event not in workflow.triggers:
        return False
    raw = workflow.triggers[occasion.event]
    if occasion.event == "schedule":
        return occasion.payload.get("schedule") in workflow.crons
    settings: dict[str, Any] = raw if isinstance(raw, dict) else {}
    return (
        _type_matches(settings, occasion)
        and _workflow_matches(settings, occasion)
        and _ref_matches(settings, occasion)
        and _paths_match(settings, occasion)
    )


def _type_matches(settings: dict[str, Any], occasion: Occasion) -> bool:
    wanted = _words(settings.get("types"))
    if wanted:
        return occasion.action in wanted
    default = DEFAULT_TYPES.get(occasion.event)
    return default is None or occasion.action in default


def _workflow_matches(settings: dict[str, Any], occasion: Occasion) -> bool:
    """workflow_run names the workflows that it waits for; without them it never runs."""
    if occasion.event != "workflow_run":
        return True
    name = (occasion.payload.get("workflow") or {}).get("name")
    return name in _words(settings.get("workflows"))


def _ref_matches(settings: dict[str, Any], occasion: Occasion) -> bool:
    keys = settings.keys()
    if occasion.tag is not None:
        if "tags" in keys or "tags-ignore" in keys:
            return _filtered(settings, "tags", occasion.tag)
        return not {"branches", "branches-ignore"} & keys
    if occasion.branch is None:
        return True
    if "branches" in keys or "branches-ignore" in keys:
        return _filtered(settings, "branches", occasion.branch)
    # only tags are asked for: a branch does not start it (docs, "push")
    return occasion.event != "push" or not {"tags", "tags-ignore"} & keys


def _filtered(settings: dict[str, Any], key: str, name: str) -> bool:
    if key in settings:
        return globs.matches(_words(settings[key]), name)
    return not globs.matches(_words(settings[f"{key}-ignore"]), name)


def _paths_match(settings: dict[str, Any], occasion: Occasion) -> bool:
    if occasion.event not in {"push", "pull_request", "pull_request_target"} or occasion.tag:
        return True  # docs: "path filters are not evaluated for pushes of tags"
    if "paths" in settings:
        return globs.any_path(_words(settings["paths"]), occasion.changed())
    if "paths-ignore" in settings:
        changed = list(occasion.changed())
        return not changed or not globs.all_paths(_words(settings["paths-ignore"]), changed)
    return True


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]


def dispatch_inputs(workflow: WorkflowFile, given: dict[str, Any]) -> dict[str, Any]:
    """The `inputs` context of a dispatch, typed and with defaults; 422 as GitHub words it."""
    if "workflow_dispatch" not in workflow.triggers:
        raise unprocessable("Workflow does not have 'workflow_dispatch' trigger")
    settings = workflow.triggers["workflow_dispatch"] or {}
    declared: dict[str, Any] = settings.get("inputs") or {}
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise unprocessable(f"Unexpected inputs provided: {unknown!r}".replace("'", '"'))
    return {name: _input(name, spec or {}, given) for name, spec in declared.items()}


def _input(name: str, spec: dict[str, Any], given: dict[str, Any]) -> Any:
    kind = spec.get("type", "string")
    value = given.get(name)
    if value is None or value == "":
        if spec.get("required") and spec.get("default") is None:
            raise unprocessable(f"Required input '{name}' not provided")
        value = spec.get("default", False if kind == "boolean" else "")
    text = to_string(value)
    if kind == "boolean":
        if text not in {"true", "false"}:
            raise unprocessable(f"Provided value '{text}' for input '{name}' is not a boolean")
        return text == "true"
    if kind == "number" and text:
        number = to_number(text)
        if number != number:  # noqa: PLR0124 - NaN
            raise unprocessable(f"Provided value '{text}' for input '{name}' is not a number")
        return number
    if kind == "choice" and text not in _words(spec.get("options")):
        raise unprocessable(
            f"Provided value '{text}' for input '{name}' not in the list of allowed values"
        )
    return text
