"""What the demo prints while it runs: a line for each thing that happens, with its time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from ao_actions.localgithub.model import Event

_ICONS = {"success": "green", "failure": "red", "cancelled": "yellow", "skipped": "dim"}


@dataclass(slots=True)
class Narrator:
    """Listens to the local GitHub. Silent with `quiet` (JSON); colours on terminals only."""

    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    _console: Any = None

    def say(self, text: str, style: str = "") -> None:
        if self.quiet:
            return
        seconds = f"{time.monotonic() - self.started:6.1f}s"
        line = f"{seconds}  {text}"
        self.console().print(line, style=style or None, markup=False, highlight=False)

    def console(self) -> Any:
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=sys.stdout, soft_wrap=True)
        return self._console

    def hear(self, event: Event) -> None:
        """A subscriber of the world: tells what a watcher of the repository would notice."""
        payload = event.payload
        match event.name, event.action:
            case "workflow_run", "completed":
                self._run(payload["workflow_run"])
            case "pull_request", "opened":
                pull = payload["pull_request"]
                self.say(f"pull request #{pull['number']} opened: {pull['title']}", "bold")
            case "pull_request_review", "submitted":
                review = payload["review"]
                number = payload["pull_request"]["number"]
                self.say(f"review of #{number}: {review['state']}")
            case "issues", "labeled" if event.caused_by == "user":
                self.say(f"issue #{payload['issue']['number']} gets {payload['label']['name']}")
            case "issues", "closed":
                self.say(f"issue #{payload['issue']['number']} closed", "bold green")
            case _:
                pass

    def _run(self, run: dict[str, Any]) -> None:
        conclusion = run["conclusion"] or ""
        if conclusion == "skipped":
            return
        style = _ICONS.get(conclusion, "")
        self.say(f"run {run['name']} [{run['display_title']}]: {conclusion}", style)
