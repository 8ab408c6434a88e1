"""A Service Bus stand-in for the laptop: AMQP 1.0, durable on disk, for the unmodified azure-servicebus SDK."""
