import json
from collections.abc import Mapping
from typing import Any

import pytest

from eventstac.errors import Rejected
from eventstac.events import (
    CollectionUpdated,
    Event,
    EventRejected,
    ItemChanged,
    ItemRemoved,
    Origin,
    open_envelope,
    seal,
)
from loader import outbound
from tests.samples import at

EXTENT = {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [[None, None]]}}


def sealed(event: Event) -> Mapping[str, Any]:
    return seal(event, app="loader", origin=Origin.new("cause"), at=at(0))


@pytest.mark.parametrize(
    "event",
    [
        ItemChanged("c", "one", (0.0, 0.0, 1.0, 1.0), at(0), None, "created", at(0), (), ()),
        ItemRemoved("c", "one", None, None, None),
        CollectionUpdated("c", EXTENT, 3),
    ],
    ids=lambda event: event.TYPE,
)
def test_each_change_of_the_catalog_is_for_the_world_as_it_came(event: Event) -> None:
    told = {**sealed(event), "more": "that we do not know"}
    assert outbound.decode(open_envelope(json.dumps(told))) == told


def test_what_is_no_change_of_the_catalog_is_not_for_the_world() -> None:
    told = sealed(EventRejected("compose", "invalid-item", "why", None, 1, {}))
    with pytest.raises(Rejected, match="no change of the catalog"):
        outbound.decode(open_envelope(json.dumps(told)))
