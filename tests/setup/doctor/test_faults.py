"""Each fault planted by itself: the one check that is for it finds it, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ao_actions.localgithub.server import LocalGitHub
from ao_actions.setup.doctor import CHECKS, Level

from .conftest import Site
from .faults import FAULTS, Fault
from .planting import by_app, by_machine


def ids(fault: Fault) -> str:
    return f"{fault.check}: {fault.name}"


@pytest.fixture(autouse=True)
def _forget_answers(hub: LocalGitHub) -> Iterator[None]:
    yield
    hub.app.faults.clear()


def test_a_healthy_repository_is_all_green(site: Site) -> None:
    assert {name: row.finding for name, row in site.examine().items() if name in site.ill()} == {}


@pytest.mark.parametrize("set_up", [by_machine, by_app])
def test_healthy_with_a_token_of_its_own(site: Site, set_up) -> None:
    set_up(site)
    assert {name: row.finding for name, row in site.examine().items() if name in site.ill()} == {}


@pytest.mark.parametrize("fault", FAULTS, ids=ids)
def test_a_fault_is_found_by_its_check_alone(site: Site, fault: Fault) -> None:
    fault.plant(site)
    rows = site.examine()
    found = rows[fault.check].finding
    assert found.level == fault.level
    assert fault.says in found.what
    assert found.mend
    assert (found.fix is not None) == (fault.mended or fault.fixable)
    others = {n: r.finding for n, r in rows.items() if n != fault.check}
    ill = {name: f for name, f in others.items() if f.level is not Level.OK}
    assert {n: f for n, f in ill.items() if n not in fault.blinds} == {}
    assert {f.level for f in ill.values()} <= {Level.UNKNOWN}


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.mended], ids=ids)
def test_fix_mends_and_a_second_doctor_is_green(site: Site, fault: Fault) -> None:
    fault.plant(site)
    rows = site.examine(fix=True)
    assert rows[fault.check].fixed
    assert rows[fault.check].finding.level is Level.OK
    assert [name for name, row in rows.items() if row.fixed] == [fault.check]
    assert site.ill() == {}


def test_every_check_has_a_fault() -> None:
    elsewhere = {"clock", "git"}  # of this machine: test_machine.py
    assert {fault.check for fault in FAULTS} | elsewhere == {check.name for check in CHECKS}


def test_the_docs_have_a_row_for_every_check_in_order() -> None:
    page = Path(__file__).parents[3] / "docs" / "doctor.md"
    table = page.read_text(encoding="utf-8").split("## Checks")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [check.name for check in CHECKS]
    mending = {row.split("`")[1] for row in rows if not row.endswith("| |")}
    assert {f.check for f in FAULTS if f.mended or f.fixable} == mending
