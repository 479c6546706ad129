"""What init and upgrade tell: for people, for machines, and as a pull request's text."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ao_actions import __version__
from ao_actions.setup.environment import Environment
from ao_actions.setup.init import Plan
from ao_actions.setup.migrate import Migration
from ao_actions.setup.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`labels`: those that were made; None: none could be. `dry`: nothing was written."""

    plan: Plan
    labels: list[str] | None
    notes: tuple[str, ...]
    environment: Environment | None
    migration: Migration | None
    waiting: tuple[int, ...]
    pull: Proposal | None
    pulling: bool
    diff: bool
    dry: bool
    upgraded: bool

    @classmethod
    def of(
        cls,
        made: Plan,
        *,
        environment: Environment | None = None,
        labels: list[str] | None = None,
        notes: list[str] | None = None,
        migration: Migration | None = None,
        waiting: list[int] | None = None,
        pulling: bool = False,
        diff: bool = False,
        dry: bool = False,
        upgraded: bool = False,
    ) -> Report:
        return cls(
            plan=made,
            labels=labels,
            notes=(*made.notes, *(notes or ())),
            environment=environment,
            migration=migration,
            waiting=tuple(waiting or ()),
            pull=None,
            pulling=pulling,
            diff=diff,
            dry=dry,
            upgraded=upgraded,
        )

    def with_pull(self, pull: Proposal) -> Report:
        return dataclasses.replace(self, pull=pull)

    # ---- for machines ------------------------------------------------------------------------

    def value(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "files": [
                {"path": change.path, "what": change.what}
                | ({"diff": change.diff()} if self.diff else {})
                for change in plan.changes
            ],
            "written": not self.dry,
            "labels": self.labels,
            "branch": plan.branch,
            "private": plan.hosting.private,
            "enterprise": plan.hosting.enterprise,
            "ci_workflows": list(plan.config.ci_workflows),
            "verify": list(plan.config.verify),
            "schedule": plan.config.schedule,
            "auth": plan.config.auth,
            "ci_trust": plan.config.ci_trust,
            "findings": [dataclasses.asdict(finding) for finding in plan.findings],
            "environment": {
                "name": plan.config.environment,
                "state": self.environment.state if self.environment else "unknown",
            },
            "forecast": dataclasses.asdict(plan.forecast),
            "notes": list(self.notes),
            "left": [list(pair) for pair in self.migration.left] if self.migration else [],
            "backlog": list(self.waiting),
            "pull": dataclasses.asdict(self.pull) if self.pull else None,
            "next": self.next_steps(),
        }

    # ---- for people --------------------------------------------------------------------------

    def lines(self) -> list[str]:
        if self.dry:
            return self.diff_lines() or ["nothing would change"]
        if self.upgraded:
            return self._upgrade_lines()
        return [
            *self._file_lines(),
            *self._label_lines(),
            *self._fact_lines(),
            *self._migration_lines(),
            *self._next_lines(),
        ]

    def diff_lines(self) -> list[str]:
        """The unified diff of every file that differs."""
        return [line for change in self.plan.differing for line in change.diff().splitlines()]

    def next_steps(self) -> list[str]:
        made = self.environment is not None and self.environment.state in ("ready", "open")
        return self.plan.next_steps(environment_made=made, pull=self.pulling)

    def body(self) -> str:
        """The pull request's text."""
        parts = [
            f"This puts ao-actions {__version__} into the repository."
            if self.plan.fresh
            else f"The generated files of ao-actions {__version__}.",
            "",
            *(f"- `{change.path}` ({change.what})" for change in self.plan.differing),
            "",
            *(f"- {line}" for line in self._facts()),
        ]
        if self.plan.fresh:
            parts += ["", "To do:", "", *(f"- `{step.strip()}`" for step in self.next_steps()[:-2])]
        return "\n".join(parts)

    # ---- parts -------------------------------------------------------------------------------

    def _file_lines(self) -> list[str]:
        if self.pull is not None:
            files = [f"          {change.path}" for change in self.plan.differing]
            return [f"{self.pull.what:9} pull request #{self.pull.number}  {self.pull.url}", *files]
        return [f"{change.what:9} {change.path}" for change in self.plan.changes]

    def _label_lines(self) -> list[str]:
        if self.labels is not None:
            return [f"labels    {', '.join(self.labels) or 'all there'}"]
        if self.plan.hosting.asked:
            return []
        return ["labels    not made: GitHub was not asked. Set GITHUB_TOKEN and run init again."]

    def _facts(self) -> list[str]:
        environment = [self.environment.note] if self.environment else []
        forecast = self.plan.forecast.lines()
        return [self.plan.trust(), *environment, *forecast, *self.notes]

    def _fact_lines(self) -> list[str]:
        environment = [f"secrets   {self.environment.note}"] if self.environment else []
        first, *more = self.plan.forecast.lines()
        return [
            f"trust     {self.plan.trust()}",
            *environment,
            f"minutes   {first}",
            *(f"          {line}" for line in more),
            *(f"note      {note}" for note in self.notes),
        ]

    def _migration_lines(self) -> list[str]:
        ao = self.migration
        if ao is None:
            return []
        lines = [f"from      {ao.source}, project {ao.project}"]
        lines += [f"taken     {line}" for line in ao.taken]
        lines += [f"left      {key}: {place}" for key, place in ao.left]
        if self.waiting:
            numbers = " ".join(map(str, self.waiting))
            lines.append(f"backlog   hand over with: ao-actions add {numbers}")
        return lines

    def _next_lines(self) -> list[str]:
        if not self.plan.fresh and self.pull is None and not self.plan.differing:
            return []
        steps = self.next_steps() if self.plan.fresh else self.next_steps()[-2:-1]
        return ["next:", *(f"  {step}" for step in steps)]

    def _upgrade_lines(self) -> list[str]:
        if not self.plan.differing:
            return [f"all files are those of {__version__}"]
        moved = f"from {self.plan.made_by} to {__version__}"
        return [
            moved,
            *(change.summary() for change in self.plan.differing),
            ".github/ao.yml is unchanged",
            "",
            *self.diff_lines(),
        ]
