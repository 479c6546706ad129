"""The copy of a workflow that act gets: one job alone, all that the service decided filled in.

act would run the needed jobs again and knows neither permissions nor concurrency. So the copy
holds a single job; `needs`, `matrix`, `inputs` and the parts of `github` that act leaves empty
are written into its expressions as literals. The copy is JSON, which is YAML too.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ao_actions.localgithub.actions import expressions
from ao_actions.localgithub.actions.expressions import ExpressionError
from ao_actions.localgithub.actions.values import literal
from ao_actions.localgithub.actions.workflow import JobSpec, WorkflowFile

RUNNER = "ubuntu-latest"

# What the service does itself, or what act's older schema refuses.
_SERVICE_KEYS = frozenset(
    {"needs", "if", "concurrency", "permissions", "environment", "strategy", "outputs"}
    | {"timeout-minutes", "continue-on-error", "name", "runs-on"}
)
_JOB_KEYS = frozenset({"env", "defaults", "steps"})
_STEP_KEYS = frozenset(
    {"id", "name", "if", "uses", "run", "with", "env", "shell", "working-directory"}
    | {"continue-on-error", "timeout-minutes"}
)
# Docs, "Workflow syntax", jobs.<job_id>.steps[*].shell; the first for a step that names none.
_SHELLS = {
    "": "bash -e {0}",
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
}


@dataclass(slots=True)
class Isolated:
    text: str
    removed: list[str]  # keys that neither the service nor act knows


def isolate(
    workflow: WorkflowFile,
    job: JobSpec,
    *,
    event: str,
    wrapper: str,
    literals: Mapping[str, Any],
    properties: Mapping[tuple[str, str], Any],
) -> Isolated:
    """`literals` replaces whole contexts by name, `properties` single ones (github.x).

    `wrapper` is the sh script that runs the shells of the steps.
    """
    removed = [key for key in job.raw if key not in _JOB_KEYS and key not in _SERVICE_KEYS]
    copy: dict[str, Any] = {key: job.raw[key] for key in ("env", "defaults") if key in job.raw}
    steps: list[dict[str, Any]] = []
    for step in job.steps:
        removed += [f"steps.{key}" for key in step if key not in _STEP_KEYS]
        kept = {key: value for key, value in step.items() if key in _STEP_KEYS}
        if "run" in step:
            kept["shell"] = _wrapped(_shell(step, job.raw, workflow.raw), wrapper)
        steps.append(kept)
    document: dict[str, Any] = {
        "name": workflow.name,
        "on": {event: None},
        "jobs": {job.key: {"runs-on": RUNNER, **copy, "steps": steps}},
    }
    for key in ("env", "defaults"):
        if workflow.raw.get(key):
            document[key] = workflow.raw[key]
    filled = _Filler(literals, properties).tree(document)
    return Isolated(json.dumps(filled, ensure_ascii=False), removed)


def _shell(step: Mapping[str, Any], *around: Mapping[str, Any]) -> str:
    """What the step says, or else the defaults of its job or workflow, or else nothing."""
    defaults = [raw.get("defaults") for raw in around]
    runs = [each.get("run") for each in defaults if isinstance(each, dict)]
    said = [step, *(run for run in runs if isinstance(run, dict))]
    return next((str(each["shell"]) for each in said if each.get("shell")), "")


def _wrapped(shell: str, wrapper: str) -> str:
    """The shell below the wrapper. PowerShell and what an expression names stay as they are:
    act writes their scripts in ways of its own.
    """
    line = _SHELLS.get(shell, shell)
    if "{0}" not in line or "${{" in line:
        return line
    return f"/bin/sh {shlex.quote(wrapper)} {line}"


class _Filler:
    def __init__(
        self, literals: Mapping[str, Any], properties: Mapping[tuple[str, str], Any]
    ) -> None:
        self._literals = literals
        self._properties = properties

    def tree(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.tree(item, str(name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return self._text(value, key) if isinstance(value, str) else value

    def _text(self, value: str, key: str) -> str:
        if "${{" not in value and key != "if":
            return value
        try:
            if "${{" not in value:
                return self.expression(value)
            return "".join(
                "${{" + self.expression(part) + "}}" if is_expression else part
                for is_expression, part in expressions.segments(value)
            )
        except ExpressionError:
            return value  # act reports it with its own words

    def expression(self, source: str) -> str:
        words = list(expressions.tokens(source))
        parts: list[str] = []
        position = 0
        for index, word in enumerate(words):
            if word.kind != "name" or (index and words[index - 1].text == "."):
                continue
            replaced = self._replacement(words, index)
            if replaced is None:
                continue
            text, end = replaced
            parts += [source[position : word.start], text]
            position = end
        return "".join([*parts, source[position:]])

    def _replacement(self, words: list[expressions.Token], index: int) -> tuple[str, int] | None:
        """The text that stands for this context, and where it ends in the source."""
        name = words[index].text.lower()
        if words[index + 1].text == "(":
            return None  # a function of that name
        if name in self._literals:
            return literal(self._literals[name]), words[index].end
        if words[index + 1].text == "." and words[index + 2].kind == "name":
            key = (name, words[index + 2].text.lower())
            if key in self._properties:
                return literal(self._properties[key]), words[index + 2].end
        return None
