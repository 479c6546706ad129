"""The meter in an attempt: which endpoint the agent gets, and what the meter knows better.

The meter was started by a step of its own, which alone had the keys (design 7); this process and
the agent know its address and a dummy key (AO_METER: the address, then the names of the
credentials that it holds).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ao_actions.agents import Agent, Endpoint, Result, Usage, providers
from ao_actions.agents import Outcome as Said
from ao_actions.errors import AoError
from ao_actions.meter import Account, LimitKind, Meter, Upstream
from ao_actions.meter import start as start_meter

VARIABLE = "AO_METER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """How an agent's model calls are sent. `why_not`: why there is no meter between."""

    endpoint: Endpoint | None
    meter: Meter | None = None
    why_not: str = ""

    def judge(self, result: Result) -> Result:
        """The result, corrected by what the meter has seen on the wire.

        What the model cost is the meter's figure: an agent that can be talked into anything must
        not be the one to say it.
        """
        if self.meter is None:
            return result
        try:
            account = self.meter.account()
        except AoError as error:
            # without its figure the reservation stands (design 3)
            usage = replace(result.usage, usd=None)
            return replace(result, outcome=Said.ERROR, detail=str(error), usage=usage)
        usage = Usage(
            input_tokens=account.input_tokens,
            output_tokens=account.output_tokens,
            usd=account.usd,
            turns=result.usage.turns,
        )
        return replace(_outcome(result, account), usage=usage)

    def close(self) -> None:
        """End the meter; it ends by itself if this does not reach it."""
        if self.meter is not None:
            with contextlib.suppress(AoError):
                self.meter.close()


def choose(agent: Agent, environment: Mapping[str, str]) -> Metering:
    """The meter if there is one for this agent, else the provider itself.

    :raises AoError: AO_METER is not what the meter's step says
    """
    said = environment.get(VARIABLE, "").split()
    if not agent.credentials:
        return Metering(endpoint=None, why_not=f"{agent.name} cannot be pointed at it")
    if not said:
        return Metering(endpoint=providers.direct(agent, environment), why_not="it was not started")
    meter = Meter.parse(said[0])
    for name in agent.credentials:
        if name in said[1:]:
            provider = providers.CREDENTIALS[name].provider
            endpoint = Endpoint(
                provider=provider,
                credential=name,
                url=meter.base(provider),
                key=meter.key,
                metered=True,
            )
            return Metering(endpoint=endpoint, meter=meter)
    return Metering(endpoint=None, why_not=f"it holds no key for {agent.name}")


def close(environment: Mapping[str, str]) -> None:
    """End the meter of an attempt, if there is one; it ends by itself if this does not reach it."""
    said = environment.get(VARIABLE, "").split()
    with contextlib.suppress(AoError):
        if said:
            Meter.parse(said[0]).close()


def start(agent: Agent, environment: Mapping[str, str], *, usd: float | None, seconds: int) -> str:
    """Start the meter for an agent; the words of AO_METER, or "" where there is nothing to hold.

    :raises AoError: it did not start
    """
    credential = providers.held(agent, environment)
    if credential is None:
        return ""
    upstream = Upstream(
        name=credential.provider,
        url=providers.base_url(credential.provider, environment),
        header=credential.header,
        key=environment[credential.name],
    )
    meter = start_meter([upstream], usd=usd, seconds=seconds, log=None)
    return f"{meter.url} {credential.name}"


def _outcome(result: Result, account: Account) -> Result:
    """Refusals and limits that the meter saw count, whatever the program made of them."""
    limit = account.limit
    if account.refused:
        detail = "the attempt's budget is spent: the meter let no further call through"
        return replace(result, outcome=Said.OUT_OF_BUDGET, detail=detail, until=None)
    if limit is None:
        return result
    if limit.kind is LimitKind.QUOTA:
        detail = f"the model's provider wants a bill settled: {limit.detail}"
        return replace(result, outcome=Said.ERROR, detail=detail)
    return replace(
        result,
        outcome=Said.LIMITED,
        detail=limit.detail,
        until=limit.until or result.until,
        proven=True,
    )
