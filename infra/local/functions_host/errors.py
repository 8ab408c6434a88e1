"""What the host refuses, each as one clear sentence."""


class HostError(Exception):
    """Base of the host's own errors; its text is what the person at the terminal reads."""


class AppRefused(HostError):
    """The app cannot be served as it is written: Azure would not index or start it either."""


class BadSetting(HostError):
    """A setting or host.json value is missing or has a value that Azure would not accept."""
