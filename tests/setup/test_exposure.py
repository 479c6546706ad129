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
        "on: create\n",
        "on: deployment_status\n",
        "on: {deployment: }\n",
        "on: {pull_request: {types: [closed]}}\n",
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
        "on: check_suite\n",
        "on: merge_group\n",  # a person has put it into the queue
        "on: workflow_call\n",
    ],
)
def test_events_that_do_not(on: str) -> None:
    assert why(on + READ + SECRET) == ()


def checkout(ref: str) -> str:
    return f'{{uses: actions/checkout@v1, with: {{ref: "{ref}"}}}}'


@pytest.mark.parametrize(
    ("event", "step"),
    [
        ("pull_request_target", checkout("${{ github.event.pull_request.head.sha }}")),
        ("pull_request_target", checkout("${{ github.head_ref }}")),
        ("pull_request_target", checkout("refs/pull/${{ github.event.number }}/merge")),
        ("pull_request_target", "{run: 'git fetch origin pull/${{ github.event.number }}/head'}"),
        ("pull_request_target", "{env: {S: '${{ GitHub.Event.Pull_Request.Head.Sha }}'}}"),
        ("workflow_run", checkout("${{ github.event.workflow_run.head_sha }}")),
        ("workflow_run", "{uses: actions/download-artifact@v1}"),
        ("workflow_run", "{run: gh run download 1}"),
        ("issue_comment", "{run: gh pr checkout 7}"),
        ("issue_comment", checkout("${{ steps.pull.outputs.sha }}")),
        ("issues", checkout("refs/pull/1/head")),
        ("check_suite", checkout("${{ github.event.check_suite.head_sha }}")),
        ("check_run", checkout("${{ github.event.check_run.head_sha }}")),
        ("status", checkout("${{ github.event.sha }}")),
        ("schedule", checkout("${{ matrix.branch }}")),
        ("repository_dispatch", checkout("${{ github.event.client_payload.ref }}")),
        ("workflow_dispatch", "{run: 'gh pr checkout ${{ inputs.number }}'}"),
        ("workflow_dispatch", checkout("${{ format('refs/pull/{0}/head', inputs.n) }}")),
    ],
)
def test_an_event_of_the_default_branch_that_fetches_what_an_agent_wrote(
    event: str, step: str
) -> None:
    job = f"jobs:\n  t:\n    env: {{K: '${{{{ secrets.KEY }}}}'}}\n    steps:\n      - {step}\n"
    assert why(f"on: {event}\n{READ}{job}") == ("it reads the secret KEY",)


@pytest.mark.parametrize(
    ("event", "step"),
    [
        ("pull_request_target", checkout("${{ github.event.pull_request.base.sha }}")),
        ("pull_request_target", checkout("${{ github.base_ref }}")),
        ("issue_comment", checkout("${{ github.event.repository.default_branch }}")),
        ("issue_comment", checkout("main")),
        ("workflow_dispatch", checkout("${{ inputs.ref }}")),  # a person names it
        ("workflow_run", "{uses: actions/checkout@v1}"),
        ("{workflow_run: {branches: [main]}}", "{uses: actions/download-artifact@v1}"),
        ("{push: {tags: ['v*']}}", checkout("${{ github.head_ref }}")),
    ],
)
def test_one_that_fetches_nothing_of_theirs(event: str, step: str) -> None:
    job = f"jobs:\n  t:\n    env: {{K: '${{{{ secrets.KEY }}}}'}}\n    steps:\n      - {step}\n"
    assert why(f"on: {event}\n{READ}{job}") == ()


