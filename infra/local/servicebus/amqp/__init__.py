"""AMQP 1.0 on the wire: types, frames, messages, connections. Knows nothing of queues."""
