"""What the scripted model of the demo says to real agents, and the key that it is asked with."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.agents import Agent
from ao_actions.demo import solutions
from ao_actions.demo.project import ISSUES
from ao_actions.demo.solutions import Solution
from ao_actions.modelserver import Edit, Limit, Request, Run, Scenario, Turn
from ao_actions.setup import scripted

RESET = 40 * 60  # seconds until the demo's limit is over; the clock moves by an hour
MARK = "sk-demo-"
TASKS = ("Add a median", "Add a mode")
LIMITS = ("Add a median", "Add running sums")


@dataclass(frozen=True, slots=True)
class Key:
    """A made-up key. `name` is the part of it that may be told, to look for the rest."""

    name: str = field(default_factory=lambda: secrets.token_hex(6))
    secret: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)

    @property
    def value(self) -> str:
        return f"{MARK}{self.name}-{self.secret}"

    def look(self, world: Path) -> str:
        """The command by which an agent searches all that it can read here for the key.

        Environments, command lines and the runner's files; for the dummy key too, which it must
        find: in its own environment. The patterns do not find themselves.
        """
        files = f"{world}/world.json {world}/jobs {world}/logs"
        return (
            "{ env; ps auxwww; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; "
            f"find {files} -type f -exec cat {{}} +; }} 2>/dev/null | tr '\\0' '\\n' | "
            f"grep -aoE 'sk-dem[o]-{self.name}|ao-mete[r]-' | sort | uniq -c | sed 's/^/seen/'"
        )

    def seen(self, asked: Iterable[Request]) -> dict[str, int] | None:
        """What an agent's search has shown to the model: how often each key; None: no search."""
        found = {
            key: int(count)
            for request in asked
            for count, key in re.findall(r"seen +(\d+) (sk-demo|ao-meter)-", request.text)
        }
        return {"key": found.get("sk-demo", 0), "dummy": found["ao-meter"]} if found else None


def tasks(agent: Agent, look: str) -> tuple[Scenario, ...]:
    """Two issues: one straight, one whose first try CI refuses."""
    toolless = agent.name in scripted.TOOLLESS
    search = [] if toolless else [Run(look)]
    mend = _turns(agent, solutions.MODE)
    if toolless:  # it asks again, and shows the files that the first answer wants to change
        mend *= 2
    straight, mended = TASKS
    return _script(
        {
            straight: _turns(agent, solutions.MEDIAN, search),
            mended: [*_turns(agent, solutions.MODE_WRONG), *mend],
        }
    )


def limits(first: Agent) -> tuple[Scenario, ...]:
    """A limit that meets one task at its first request, and one in the middle of its work."""
    reset = Limit("usage", reset=int(time.time()) + RESET, once=True)
    begun, *rest = _turns(first, solutions.RUNNING)
    over, waits = LIMITS
    return _script({over: [reset, *_turns(first, solutions.MEDIAN)], waits: [begun, reset, *rest]})


def _script(turns: Mapping[str, list[Turn]]) -> tuple[Scenario, ...]:
    """A conversation is known by its issue's text, for titles stand in git's log too, which some
    agents send along; or, of an agent that is to read its brief, by where that is."""
    bodies = dict(ISSUES)
    known = [Scenario(tuple(said), bodies[title]) for title, said in turns.items()]
    told = [
        Scenario(tuple(said), f"/{number}/scratch/brief.md")
        for number, said in enumerate(turns.values(), start=1)
    ]
    return (*known, *told)


def _turns(agent: Agent, solution: Solution, before: Iterable[Run] = ()) -> list[Turn]:
    edits = [Edit(path, content) for path, content in solution.files.items()]
    return [*scripted.turns(agent, [*before, *edits], solution.said)]