def test_a_called_workflow_may_fetch_it() -> None:
    files = {
        "a.yml": "on: issue_comment\n" + READ + "jobs: {t: {uses: ./b.yml, secrets: inherit}}\n",
        "b.yml": "on: workflow_call\njobs: {t: {steps: [{run: gh pr checkout 1}]}}\n",
    }
    assert [str(each) for each in exposures(files)] == [
        "a.yml (a.yml): it hands all secrets to another workflow"
    ]


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
        (READ + "jobs: {t: {env: {T: \"${{ secrets['KEY'] }}\"}}}\n", ("it reads the secret KEY",)),
        (READ + "jobs: {t: {env: {T: '${{ secrets[matrix.x] }}'}}}\n", ("it reads all secrets",)),
        (READ + "jobs: {t: {uses: o/r/x.yml@v1, secrets: inherit}}\n",
         ("it hands all secrets to another workflow",
          "job t runs o/r/x.yml@v1, which cannot be read here")),
        (READ + "jobs: {t: {uses: ./b.yml}}\n",
         ("job t runs b.yml, which cannot be read here",)),
        (READ + "env: {T: '${{ SECRETS.Key }}'}\n" + JOB, ("it reads the secret KEY",)),
        (READ + "jobs: {t: {env: {T: '${{ join(secrets.*) }}'}}}\n", ("it reads all secrets",)),
        (READ + "jobs: {t: {env: {T: \"${{ format('}}', secrets . A) }}\"}}}\n",
         ("it reads the secret A",)),
        (READ + "jobs: {t: {steps: [{run: cat secrets.txt my.secrets.yml}]}}\n", ()),
        (READ + "jobs: {t: {steps: [{uses: ./x, with: {key: '${{ secrets.K }}'}}]}}\n",
         ("it reads the secret K",)),
        (READ + "jobs: {t: {services: {db: {credentials: {password: '${{ secrets.P }}'}}}}}\n",
         ("it reads the secret P",)),
        (READ + "jobs: {t: {env: {V: '${{ vars.DEPLOY_KEY }}'}}}\n", ()),
        (READ + "jobs: {t: {environment: prod}}\n", ("job t may use the environment prod",)),
        (READ + "jobs: {t: {environment: {name: '${{ github.ref }}'}}}\n",
         ("job t may use the environment ${{ github.ref }}",)),
        (READ + "jobs: {t: {runs-on: [self-hosted, linux]}}\n",
         ("job t runs on self-hosted, linux: if that machine is kept, so is what ran",)),
        (READ + "jobs: {t: {runs-on: {group: big}}}\n",
         ("job t runs on big: if that machine is kept, so is what ran",)),
        (READ + "jobs: {t: {runs-on: '${{ vars.RUNNER }}'}}\n",
         ("job t runs on ${{ vars.RUNNER }}: if that machine is kept, so is what ran",)),
        (READ + "jobs: {t: {runs-on: '${{ matrix.o }}', strategy: {matrix: {o: [self-hosted]}}}}\n",
         ("job t runs on self-hosted: if that machine is kept, so is what ran",)),
        (READ + "jobs: {t: {runs-on: '${{ matrix.os }}', strategy: {matrix: {os: [macos-15]}}}}\n",
         ()),
        (READ + "jobs: {t: {runs-on: ubuntu-latest, steps: [{uses: actions/cache@v1}]}}\n", ()),
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


@pytest.mark.parametrize(
    "text", ["on: [push\n", "on: 2001-99-99\n", "[" * 3000, "", "on: &a [*a, *b]\n", "text"]
)
def test_what_cannot_be_read_is_named(text: str) -> None:
    assert why(text) == ("it cannot be read",)


def test_a_file_that_holds_itself_or_one_text_a_million_times_ends() -> None:
    loop = "a: &a\n  b: *a\n  c: '${{ secrets.X }}'\n"
    laughs = "x0: &x0 ['${{ secrets.Y }}']\n" + "".join(
        f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    assert why("on: push\n" + READ + loop + laughs) == ("it reads the secrets X, Y",)


def test_the_name_and_a_line_for_people() -> None:
    found = exposures({"a.yml": "name: CI\non: push\n" + READ + SECRET})
    assert str(found[0]) == "CI (a.yml): it reads the secret DEPLOY_KEY"
