import pytest

from stac_api.answers import _http_date


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2023-05-06T07:08:09Z", "Sat, 06 May 2023 07:08:09 GMT"),
        ("2023-05-06T07:08:09.999+00:00", "Sat, 06 May 2023 07:08:09 GMT"),
        ("2024-01-01T01:02:03+02:00", "Sun, 31 Dec 2023 23:02:03 GMT"),
        ("0001-01-01T00:00:00+02:00", None),
        ("yesterday", None),
    ],
)
def test_a_time_is_told_as_http_writes_it(text: str, written: str | None) -> None:
    assert _http_date(text) == written
