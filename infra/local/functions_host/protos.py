"""The message types that Microsoft's worker library expects to be handed, as plain attribute bags.

The library takes its protobuf module from the request, so nothing of gRPC is needed in process.
"""

from types import SimpleNamespace
from typing import Any


class Bag(SimpleNamespace):
    """A message: whatever fields it was made with."""


class OneOf(Bag):
    """A message of which exactly one field is set."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's own name
        """The name of the field that is set, or None."""
        return next(iter(vars(self)), None)


class ParameterBinding(Bag):
    """A named value going in or coming out; this host never uses shared memory."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's own name
        """Always plain data."""
        return "data"


class StatusResult(Bag):
    """How a request ended."""

    Failure = 0
    Success = 1


class BindingInfo(Bag):
    """Direction and type of a binding."""

    out = 1
    inout = 2
    undefined = None


setattr(BindingInfo, "in", 0)  # a keyword in Python, a field name in the protocol


class RpcHttpCookie(Bag):
    """A cookie of an HTTP response."""

    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


def module() -> SimpleNamespace:
    """Everything the library looks up in its protobuf module."""
    one_of: dict[str, Any] = dict.fromkeys(
        ("TypedData", "NullableString", "NullableBool", "NullableDouble", "NullableTimestamp"), OneOf
    )
    bags: dict[str, Any] = dict.fromkeys(
        (
            "WorkerInitResponse", "WorkerMetadata", "RpcException", "FunctionMetadataResponse", "RpcFunctionMetadata",
            "RpcRetryOptions", "FunctionLoadResponse", "InvocationResponse", "RpcHttp",
        ),
        Bag,
    )  # fmt: skip
    return SimpleNamespace(
        **one_of,
        **bags,
        ParameterBinding=ParameterBinding,
        StatusResult=StatusResult,
        BindingInfo=BindingInfo,
        RpcHttpCookie=RpcHttpCookie,
    )
