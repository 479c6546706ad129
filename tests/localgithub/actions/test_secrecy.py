"""What a job has of its runner: its environment, and its secrets in the steps that name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ao_actions.localgithub.server import LocalGitHub
from tests.localgithub.actions.conftest import OWNER_TOKEN, Hub

# Its own text does not hold what it searches for.
WORKFLOW = r"""
name: look
on: push
jobs:
  look:
    runs-on: ubuntu-latest
    steps:
      - env:
          KEY: ${{ secrets.KEY }}
        run: |
          test "$KEY" = "open se""same"
          tr '\0' '\n' < /proc/$$/environ | grep -c 'open se[s]ame' | sed 's/^/in its step: /'
      - run: |
          { env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline
          find WORLD -type f -exec cat {} +
          } 2>/dev/null | tr '\0' '\n' | grep -ac 'open se[s]ame' | sed 's/^/afterwards: /'
          echo "the runner has $MACHINE"
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hub]:
    """A hub whose runners have something in their environment."""
    with LocalGitHub(tmp_path / "world", environment={"MACHINE": "a GPU"}) as server:
        repo = server.world.create_repository("acme/widgets")
        server.world.add_token("acme", OWNER_TOKEN)
        with httpx.Client(base_url=server.api_url) as client:
            yield Hub(server, tmp_path, repo, client)


def test_a_secret_is_nowhere_but_in_the_step_that_names_it(own: Hub) -> None:
    world = own.server.world
    world.passing_secrets[own.repo.full_name] = {"KEY": "open sesame"}
    own.workflow("look.yml", WORKFLOW.replace("WORLD", str(world.root)))
    log = own.log(own.run("look"), "look")
    assert "in its step: 1" in log
    assert "afterwards: 0" in log
    assert "the runner has a GPU" in log
    own.server.stop()
    assert all(b"open sesame" not in f.read_bytes() for f in world.root.rglob("*") if f.is_file())
