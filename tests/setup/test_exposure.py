"""Which workflows run agent-written code with something worth stealing: a table."""

from __future__ import annotations

import pytest

from ao_actions.setup.exposure import exposures

READ = "permissions: {contents: read}\n"
JOB = "jobs:\n  test:\n    runs-on: ubuntu-latest\n    steps: [{run: make test}]\n"
SECRET = "jobs:\n  test:\n    env: {K: '${{ secrets.DEPLOY_KEY }}'}\n    steps: []\n"


def why(text: str, **options: object) -> tuple[str, ...]:
    found = exposures({".github/workflows/ci.yml": text}, **options)  # type: ignore[arg-type]
    return found[0].why if found else ()


@pytest.mark.parametrize(
    "on",
    [
        "on: push\n",
        "on: [push, issues]\n",
        "on: {pull_request: }\n",
        "on: {pull_request: {branches: [main]}}\n",
        "on: {push: {branches: ['**']}}\n",
        "on: {push: {branches: ['ao/*']}}\n",
        "on: {push: {branches-ignore: [main]}}\n",
        "on: pull_request_review\n",
        "on: {push: {branches: ['a[a-p]/[0-9]+']}}\n",
    ],
)
def test_events_that_run_what_an_agent_wrote(on: str) -> None:
    assert why(on + READ + SECRET) == ("it reads the secret DEPLOY_KEY",)


@pytest.mark.parametrize(
    "on",
    [
        "on: workflow_dispatch\n",
        "on: {push: {branches: [main]}}\n",
        "on: {push: {branches: ['*']}}\n",
        "on: {push: {branches: ['**', '!ao/**']}}\n",
        "on: {push: {tags: ['v*']}}\n",
        "on: {push: {branches-ignore: ['ao/**']}}\n",
        "on: {pull_request: {branches: ['release/**']}}\n",
        "on: {workflow_run: {workflows: [CI]}}\n",
        "on: pull_request_target\n",
        "on: issue_comment\n",
    ],
)
def test_events_that_do_not(on: str) -> None:
    assert why(on + READ + SECRET) == ()


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run"])
def test_an_event_of_the_default_branch_that_checks_out_the_head(event: str) -> None:
    head = "${{ github.event.workflow_run.head_sha }}"
    job = f"jobs:\n  t:\n    steps: [{{uses: a/checkout@v1, with: {{ref: '{head}'}}}}]\n"
    job += "    env: {K: \"${{ secrets['KEY'] }}\"}\n"
    assert why(f"on: {event}\n{READ}{job}") == ("it reads the secret KEY",)


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (READ + JOB, ()),
        ("permissions: {}\n" + JOB, ()),
        ("permissions: read-all\n" + JOB, ()),
        ("permissions: write-all\n" + JOB, ("job test may write everything",)),
        (
            "permissions: {packages: write, id-token: write}\n" + JOB,
            ("job test may get an id-token", "job test has packages: write"),
        ),
        (JOB, ("job test has no `permissions`, so it may, by the repository's setting, write",)),
        (READ + JOB.replace("runs-on", "permissions: write-all\n    runs-on"),
         ("job test may write everything",)),
        (READ + "jobs: {t: {env: {T: '${{ secrets.GITHUB_TOKEN }}'}}}\n", ()),
        (READ + "jobs: {t: {env: {T: '${{ toJSON(secrets) }}'}}}\n", ("it reads all secrets",)),
        (READ + "jobs: {t: {env: {T: '${{ secrets[matrix.x] }}'}}}\n", ("it reads all secrets",)),
        (READ + "jobs: {t: {uses: o/r/x.yml@v1, secrets: inherit}}\n",
         ("it hands all secrets to another workflow",)),
    ],
)  # fmt: skip
def test_what_it_holds(text: str, reasons: tuple[str, ...]) -> None:
    assert why("on: push\n" + text) == reasons


def test_the_repository_s_setting_for_workflows_without_permissions() -> None:
    assert why("on: push\n" + JOB, default_write=False) == ()
    assert why("on: push\n" + JOB, default_write=True) == (
        "job test has no `permissions`, so it may write",
    )


def test_a_called_workflow_of_this_repository_counts() -> None:
    caller = "on: push\n" + READ + "jobs: {t: {uses: ./.github/workflows/b.yml}}\n"
    files = {".github/workflows/a.yml": caller, ".github/workflows/b.yml": SECRET}
    found = exposures({**files, ".github/workflows/b.yml": "on: workflow_call\n" + SECRET})
    assert [finding.path for finding in found] == [".github/workflows/a.yml"]
    assert found[0].why == ("it reads the secret DEPLOY_KEY",)


def test_a_workflow_that_calls_itself_ends() -> None:
    assert why("on: push\n" + READ + "jobs: {t: {uses: ./.github/workflows/ci.yml}}\n") == ()


def test_what_cannot_be_read_is_named() -> None:
    assert why("on: [push\n") == ("it cannot be read",)


def test_the_name_and_a_line_for_people() -> None:
    found = exposures({"a.yml": "name: CI\non: push\n" + READ + SECRET})
    assert str(found[0]) == "CI (a.yml): it reads the secret DEPLOY_KEY"
