"""The event of a converter that finished a COG."""

from dataclasses import dataclass
from typing import Any, ClassVar

from eventstac.blob_urls import canonical_etag, canonical_url
from eventstac.fields import Fields


@dataclass(frozen=True)
class CogCompleted:
    """A COG was made of a source blob; URLs are canonical, ETags without quotes (None: not given)."""

    TYPE: ClassVar[str] = "eventstac.cog.completed.v1"

    source_url: str
    cog_url: str
    source_etag: str | None = None
    cog_etag: str | None = None
    size: int | None = None
    job_id: str | None = None

    @property
    def subject(self) -> str:
        """The COG's URL."""
        return self.cog_url

    def data(self) -> dict[str, Any]:
        """The event's data as JSON."""
        optional = {
            "source_etag": self.source_etag,
            "cog_etag": self.cog_etag,
            "size": self.size,
            "job_id": self.job_id,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {"source_url": self.source_url, "cog_url": self.cog_url, **given}

    @classmethod
    def read(cls, data: Fields) -> "CogCompleted":
        """Read the event's data, whatever spelling of URLs and ETags its sender uses."""
        source_etag, cog_etag = data.optional_text("source_etag"), data.optional_text("cog_etag")
        return cls(
            source_url=canonical_url(data.text("source_url")),
            cog_url=canonical_url(data.text("cog_url")),
            source_etag=canonical_etag(source_etag) or None,
            cog_etag=canonical_etag(cog_etag) or None,
            size=data.optional_integer("size"),
            job_id=data.optional_text("job_id"),
        )
