"""The two commands of the agent job: the meter, then the attempt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ao_actions.commands.connection import opened
from ao_actions.commands.terminal import say

if TYPE_CHECKING:
    from ao_actions.work.session import Attempt

TASK = click.option("--task", type=int, required=True, help="The issue's number.")
EPOCH = click.option("--epoch", type=int, required=True, help="The claim's epoch.")


@click.command()
@TASK
@EPOCH
def meter(task: int, epoch: int) -> None:
    """Start the model proxy of an attempt (in ao-work.yml).

    It alone holds the model's key.
    """
    from ao_actions import runtime
    from ao_actions.work import session

    runtime.output("meter", session.start_meter(_attempt(task, None), task, epoch))


@click.command()
@TASK
@EPOCH
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Where to work. Default: AO_WORK_ROOT, else a temporary directory of the runner.",
)
def work(task: int, epoch: int, root: Path | None) -> None:
    """Make one attempt (the agent job of ao-work.yml).

    Checkout, brief, agent, verify commands, hand-off.
    """
    from ao_actions import runtime
    from ao_actions.work import session

    attempt = _attempt(task, root)
    with runtime.kept_commands():
        done = session.work(attempt, task, epoch)
    if done:
        runtime.summary(session.cage(attempt).said)
    runtime.output("handoff", str(attempt.places.handoff) if done else "")
    runtime.output("outcome", done.outcome.value if done else "superseded")


def _attempt(task: int, root: Path | None) -> Attempt:
    import os

    from ao_actions import runtime
    from ao_actions.agents import cage
    from ao_actions.git import Remote
    from ao_actions.work import session, workspace

    runtime.hide()  # the token in our environment is not the agent's to read
    job = runtime.Job.current()
    config, client, ledger = opened(None)
    shared = cage.settle(config.runtime.kind, os.environ).kind == "user"
    places = workspace.places(os.environ, client.repository, task, shared=shared)
    return session.Attempt(
        client=client,
        ledger=ledger,
        remote=Remote(client.address.repository(client.repository), client.token),
        config=config,
        places=workspace.Places.under(root) if root else places,
        job=job,
        environment=os.environ,
        say=say,
    )
