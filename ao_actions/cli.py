"""The command line: parses, calls one function per command, prints, and sets the exit code.

Heavy imports stand inside the commands, so that `--help` stays fast.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import click

from ao_actions import __version__
from ao_actions.commands.agents import agent_names, agents
from ao_actions.commands.attempt import meter, work
from ao_actions.commands.cleanup import cleanup
from ao_actions.commands.connection import client_of, ledger_of, opened
from ao_actions.commands.install import init, upgrade
from ao_actions.commands.ledger import ledger as ledger_group
from ao_actions.commands.terminal import JSON, REPOSITORY
from ao_actions.commands.terminal import print_json as _print_json
from ao_actions.commands.terminal import say as _say
from ao_actions.errors import AoError, ConfigError, PortInUseError, ToolMissingError

GIVEN = click.Path(path_type=Path, exists=True, dir_okay=False)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="ao-actions %(version)s")
def cli() -> None:
    """A PR factory that lives in GitHub Actions: label an issue, get a pull request."""


@cli.command()
@REPOSITORY
@JSON
@click.option("--dry-run", is_flag=True, help="Print the plan and its reasons; change nothing.")
def reconcile(repository: str | None, as_json: bool, dry_run: bool) -> None:  # noqa: FBT001
    """One pass: look at the repository, do what is due."""
    import time

    from ao_actions import reconcile as module
    from ao_actions import runtime
    from ao_actions.core import actions
    from ao_actions.insight import status as insight

    config, client, ledger = opened(repository)
    reconciler = module.Reconciler(
        client=client,
        ledger=ledger,
        policy=config.policy(),
        say=_quiet if as_json or dry_run else _say,
    )
    if runtime.in_actions() and not dry_run:
        done = reconciler.run_settled(time.sleep)
    else:
        done = reconciler.run(dry=dry_run)
    rows = insight.rows(done.snapshot, config.policy())
    lines = [
        f"{actions.describe(step.action)}: {step.result} ({step.action.because})"
        for step in done.steps
    ]
    if as_json:
        plan = insight.plan_rows((step.action, step.result) for step in done.steps)
        _print_json({"dry_run": dry_run, "plan": plan, "tasks": rows})
    elif dry_run or not lines:
        _say("\n".join(lines) or "Nothing is due.")
    runtime.summary(insight.markdown(rows, lines))
    done.raise_if_unfinished()


@cli.command()
@REPOSITORY
@JSON
def status(repository: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Where each task stands, and why."""
    from ao_actions import reconcile as module
    from ao_actions.insight import status as insight

    config, client, ledger = opened(repository)
    reconciler = module.Reconciler(client=client, ledger=ledger, policy=config.policy(), say=_quiet)
    rows = insight.rows(reconciler.look(), config.policy())
    if as_json:
        _print_json({"repository": client.repository, "tasks": rows})
    else:
        _say(insight.table(rows))


@cli.command()
@REPOSITORY
@JSON
@click.argument("issues", metavar="ISSUE...", nargs=-1, required=True)
def add(repository: str | None, as_json: bool, issues: tuple[str, ...]) -> None:  # noqa: FBT001
    """Hand issues to the factory by putting the label on them."""
    from ao_actions.setup.labels import add_issues

    config, client, _ = opened(repository)
    added = add_issues(client, issues, config.labels)
    if as_json:
        _print_json({"label": config.labels.ready, "issues": added})
    else:
        for row in added:
            _say(f"#{row['issue']} {row['what']} {config.labels.ready}  {row['url']}")


cli.add_command(cleanup)
cli.add_command(ledger_group)
cli.add_command(meter)
cli.add_command(work)


@cli.command()
@click.option("--task", type=int, required=True, help="The issue's number.")
@click.option("--epoch", type=int, required=True, help="The claim's epoch.")
@click.option(
    "--handoff",
    type=click.Path(path_type=Path),
    help="The folder of the hand-off. Default: it is taken from the run's artifacts.",
)
def publish(task: int, epoch: int, handoff: Path | None) -> None:
    """Publish a hand-off (the publish job of ao-work.yml)."""
    import os

    from ao_actions import publish as module
    from ao_actions import runtime
    from ao_actions.forge.client import Client

    job = runtime.Job.current()
    config, client, ledger = opened(None, push_token=os.environ.get("AO_PUSH_TOKEN"))
    token = os.environ.get("AO_PUSH_TOKEN") or client.token
    publication = module.Publication(
        client=client,
        pusher=Client(client.repository, token, client.address),
        ledger=ledger,
        git=ledger.git,
        config=config,
        job=job,
        folder=handoff,
        say=_say,
    )
    with module.waking(client, lambda line: runtime.annotate("warning", line)):
        outcome = module.publish(publication, task, epoch)
    runtime.output("outcome", outcome.value)


