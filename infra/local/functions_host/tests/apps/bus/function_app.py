"""A sample app with Service Bus triggers of every kind; a message says what its function should do."""

import json
import logging
import time
import typing

import azure.functions as func

app = func.FunctionApp()
log = logging.getLogger("bus")


def act(message: func.ServiceBusMessage) -> None:
    """Do as the message says: {"sleep": s} and {"fail": n} (fail while the delivery count is n or less)."""
    body = json.loads(message.get_body())
    log.info(
        "begins",
        extra={
            "id": message.message_id,
            "delivery": message.delivery_count,
            "body": message.get_body().decode(),
            "properties": message.application_properties,
            "subject": message.subject,
            "content_type": message.content_type,
            "correlation": message.correlation_id,
            "enqueued": message.enqueued_time_utc and message.enqueued_time_utc.isoformat(),
            "ttl_ends": message.expires_at_utc and message.expires_at_utc.isoformat(),
        },
    )
    time.sleep(body.get("sleep", 0))
    if (message.delivery_count or 0) <= body.get("fail", 0):
        raise RuntimeError("told to fail")
    log.info("ends", extra={"id": message.message_id})


@app.service_bus_topic_trigger(
    arg_name="message", connection="ServiceBus", topic_name="%TOPIC%", subscription_name="one"
)
def single(message: func.ServiceBusMessage) -> None:
    act(message)


@app.service_bus_topic_trigger(
    arg_name="messages",
    connection="ServiceBus",
    topic_name="%TOPIC%",
    subscription_name="many",
    cardinality="many",
)
def several(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - the worker refuses list[…]
    bodies = [json.loads(message.get_body()) for message in messages]
    log.info(
        "batch",
        extra={
            "ids": [message.message_id for message in messages],
            "deliveries": [message.delivery_count for message in messages],
            "bodies": [message.get_body().decode() for message in messages],
            "properties": [message.application_properties for message in messages],
        },
    )
    time.sleep(max(body.get("sleep", 0) for body in bodies))
    if any(
        (message.delivery_count or 0) <= body.get("fail", 0)
        for message, body in zip(messages, bodies, strict=True)
    ):
        raise RuntimeError("told to fail")


@app.service_bus_queue_trigger(arg_name="message", connection="ServiceBus", queue_name="%TOPIC%-work")
def queued(message: func.ServiceBusMessage) -> None:
    act(message)


@app.service_bus_topic_trigger(
    arg_name="message",
    connection="ServiceBus",
    topic_name="%TOPIC%",
    subscription_name="one/$DeadLetterQueue",
)
def dead(message: func.ServiceBusMessage) -> None:
    log.info("dead", extra={"id": message.message_id, "reason": message.dead_letter_reason})


@app.service_bus_topic_trigger(
    arg_name="message",
    connection="ServiceBus",
    topic_name="%TOPIC%",
    subscription_name="kept",
    auto_complete_messages=False,
)
async def keeper(message: func.ServiceBusMessage) -> None:
    log.info("keeps", extra={"id": message.message_id})
