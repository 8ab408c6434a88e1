"""What can go wrong with the private PostgreSQL."""


class PostgresUnavailable(Exception):
    """PostgreSQL is not installed, or did not start; the text says which and how to mend it."""
