"""A double of the Hub with three users, for the tests of publishing."""

import pytest

from tests.hub_double.server import HubDouble, point_client_at
from tests.publishing.run_folder import MINE, OTHER, READER


@pytest.fixture
def hub(monkeypatch):
    """The Hub that this process talks to: `me` and `other` may write to their own, `reader` to nothing."""
    with HubDouble() as hub:
        point_client_at(hub, monkeypatch)
        hub.add_user("me", MINE)
        hub.add_user("other", OTHER)
        hub.add_user("reader", READER, can_write=False)
        yield hub
