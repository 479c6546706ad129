"""The runtime of `runtime: {egress: [...]}`: a user of its own in a network of its own.

Its network has nothing but loopback, and there two ports that lead out (`gate`): so no name
server, no route, no address of the machine's network or platform, and none of its services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ao_actions.agents import namespace
from ao_actions.agents.egress import LOOPBACK, Egress
from ao_actions.agents.gate import Gate
from ao_actions.agents.namespace import Namespace
from ao_actions.agents.runtimes import User
from ao_actions.errors import AgentError

_NODE = {"NODE_USE_ENV_PROXY": "1"}  # without it Node.js does not look at the others


@dataclass
class Confined(User):
    """`say` is told each host that was refused, once."""

    egress: Egress = field(kw_only=True)
    say: Callable[[str], None] = field(kw_only=True)
    _space: Namespace | None = None
    _folder: Path = Path("/")
    _told: set[str] = field(default_factory=set)

    def call(
        self, argv: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        if self._space is None:
            raise AgentError("runtime.egress: the network of this agent has ended")
        return super().call(argv, {**environment, **_variables(self._space)})

    @contextmanager
    def lend(self, *folders: Path) -> Iterator[None]:
        ports = [port for port in (self.egress.meter, 0) if port is not None]
        with ExitStack() as stack:
            try:
                space = stack.enter_context(namespace.opened(ports))
                stack.enter_context(super().lend(*folders))
            except AgentError as error:
                raise AgentError(
                    f"runtime.egress cannot be held to on this machine: {error}. It takes Linux, "
                    "and root or sudo without a password; without `egress` an agent has the "
                    "whole network"
                ) from None
            gate = Gate(self.egress)
            *meter, proxy = space.listeners
            stack.callback(self._leave, gate)
            stack.enter_context(gate.serving(proxy, *meter))
            self._space, self._folder = space, folders[0]
            yield

    def _leave(self, gate: Gate) -> None:
        self._space = None
        for target, why in gate.refused.items():
            if target not in self._told:
                self._told.add(target)
                self.say(f"refused on the agent's way out: {why}")

    def _enter(self) -> list[str]:
        return self._space.enter(self._folder) if self._space is not None else []


def _variables(space: Namespace) -> dict[str, str]:
    """How programs find the proxy, which is the last of the listeners."""
    proxy = f"http://{LOOPBACK}:{space.listeners[-1].getsockname()[1]}"
    said = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy)
    said["NO_PROXY"] = f"{LOOPBACK},localhost"
    return {**said, **{name.lower(): value for name, value in said.items()}, **_NODE}
