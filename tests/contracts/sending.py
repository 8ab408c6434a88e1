"""What apps and the operator consume and send, as their code says it: bindings, and topics of what is sent."""

import ast
import re
from collections.abc import Iterator

from eventstac import bus
from eventstac.contracts import read_contract
from tests.contracts.reach import OPERATOR, ROOT, reach

APPS = ("scanner", "extractor", "loader", "cog-updater", "stac-api")  # as Azure spells them
SUBSCRIPTIONS = {
    f"{topic['Name']}/{subscription['Name']}"
    for topic in read_contract("topology.json")["UserConfig"]["Namespaces"][0]["Topics"]
    for subscription in topic["Subscriptions"]
}
_SENDING = ("Outgoing", "Message", "_sealed")
_BINDING = re.compile(r'topic_name="([^"]+)",\s*subscription_name="([^"]+)"')


def source_of(app: str) -> str:
    """The text of an app's function_app.py."""
    return (ROOT / "services" / app.replace("-", "_") / "function_app.py").read_text()


def consumed(app: str) -> set[str]:
    """The subscriptions that an app's triggers are bound to, as TOPIC/SUBSCRIPTION."""
    return {"/".join(pair) for pair in _BINDING.findall(source_of(app))}


def retried(app: str) -> set[str]:
    """The topics to which an app sends again what it could not handle yet: those it consumes."""
    assert "eventstac.consumption" in reach(app.replace("-", "_")).ours
    return {path.partition("/")[0] for path in consumed(app)}


def redeems_claims(app: str) -> bool:
    """Whether an app fetches what a claim stands for."""
    return re.search(r"Consumer\([^\n]*claims=", source_of(app)) is not None


def sent(who: str) -> set[str]:
    """The topics that the code of an app, or of the operator, names in what it sends."""
    modules = reach(who.replace("-", "_")).ours
    found: set[str] = set()
    for name, module in modules.items():
        topics = set(_topics_of_messages(name, module))
        if name == "eventstac.catalog.announcing" and "eventstac.publishing" not in modules:
            continue  # what it announces waits in the outbox for an app that publishes
        if name == "eventstac.consumption":
            if who == OPERATOR:
                continue  # consumes nothing: what it begins is named where it begins
            if not redeems_claims(who):
                topics -= {bus.SCAN_REQUESTS}  # another look at what a lost claim was about
        found |= topics
    return found


def _topics_of_messages(name: str, module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _SENDING and node.args:
            topic = node.args[0]
            if isinstance(topic, ast.Constant):
                yield str(topic.value)
            elif isinstance(topic, ast.Name) and topic.id.isupper():
                yield getattr(bus, topic.id)
            else:  # what somebody else addressed is passed on
                assert isinstance(topic, ast.Attribute), f"{name}:{node.lineno}: to which topic?"
                assert topic.attr == "topic", f"{name}:{node.lineno}: to which topic?"
