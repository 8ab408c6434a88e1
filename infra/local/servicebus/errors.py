"""What the broker refuses, each with the AMQP condition and status by which the SDK finds its exception class."""


class ServiceBusFailure(Exception):
    """A refusal that goes to the client. `condition` is the AMQP error, `status` that of a management reply."""

    condition = "amqp:internal-error"
    status = 500


class EntityNotFound(ServiceBusFailure):
    """No queue, topic or subscription has this address."""

    condition = "amqp:not-found"
    status = 404


class Unauthorized(ServiceBusFailure):
    """The connection holds no token for the entity."""

    condition = "amqp:unauthorized-access"
    status = 401


class TooLarge(ServiceBusFailure):
    """The message or batch is larger than the tier allows."""

    condition = "amqp:link:message-size-exceeded"
    status = 413


class LockLost(ServiceBusFailure):
    """The lock has expired, was settled, or never was."""

    condition = "com.microsoft:message-lock-lost"
    status = 410


class MessageNotFound(ServiceBusFailure):
    """No deferred or scheduled message has this sequence number."""

    condition = "com.microsoft:message-not-found"
    status = 404


class BadArgument(ServiceBusFailure):
    """The request is not of the operation's form."""

    condition = "com.microsoft:argument-error"
    status = 400


class NotSupported(ServiceBusFailure):
    """Azure can do this; the stand-in cannot."""

    condition = "amqp:not-implemented"
    status = 501
