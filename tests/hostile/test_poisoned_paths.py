"""What an agent leaves for those who come after it: the runner, our own git, the hand-off.

It runs as our own user here, which is the worst case.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ao_actions import publish, runtime
from ao_actions.core.model import Outcome
from ao_actions.errors import ConfigError
from ao_actions.git import Git, Remote
from ao_actions.work import workspace
from tests.agents.processes import alive
from tests.hostile.test_cage import RUNTIMES, nobody
from tests.integration.conftest import NAME, Factory
from tests.integration.test_publish import claimed
from tests.integration.test_work import then_publish, with_agent, work

__all__ = ["nobody"]

pytestmark = pytest.mark.hostile("poisoned paths")

# ---- the files by which a step commands the runner ---------------------------------------------

COMMANDS = {
    "set_env_ours": "",
    "add_path_ours": "",
    "set_output_ours": "meter=\n",
    "save_state_ours": "",
    "step_summary_ours": "",
    "set_env_around": "KEPT=1\n",  # of the step around a composite action's
}
VARIABLES = {
    "GITHUB_ENV": "set_env_ours",
    "GITHUB_PATH": "add_path_ours",
    "GITHUB_OUTPUT": "set_output_ours",
    "GITHUB_STATE": "save_state_ours",
    "GITHUB_STEP_SUMMARY": "step_summary_ours",
}


def moved_away(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder.with_name("moved"))
    (folder / "set_env_ours").write_text("LD_PRELOAD=/tmp/evil.so\n")


def replaced(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def linked(folder: Path) -> None:
    path = folder / "set_env_ours"
    path.unlink()
    path.symlink_to(folder.parent / "elsewhere")


def hard_linked(folder: Path) -> None:
    path = folder / "set_env_ours"
    path.unlink()
    path.hardlink_to(folder.parent / "elsewhere")


def piped(folder: Path) -> None:
    (folder / "set_env_ours").unlink()
    os.mkfifo(folder / "set_env_ours")


def in_a_folder(folder: Path) -> None:
    (folder / "set_env_ours").unlink()
    (folder / "set_env_ours" / "deep").mkdir(parents=True, mode=0o000)


def appended(name: str, text: str) -> Callable[[Path], None]:
    def trick(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(text)

    return trick


TRICKS: Mapping[str, Callable[[Path], object]] = {
    "a library for every later program": appended("set_env_ours", "LD_PRELOAD=/tmp/evil.so\n"),
    "a variable in many lines": appended("set_env_ours", "NODE_OPTIONS<<E\n--require x\nE\n"),
    "a folder before all others on PATH": appended("add_path_ours", "/srv/evil\n"),
    "another hand-off's folder": appended("set_output_ours", "handoff=/home/runner\n"),
    "state for a later post step": appended("save_state_ours", "isPost=true\n"),
    "a summary in our name": appended("step_summary_ours", "# All is well\n"),
    "the files of the step around": appended("set_env_around", "PATH=/tmp/evil\n"),
    "a file of a step to come": lambda f: (f / "set_env_next").write_text("PATH=/tmp/evil\n"),
    "a link in a file's place": linked,
    "a second name for a file": hard_linked,
    "a pipe that never ends": piped,
    "a folder in a file's place": in_a_folder,
    "a file taken away": lambda f: (f / "set_env_around").unlink(),
    "a file cut short": lambda f: os.truncate(f / "set_env_around", 0),
    "the folder moved, a link in its place": moved_away,
    "a file in the folder's place": replaced,
    "a folder that nobody may enter": lambda f: f.chmod(0),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_the_runner_gets_no_command_of_the_agent_s(tmp_path: Path, trick: str) -> None:
    folder = tmp_path / runtime.COMMAND_FOLDER
    folder.mkdir()
    for name, content in COMMANDS.items():
        (folder / name).write_text(content)
    (tmp_path / "elsewhere").write_text("PATH=/tmp/evil\n")
    variables = {name: str(folder / file) for name, file in VARIABLES.items()}
    with runtime.kept_commands(variables):
        TRICKS[trick](folder)
    assert not folder.is_symlink()
    assert {path.name: path.read_text() for path in folder.iterdir()} == COMMANDS
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert (tmp_path / "elsewhere").read_text() == "PATH=/tmp/evil\n"


def test_they_are_put_back_when_the_attempt_fails(tmp_path: Path) -> None:
    file = tmp_path / "env"  # elsewhere, as under act
    file.write_text("A=1\n")
    (tmp_path / "other").write_text("not ours\n")

    def fail() -> None:
        with runtime.kept_commands({"GITHUB_ENV": str(file)}):
            file.write_text("PATH=/tmp/evil\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_text() == "A=1\n"
    assert (tmp_path / "other").exists()


# ---- what our own git reads and runs after the agent -------------------------------------------

# $PLACE is where the attempt works, $EVIL a program that leaves a mark, $HOME the runner's.
PROGRAMS = {
    "a monitor in the store's configuration": "git --git-dir $PLACE/store.git config "
    "core.fsmonitor $EVIL",
    "a filter in the store's configuration": "echo '* filter=x' > .gitattributes; "
    "git --git-dir $PLACE/store.git config filter.x.clean $EVIL",
    "another configuration by way of commondir": "cp -r $PLACE/store.git $PLACE/other; "
    "git --git-dir $PLACE/other config core.fsmonitor $EVIL; "
    "echo $PLACE/other > $PLACE/store.git/commondir",
    "a hook in the store": "mkdir -p $PLACE/store.git/hooks; "
    "cp $EVIL $PLACE/store.git/hooks/reference-transaction; "
    "cp $EVIL $PLACE/store.git/hooks/post-index-change",
    "attributes in the store": "mkdir -p $PLACE/store.git/info; "
    "echo '* filter=x' > $PLACE/store.git/info/attributes; "
    "git --git-dir $PLACE/store.git config filter.x.clean $EVIL",
    "the store itself, another repository": "rm -rf $PLACE/store.git/config; "
    "printf '[core]\\nbare = true\\nfsmonitor = %s\\n' $EVIL > $PLACE/store.git/config",
    "a repository in the place of the one to come": "git init -q --bare $PLACE/sealed.git; "
    "git --git-dir $PLACE/sealed.git config core.fsmonitor $EVIL",
    "a link in the place of the one to come": "git init -q --bare /tmp/ao-evil-$$; "
    "git --git-dir /tmp/ao-evil-$$ config core.fsmonitor $EVIL; "
    "ln -s /tmp/ao-evil-$$ $PLACE/sealed.git",
    "a filter in the runner's own configuration": "echo '* filter=x' > .gitattributes; "
    "printf '[filter \"x\"]\\nclean = %s\\n[core]\\nfsmonitor = %s\\n' $EVIL $EVIL "
    "> $RUNNER_HOME/.gitconfig",
    "a monitor in the checkout's configuration": "git config core.fsmonitor $EVIL",
}


@pytest.mark.parametrize("trick", PROGRAMS)
def test_our_git_runs_nothing_of_the_agent_s(
    factory: Factory, trick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = claimed(factory)
    place, home = factory.root / "runner", factory.root / "home"
    mark, evil = factory.root / "mark", factory.root / "evil"
    evil.write_text(f"#!/bin/sh\nenv > {mark}\ncat\n")
    evil.chmod(0o755)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    names = f"PLACE={place} EVIL={evil} RUNNER_HOME={home}"
    script = f"{names}\n{PROGRAMS[trick]}\nrm -f {mark}\nsed -i s/41/42/ src/code.py\n"
    done = work(factory, number, with_agent(factory, script))
    assert done is not None
    assert done.outcome is Outcome.CHANGES
    assert not mark.exists(), mark.read_text()
    if ".gitattributes" in script:  # what commands git is not an agent's to change
        assert then_publish(factory, number) is Outcome.REFUSED
        return
    assert then_publish(factory, number) is Outcome.CHANGES
    assert "return 42" in factory.hub.world.git(NAME, "show", f"ao/{number}:src/code.py")


def test_our_git_runs_nothing_in_a_submodule(factory: Factory) -> None:
    """A submodule's own configuration is the agent's to write, in every runtime."""
    tip = factory.branch("main")
    factory.hub.world.git(NAME, "config", "core.bare", "true")
    git = Git(factory.root / "first", Remote(f"{factory.hub.url}/{NAME}.git", factory.token))
    git.run("update-index", "--add", "--cacheinfo", f"160000,{tip},sub")
    git.run("commit", "--quiet", "-m", "A submodule")
    git.run("push", "--quiet", git.remote.url if git.remote else "", "HEAD:refs/heads/main")
    number = claimed(factory)
    mark, evil = factory.root / "mark", factory.root / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 > {mark}\ncat\n")
    evil.chmod(0o755)
    script = f"""
