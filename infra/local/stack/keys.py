"""The stack's passwords and access keys: random, made at the first start, readable by their owner only."""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APPS = ("scanner", "extractor", "loader", "cog_updater", "stac_api")
ROLES = tuple(f"eventstac_{name}" for name in (*APPS, "operator"))


@dataclass(frozen=True)
class Keys:
    """Access keys of Service Bus and Event Grid, and the database passwords."""

    servicebus: str
    eventgrid: str
    setup_password: str
    role_passwords: Mapping[str, str]


def kept_or_made(path: Path) -> Keys:
    """The keys of `path`, which is written where it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        made = {
            "servicebus": _access_key(),
            "eventgrid": _access_key(),
            "setup_password": secrets.token_urlsafe(18),
            "role_passwords": {role: secrets.token_urlsafe(18) for role in ROLES},
        }
        path.write_text(json.dumps(made, indent=2) + "\n")
    return Keys(**json.loads(path.read_text()))


def _access_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
