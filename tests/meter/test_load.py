"""200 streams at once: no byte is lost or changed, and the budget holds."""

from __future__ import annotations

import asyncio
import json
import random
import ssl

import httpx
import pytest

from ao_actions import meter
from ao_actions.meter import Account, Meter
from tests.meter.conftest import providers
from tests.meter.provider import EVENTS, Asked, Provider, Reply
from tests.meter.samples import CLAUDE_END, CLAUDE_START

STREAMS = 200
PRICE = 0.01188  # of one answer: the sample's tokens, by the list


def answer(asked: Asked) -> Reply:
    """A stream of its own for each request, in pieces of odd sizes."""
    seed = json.loads(asked.body)["seed"]
    dice = random.Random(seed)
    words = "".join(f'data: {{"seed":{seed},"n":{dice.random()}}}\n\n' for _ in range(20))
    body = CLAUDE_START + words.encode() + CLAUDE_END
    cuts = sorted(dice.sample(range(len(body)), 10))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    return Reply(pieces, headers=[EVENTS])


async def ask(it: Meter, rounds: int) -> list[list[tuple[int, bytes]]]:
    """What each of 200 clients got, `rounds` requests one after the other."""
    trust = ssl.create_default_context()  # dear to make, so only once
    headers = {"x-api-key": it.key}
    url = it.base("anthropic") + "/v1/messages"

    async def ask_in_turn(number: int) -> list[tuple[int, bytes]]:
        got = []
        async with httpx.AsyncClient(timeout=120, verify=trust, headers=headers) as client:
            for turn in range(rounds):
                body = json.dumps({"seed": number * rounds + turn}).encode()
                reply = await client.post(url, content=body)
                got.append((reply.status_code, reply.content))
        return got

    return await asyncio.gather(*(ask_in_turn(number) for number in range(STREAMS)))


def expected(seed: int) -> bytes:
    reply = answer(Asked("POST", "", [], json.dumps({"seed": seed}).encode()))
    return b"".join(piece for piece in reply.pieces if isinstance(piece, bytes))


def play(rounds: int, usd: float | None) -> tuple[list[list[tuple[int, bytes]]], Account]:
    with Provider(answer) as provider:
        it = meter.start(providers(provider), usd=usd, seconds=200, log=None)
        try:
            got = asyncio.run(ask(it, rounds))
        finally:
            account = it.close()
    return got, account


def test_no_byte_is_lost_or_changed() -> None:
    got, account = play(1, None)
    flat = [reply for each in got for reply in each]
    assert flat == [(200, expected(seed)) for seed in range(STREAMS)]
    assert (account.requests, account.unmetered) == (STREAMS, 0)
    assert account.usd == pytest.approx(STREAMS * PRICE)


def test_each_connection_oversteps_the_budget_by_one_answer_at_most() -> None:
    budget = 0.5
    got, account = play(3, budget)
    passed = [[status for status, _ in each].count(200) for each in got]
    assert account.usd is not None
    assert budget <= account.usd == pytest.approx(sum(passed) * PRICE)
    assert account.usd <= budget + STREAMS * PRICE
    assert account.refused == 3 * STREAMS - sum(passed) > 0
    for each in got:  # once refused, always refused
        assert sorted(each, key=lambda reply: reply[0]) == each