mkdir -p sub; cd sub; git init -q .; echo '* filter=x' > .gitattributes; echo a > a; git add .
git -c user.name=a -c user.email=a@b commit -qm a
git config filter.x.clean {evil}; git config core.fsmonitor {evil}; touch -d '1 hour' a; echo b > a
cd ..; sed -i s/41/42/ src/code.py"""
    done = work(factory, number, with_agent(factory, script))
    assert done is not None
    assert done.outcome is Outcome.CHANGES
    assert not mark.exists()
    assert then_publish(factory, number) is Outcome.CHANGES
    world = factory.hub.world
    assert f"160000 commit {tip}" in world.git(NAME, "ls-tree", f"ao/{number}", "sub")


# ---- what we write and read after the agent ----------------------------------------------------

PLANTED = {
    "a link in the hand-off's place": "rm -rf $PLACE/handoff; ln -s $OUT $PLACE/handoff",
    "a pipe in the hand-off's place": "rm -rf $PLACE/handoff; mkfifo $PLACE/handoff",
    "links in the hand-off": "mkdir -p $PLACE/handoff; for name in outcome.json work.bundle "
    "transcript.txt session; do ln -s $OUT/$name $PLACE/handoff/$name; done",
    "a folder that is closed": "mkdir -p $PLACE/handoff/outcome.json/a; chmod 0 $PLACE/handoff",
    "more in the hand-off than is ours": "mkdir -p $PLACE/handoff; echo x > $PLACE/handoff/x",
    "a link in the transcript's place": "log=$(ls $PLACE/scratch/logs/*); rm $log; "
    "ln -s $SECRET $log",
    "a pipe for a report": "rm -f $AO_RESULT; mkfifo $AO_RESULT",
    "a secret for a report": "ln -sf $SECRET $AO_RESULT",
    "a link in the place of the verify commands' log": "ln -sf $SECRET "
    "$PLACE/scratch/logs/verify.log",
    "a link in the place of the next brief": "ln -sf $SECRET $AO_BRIEF; touch $PLACE/checkout/mend",
    "a link in the home's place": "rm -rf $HOME; ln -s $OUT $HOME",
    "a link in the logs' place": "rm -rf $PLACE/scratch/logs; ln -s $OUT $PLACE/scratch/logs",
}


@pytest.mark.parametrize("trick", PLANTED)
def test_the_hand_off_holds_and_moves_nothing_else(factory: Factory, trick: str) -> None:
    factory.repo.private = True
    number = claimed(factory)
    out, secret = factory.root / "out", factory.root / "secret"
    out.mkdir()
    secret.write_text("the runner's own secret\n")
    place = factory.root / "runner"
    script = f"PLACE={place} OUT={out} SECRET={secret}\n{PLANTED[trick]}\n"
    # the brief that is written anew is that of the turn after a verify command has failed
    script += 'grep -q "verify commands fail" "$AO_BRIEF" && rm -f mend\n'
    verify = ("test ! -e mend",)
    config = with_agent(factory, f"{script}sed -i s/41/42/ src/code.py\n", verify=verify)
    done = work(factory, number, config)
    assert done is not None
    assert list(out.iterdir()) == []
    assert secret.read_text() == "the runner's own secret\n"
    handed = {path: path.read_bytes() for path in (place / "handoff").rglob("*") if path.is_file()}
    assert {path.name for path in handed} <= {"outcome.json", "work.bundle", "transcript.txt"}
    assert not any(path.is_symlink() for path in handed)
    assert not any(b"own secret" in content for content in handed.values())
    assert then_publish(factory, number) in (Outcome.CHANGES, Outcome.AGENT_ERROR)


def test_a_place_that_another_user_has_made(tmp_path: Path) -> None:
    places = workspace.Places.under(tmp_path / "ao-0")
    workspace.own(places)
    workspace.own(places)
    if os.geteuid() == 0:
        os.chown(tmp_path / "ao-0", 65534, 65534)
    else:
        (tmp_path / "ao-0").rename(tmp_path / "theirs")
        (tmp_path / "ao-0").symlink_to(tmp_path / "theirs")
    with pytest.raises(ConfigError, match="belongs to another user, or is a link"):
        workspace.own(places)


# ---- the whole job -----------------------------------------------------------------------------

# What `ao-actions work` is, and what it loads once the agent has run.
JOB = """
import sys
from ao_actions.agents import runtimes
from ao_actions.cli import main
from ao_actions.work import turns
runtimes.USER = sys.argv.pop(1)
loaded = set()
play = turns.Turns.play
def played(self):
    done = play(self)
    loaded.update(sys.modules)
    return done
