"""`agents`: which there are, and whether one works on this machine."""

from __future__ import annotations

import click

from ao_actions.commands.terminal import JSON, print_json, say


def agent_names(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """For the shell's completion."""
    from ao_actions.agents import AGENTS

    return [name for name in AGENTS if name.startswith(begun)]


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def agents(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """Which agents there are, and what each supports."""
    if context.invoked_subcommand is not None:
        return
    from ao_actions.insight import agents as insight

    rows = insight.rows()
    if as_json:
        print_json({"agents": rows})
        return
    for line in insight.lines(rows):
        say(line)


@agents.command()
@JSON
@click.argument("name", shell_complete=agent_names)
def check(name: str, as_json: bool) -> None:  # noqa: FBT001
    """Install an agent and try it on a scripted model.

    Prints what works on this machine.
    """
    from ao_actions.setup import scripted, trial

    agent = scripted.named(name)
    done = trial.check(agent, (lambda _line: None) if as_json else say)
    if as_json:
        print_json(done.value())
    elif done.why_not:
        say(f"{agent.name} cannot be checked: {done.why_not}")
    trial.judge(done)
