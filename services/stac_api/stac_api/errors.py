"""What the API answers when it cannot answer.

ApiError
├── BadRequest        400  names the parameter and what is wrong with it
├── Unauthorized      401  who asks has not signed in
├── NotFound          404
├── TooLarge          413  the body is beyond the cap
├── UnsupportedMedia  415  the body is not JSON
│   └── UnsupportedCoding  it is compressed
├── Unavailable       503  the database is away or busy: try again
│   └── Full               it takes no more connections
└── TooSlow           504  the query ran into the statement time-out
"""


class ApiError(Exception):
    """An answer other than the one asked for; `code` is for programs, `description` for people."""

    status = 500
    code = "ServerError"
    headers: tuple[tuple[bytes, bytes], ...] = ()  # that the answer has more

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class BadRequest(ApiError):
    """A parameter that cannot be understood. `parameter` is its name in the query string or the body."""

    status = 400
    code = "InvalidParameterValue"

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter


class Unauthorized(ApiError):
    """Only for callers who signed in."""

    status = 401
    code = "Unauthorized"
    headers = ((b"www-authenticate", b"Bearer"),)


class NotFound(ApiError):
    """There is no such collection, Item or page."""

    status = 404
    code = "NotFound"


class TooLarge(ApiError):
    """The body is larger than the API reads."""

    status = 413
    code = "ContentTooLarge"


class UnsupportedMedia(ApiError):
    """The body is not JSON."""

    status = 415
    code = "UnsupportedMediaType"


class UnsupportedCoding(UnsupportedMedia):
    """The body is compressed."""

    headers = ((b"accept-encoding", b"identity"),)


class Unavailable(ApiError):
    """The catalog's database does not answer, or all connections to it are busy."""

    status = 503
    code = "ServiceUnavailable"


class Full(Unavailable):
    """The catalog's database answers that it takes no more connections."""


class TooSlow(ApiError):
    """The database was told to stop after the statement time-out."""

    status = 504
    code = "Timeout"
