"""What happens in the pipeline, as typed events; the CloudEvents envelope exists only at the edge."""

from eventstac.events.asset import AssetGone, AssetRead, AssetRejected, asset_event
from eventstac.events.blob import BlobMatched, ScanRequested
from eventstac.events.catalog import CATALOG_CHANGES, CollectionUpdated, ItemChanged, ItemRemoved
from eventstac.events.cog import CogCompleted
from eventstac.events.envelope import Envelope, Event, open_envelope, seal
from eventstac.events.rejection import EventRejected
from eventstac.events.storage import StorageChanged, storage_changes
from eventstac.origin import Origin

__all__ = [
    "CATALOG_CHANGES",
    "AssetGone",
    "AssetRead",
    "AssetRejected",
    "BlobMatched",
    "CogCompleted",
    "CollectionUpdated",
    "Envelope",
    "Event",
    "EventRejected",
    "ItemChanged",
    "ItemRemoved",
    "Origin",
    "ScanRequested",
    "StorageChanged",
    "asset_event",
    "open_envelope",
    "seal",
    "storage_changes",
]