turns.Turns.play = played
try: main()
finally: print("loaded late:", sorted(set(sys.modules) - loaded))
"""
AGENT = """
sed -i s/41/42/ src/code.py
for file in {temp}/_runner_file_commands/*; do echo PATH=/tmp/evil >> $file; done
env > env.txt
for name in git git-remote-http sudo setpriv chown kill prlimit choom sh; do
  printf '#!/bin/sh\\nenv > {place}/mark\\n' > {place}/bin/$name; chmod +x {place}/bin/$name
done
(env -i setsid sh -c 'echo $$ > daemon.pid; exec sleep 1000' &)
while [ ! -s daemon.pid ]; do :; done
"""


@pytest.mark.parametrize("kind", RUNTIMES)
def test_a_job_with_a_hostile_agent(factory: Factory, kind: str, nobody: str) -> None:
    number = claimed(factory)
    commands = factory.root / "temp" / runtime.COMMAND_FOLDER
    settings = factory.root / "settings"
    for folder in (commands, settings / ".github", factory.root / "home"):
        folder.mkdir(parents=True)
    for name in VARIABLES.values():
        (commands / name).touch()
    place = Path("/tmp") / f"ao-job-{os.getpid()}-{time.monotonic_ns()}"  # noqa: S108
    place.mkdir()
    try:
        script = place / "agent.sh"
        script.write_text(AGENT.format(temp=factory.root / "temp", place=place))
        open_to_all = place / "bin"  # as /opt and what is on PATH below it, on GitHub's runners
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        (settings / ".github/ao.yml").write_text(
            f"agents: {{name: command, command: 'bash {script}'}}\nruntime: {kind}\n"
        )
        environment = {
            **{name: str(commands / file) for name, file in VARIABLES.items()},
            "PATH": f"{open_to_all}:{os.environ['PATH']}",
            "HOME": str(factory.root / "home"),
            "RUNNER_TEMP": str(factory.root / "temp"),
            "AO_WORK_ROOT": str(place / "work"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": factory.hub.api_url,
            "GITHUB_GRAPHQL_URL": factory.hub.graphql_url,
            "GITHUB_SERVER_URL": factory.hub.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_RUN_ID": str(factory.work_run(number).id),
            "GITHUB_TOKEN": factory.bot,
            "INPUT_TOKEN": factory.bot,
        }
        epoch = str(factory.task(number).epoch)
        line = [sys.executable, "-c", JOB, nobody, "work", "--task", str(number), "--epoch", epoch]
        done = subprocess.run(
            line, cwd=settings, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "changes: " in done.stdout
        assert "loaded late: []" in done.stdout  # the agent could have written it
        (handed,) = (place / "work").rglob("handoff")
        assert not (place / "mark").exists()
        assert {path.name for path in handed.parent.iterdir()} == {"handoff", workspace.MARKER}
        files = {name: (commands / file).read_text() for name, file in VARIABLES.items()}
        assert files.pop("GITHUB_OUTPUT").split() == [f"handoff={handed}", "outcome=changes"]
        wanted = "a user of its own" if kind == "user" else "as the runner's own user"
        assert wanted in files.pop("GITHUB_STEP_SUMMARY")
        assert set(files.values()) == {""}
        taken = factory.publication(factory.work_run(number), handed)
        assert publish.publish(taken, number, int(epoch)) is Outcome.CHANGES
        world = factory.hub.world
        seen = world.git(NAME, "show", f"ao/{number}:env.txt")
        assert factory.bot not in seen
        assert not alive(int(world.git(NAME, "show", f"ao/{number}:daemon.pid")))
    finally:
        shutil.rmtree(place)
