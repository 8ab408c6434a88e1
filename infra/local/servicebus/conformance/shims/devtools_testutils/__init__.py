"""Stands in for the helpers of the Azure SDK's repository that Microsoft's tests import."""

from collections.abc import Callable
from typing import Any

from azure.servicebus._base_handler import ServiceBusSharedKeyCredential
from azure.servicebus.aio._base_handler_async import ServiceBusSharedKeyCredential as AsyncCredential

from infra.local.servicebus.conformance.shims.servicebus_preparer import KEY, ServiceBusResourceGroupPreparer


class AzureRecordedTestCase:
    """The tests here are always live."""

    is_live = True

    @staticmethod
    def await_prepared_test(test: Callable[..., Any]) -> Callable[..., Any]:
        """pytest-asyncio awaits the test."""
        return test


AzureMgmtRecordedTestCase = AzureRecordedTestCase
RandomNameResourceGroupPreparer = ServiceBusResourceGroupPreparer


def get_credential(*, is_async: bool = False, **_settings: Any) -> Any:
    """The shared key: the stand-in knows no Entra ID."""
    credential = AsyncCredential if is_async else ServiceBusSharedKeyCredential
    return credential("RootManageSharedAccessKey", KEY)