@cli.command()
def wake() -> None:
    """Start a pass, once CI is done (the job of ao-review.yml)."""
    import os

    from ao_actions import runtime
    from ao_actions import wake as module

    occasion = module.Occasion.from_environment(os.environ)
    limit = 60.0 * runtime.number("AO_WAIT_MINUTES", default=12)
    names = module.ci_workflows(os.environ)
    waker = module.Waker(client=client_of(None), limit=limit, say=_say, names=names)
    waker.wake(occasion)


# ---- set-up --------------------------------------------------------------------------------


cli.add_command(init)
cli.add_command(upgrade)


@cli.command()
@REPOSITORY
@JSON
@click.option("--fix", is_flag=True, help="Mend what is safe.")
@click.option("--install", is_flag=True, help="Install the agents into a folder, to try it.")
def doctor(repository: str | None, as_json: bool, fix: bool, install: bool) -> None:  # noqa: FBT001
    """Prove what the factory needs of the repository.

    Each check says what is so, why it matters, and how to mend it.
    """
    from ao_actions.setup.doctor import command

    client = client_of(repository)
    root = None
    if repository is None:
        root, client.address = command.place(Path.cwd())
    wish = command.Wish(as_json=as_json, fix=fix, install=install)
    command.run(client, ledger_of(client), root, wish)


@cli.command()
@JSON
@click.option("--repo", type=click.Path(path_type=Path), help="Your own repository (copied).")
@click.option("--issues", type=click.Path(path_type=Path), help="YAML: a list of title, body.")
@click.option("--agent-command", help="The program that works on your issues.")
@click.option("--ci-command", help="What CI runs on your repository.")
@click.option("--agent", shell_complete=agent_names, help="A real agent on the demo's project.")
@click.option("--model-server", metavar="scripted|URL", help="Its model. Default: your account.")
@click.option("--scenario", type=click.Choice(["tasks", "limits", "feedback"]), default="tasks")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave everything in this folder.")
@click.option("--serve", is_flag=True, help="Keep the local GitHub up afterwards.")
def demo(
    as_json: bool,  # noqa: FBT001
    serve: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Show the whole factory on a local GitHub.

    No account, no token, no Docker.
    """
    _need_local()
    from ao_actions.demo import command
    from ao_actions.demo.stage import Wish

    command.run(Wish(**options), as_json=as_json, serve=serve)


cli.add_command(agents)


@cli.group()
def localgithub() -> None:
    """A small GitHub on this machine, for anybody's client."""


@localgithub.command("serve")
@click.option("--root", type=click.Path(path_type=Path), required=True, help="Its world's folder.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one, printed."
)
@click.option("--seed", type=GIVEN, help="YAML that fills a new world.")
@click.option("--socket", type=click.Path(path_type=Path), help="A unix socket too, for gh.")
@click.option("--faults", type=GIVEN, help="JSON: what is to go wrong.")
def serve_localgithub(
    root: Path, port: int, seed: Path | None, socket: Path | None, faults: Path | None
) -> None:
    """Serve the world under --root until Ctrl-C."""
    _need_local()
    from ao_actions.localgithub.serve import serve

    try:
        serve(root, port, seed, socket, faults)
    except FileNotFoundError as error:
        raise ToolMissingError(str(error)) from None
    except OSError as error:
        raise PortInUseError(str(error)) from None
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _need_local() -> None:
    try:
        import graphql  # noqa: F401
        import starlette  # noqa: F401
    except ImportError:
        raise ToolMissingError(
            "the local GitHub is not installed: pip install 'ao-actions[local]'"
        ) from None


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    eval "$(ao-actions completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice has only shells that click knows
    _say(kind(cli, {}, "ao-actions", "_AO_ACTIONS_COMPLETE").source())


def _quiet(_line: str) -> None:
    """Machines get JSON and nothing else."""


def main() -> None:
    """Run the command line; each kind of error has its own exit code (see `errors`)."""
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except AoError as error:
        from ao_actions.runtime import annotate

        annotate("error", str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in FULL and "No usable temporary directory" not in str(error):
            raise
        from ao_actions.runtime import annotate

        where = f" ({error.filename})" if error.filename else ""
        annotate("error", f"nothing more can be written here: {error.strerror}{where}")
        sys.exit(AoError.exit_code)
