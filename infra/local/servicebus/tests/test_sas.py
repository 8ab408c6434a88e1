"""A shared access signature opens what it was made for, while it lasts, and nothing else."""

import pytest
from azure.servicebus._pyamqp.utils import generate_sas_token

from infra.local.servicebus.sas import BadToken, Keys

KEYS = Keys("policy", "key+/=")


def token(uri: str = "sb://host/q", policy: str = "policy", key: str = "key+/=", expiry: int = 2000) -> str:
    return str(generate_sas_token(uri, policy, key, expiry))  # type: ignore[no-untyped-call]  # the SDK's own


def test_a_good_token_opens_its_entity_and_what_is_below() -> None:
    grant = KEYS.verify(token(), "q", 1000)
    assert grant.covers("q", 1999)
    assert grant.covers("q/$management", 1999)
    assert not grant.covers("q", 2000)
    assert not grant.covers("queue", 1000)


def test_a_token_for_the_namespace_opens_everything() -> None:
    assert KEYS.verify(token("sb://host:5672/"), "t/subscriptions/s", 1000).covers("any", 1000)


@pytest.mark.parametrize(
    "bad",
    [
        token(key="other"),
        token(policy="other"),
        token(expiry=900),
        token("sb://host/other"),
        token().replace("sig=", "sig=A"),
        token().replace("se=2000", "se=3000"),
        token().replace("se=2000", "se=soon"),
        "SharedAccessSignature sr=x",
        "Bearer abc",
        "",
    ],
)
def test_a_token_that_proves_nothing_is_refused(bad: str) -> None:
    with pytest.raises(BadToken):
        KEYS.verify(bad, "q", 1000)
