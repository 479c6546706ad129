"""One server plays several tasks at once, each with its own position."""

from ao_actions.modelserver import Answer, Limit, ModelServer, Say, Scenario, Turn
from tests.modelserver.wires import ANTHROPIC, CHAT, CLIENTS


def says(*texts: str) -> tuple[Turn, ...]:
    return tuple(Answer((Say(text),)) for text in texts)


def test_each_task_has_its_position() -> None:
    script = [
        Scenario(says("a1", "a2"), "Task A"),
        Scenario((Limit("overloaded"),), "Task B"),
        Scenario(says("c1")),
    ]
    with ModelServer(script) as server:
        asked = ["Do Task A.", "Task B", "other", "Task A and Task B", "Task B", "Task A", "other"]
        replies = [CHAT.ask(server, text) for text in asked]
    assert [reply.text for reply in replies] == ["a1", "", "c1", "a2", "", "", ""]
    assert [reply.status for reply in replies] == [200, 503, 200, 200, 503, 400, 400]


def test_the_whole_conversation_counts_but_not_the_tools() -> None:
    script = [Scenario(says("tool"), "bash"), Scenario(says("line"), "an\nagent"), *says("rest")]
    for client in CLIENTS:
        with ModelServer(script) as server:
            assert client.ask(server, 'You are an\nagent, "really".').text == "line"
            assert client.ask(server, "x").text == "rest"


def test_no_scenario_fits() -> None:
    with ModelServer([Scenario(says("a"), "Task A")]) as server:
        reply = ANTHROPIC.ask(server, "Task B")
    assert reply.status == 400
    assert reply.last["error"]["message"] == "no scenario of the script is for this conversation"
    assert len(server.asked) == 1
