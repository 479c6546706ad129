"""An agent whose network is confined (`runtime: {egress: [...]}`) gets nowhere else.

One real agent process tries everything; each trick is a case. The world is looked at, too: no
server outside has got the word that the trick sends. Where the machine does not allow namespaces,
no agent is started at all, and that is what every case asserts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ao_actions.agents import AGENTS, Assignment, Outcome, run
from ao_actions.agents.confined import Confined
from ao_actions.errors import AgentError
from ao_actions.keys import RuntimeSettings
from tests.agents.outside import TRICKSTER, Outside, may_be_confined, outside, python
from tests.agents.processes import alive
from tests.hostile.egress_agent import HARMLESS, TRICKS, word
from tests.integration.conftest import Factory
from tests.integration.test_publish import claimed
from tests.integration.test_work import then_publish, with_agent, work

pytestmark = pytest.mark.hostile("egress")


class Tried:
    """What came of it. `answers` is empty where no agent was started."""

    def __init__(self, place: Path, world: Outside) -> None:
        self.world = world
        self.said: list[str] = []
        self.checkout = place / "checkout"
        self.refusal = ""
        self.answers: dict[str, str] = {}
        world_json = {**world.ports, "name": world.name, "supervisor": os.getpid()}
        (self.checkout / "world.json").write_text(json.dumps(world_json))
        runtime = Confined(name=TRICKSTER, egress=world.egress(), say=self.said.append)
        assignment = Assignment(
            checkout=self.checkout,
            brief=place / "brief.md",
            scratch=place / "scratch",
            model=None,
            command=f"{python()} {Path(__file__).with_name('egress_agent.py').name}",
            seconds=120,
            turns=None,
            max_usd=None,
        )
        try:
            result = run(AGENTS["command"], assignment, now=datetime.now(UTC), runtime=runtime)
        except AgentError as error:
            self.refusal = str(error)
            return
        assert result.outcome is Outcome.DONE, result.detail
        self.answers = json.loads((self.checkout / "answers.json").read_text())


@pytest.fixture(scope="module")
def tried() -> Iterator[Tried]:
    place = Path("/tmp") / f"ao-egress-{os.getpid()}"  # noqa: S108
    (place / "checkout").mkdir(parents=True)
    (place / "scratch").mkdir()
    (place / "brief.md").write_text("Get out.\n")
    shutil.copy(Path(__file__).with_name("egress_agent.py"), place / "checkout")
    with outside() as world:
        yield Tried(place, world)
    shutil.rmtree(place)


@pytest.mark.parametrize("name", TRICKS)
def test_it_does_not_get_out(tried: Tried, name: str) -> None:
    assert word(name) not in tried.world.everything()
    if not may_be_confined():
        assert "runtime.egress cannot be held to on this machine" in tried.refusal
        return
    assert re.search(TRICKS[name][1], tried.answers[name], re.DOTALL), tried.answers[name]


@pytest.mark.parametrize("name", HARMLESS)
def test_it_gets_to_the_allowed_host_only(tried: Tried, name: str) -> None:
    world = tried.world
    for elsewhere in (world.evil, world.near, world.abstract):
        assert not elsewhere.seen
    if not may_be_confined():
        assert "runtime.egress cannot be held to on this machine" in tried.refusal
        return
    assert tried.answers[name].startswith("HTTP/1.1 200")
    [arrived] = [seen for seen in world.host.seen if word(name) in seen]
    assert b"evil.example" not in arrived


def test_nothing_came_as_a_datagram(tried: Tried) -> None:
    with pytest.raises(BlockingIOError):
        tried.world.datagrams.recv(100)


def test_a_daemon_that_it_left_is_ended(tried: Tried) -> None:
    if not may_be_confined():
        assert not (tried.checkout / "daemon.pid").exists()
        return
    assert not alive(int((tried.checkout / "daemon.pid").read_text()))


def test_a_maintainer_is_told_what_was_refused(tried: Tried) -> None:
    if not may_be_confined():
        assert not tried.said
        return
    said = [line for line in tried.said if "evil.example:443 is not in" in line]
    assert (
        "refused on the agent's way out: evil.example:443 is not in `runtime.egress` of "
        in (said[0])
    )
    assert len(tried.said) == len(set(tried.said)) > 20
    assert all(line.isprintable() and len(line) < 300 for line in tried.said)


def test_no_agent_is_started_without_its_network(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = factory.root / ("t" * 100)  # too far below for a socket's path
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    number = claimed(factory)
    started = factory.root / "started"
    runtime = RuntimeSettings(kind="user", egress=())
    config = with_agent(factory, f"touch {started}", runtime=runtime)
    work(factory, number, config)
    then_publish(factory, number, config)
    assert not started.exists()
    [attempt] = factory.task(number).attempts
    assert "runtime.egress cannot be held to on this machine" in attempt.detail
    assert factory.pulls() == []
