"""The SQL filter language, clause by clause of its documentation."""

from typing import Any
from uuid import UUID

import pytest

from infra.local.servicebus.amqp.codec import Timestamp
from infra.local.servicebus.sqlfilter import FilterSyntaxError, compile_filter
from infra.local.servicebus.sqlvalues import FilterError

SYSTEM = {"label": "bus-stop", "messageid": "m1", "to": "Store5"}
USER: dict[str, Any] = {
    "n": 5,
    "real": 2.5,
    "word": "queue",
    "Percent": "ABC%",
    "yes": True,
    "empty": None,
    "HR-EmployeeID": 7,
    'a"b]c': 1,
    "guid": UUID(int=1),
    "when": Timestamp(1000),
    "quote": "it's",
}


@pytest.mark.parametrize(
    "text",
    [
        "n = 5",
        "N = 5",
        "user.n = 5 AND sys.Label = 'bus-stop'",
        "n <> 4 AND n != 4",
        "n > 4 AND n >= 5 AND n < 6 AND n <= 5",
        "n = 5.0 AND real = 2.5E0 AND real = .25e1",
        "n = 4 OR n = 5",
        "NOT n = 4",
        "NOT (n = 4 OR n = 6)",
        "n = 4 AND n = 4 OR n = 5",
        "word IN ('queue', 'topic')",
        "word NOT IN ('topic')",
        "sys.To IN ('Store5','Store6') OR StoreId = 'Store8'",
        "word LIKE 'qu%' AND word LIKE 'q_eue' AND word LIKE '%'",
        "word NOT LIKE 'q_'",
        "Percent LIKE 'ABC\\%' ESCAPE '\\'",
        "word NOT LIKE 'qu!%' ESCAPE '!'",
        "missing IS NULL AND empty IS NULL AND n IS NOT NULL",
        "EXISTS(n) AND EXISTS(empty) AND NOT EXISTS(missing) AND exists (sys.Label)",
        "n + 1 = 6 AND n - 1 = 4 AND n * 2 = 10 AND n / 2 = 2 AND n % 3 = 2",
        "-n = 0 - 5 AND +n = 5 AND - 7 / 2 = -3 AND -7 % 3 = -1 AND 7.0 / 2 = 3.5",
        "1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9",
        "'a' + 'b' = 'ab'",
        '[HR-EmployeeID] = 7 AND "HR-EmployeeID" = 7',
        '[a"b]]c] = 1 AND "a""b]c" = 1',
        "quote = 'it''s'",
        "yes = TRUE AND yes AND NOT FALSE",
        "property('n') = 5 AND p('sys.Label') = 'bus-stop' AND property('user.' + 'word') = 'queue'",
        "newid() <> newid()",
        "guid = guid",
        "when >= when",
        "1=1",
        "missing = 1 OR n = 5",
        "NOT (missing = 1 AND n = 4)",
        "retryfor IS NULL OR retryfor = 'loader'",
    ],
)
def test_a_true_filter_lets_the_message_through(text: str) -> None:
    assert compile_filter(text)(SYSTEM, USER)


@pytest.mark.parametrize(
    "text",
    [
        "n = 4",
        "word = 'QUEUE'",
        "missing = 1",
        "NOT missing = 1",
        "missing <> 1",
        "missing + 1 > 0",
        "-missing < 0",
        "missing LIKE '%'",
        "missing NOT LIKE '%'",
        "missing NOT IN (1)",
        "n NOT IN (4, missing)",
        "missing = 1 OR n = 4",
        "missing = 1 AND n = 5",
        "empty = empty",
        "NULL = NULL",
        "sys.ReplyTo = 'x'",
        "missing",
        "word LIKE 'ueu'",
        "word LIKE 'QU%'",
        "1=0",
    ],
)
def test_a_false_or_unknown_filter_keeps_the_message_out(text: str) -> None:
    assert not compile_filter(text)(SYSTEM, USER)


@pytest.mark.parametrize(
    "text",
    [
        "word > 1",
        "word = 1",
        "yes > TRUE",
        "word + 1 = 2",
        "-word = 1",
        "n / 0 = 1",
        "n % 0 = 1",
        "n LIKE '5'",
        "word LIKE 'a' ESCAPE 'ab'",
        "word AND TRUE",
        "NOT n",
        "n",
        "9223372036854775807 + n > 0",
        "property(n) = 1",
        "p('sys.Nothing') = 1",
    ],
)
def test_operands_that_do_not_go_together_fail_the_message(text: str) -> None:
    with pytest.raises(FilterError):
        compile_filter(text)(SYSTEM, USER)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "the end at column 1"),
        ("n =", "the end at column 4"),
        ("n = 5 n", "'n' at column 7"),
        ("n == 5", "'=' at column 4"),
        ("(n = 5", "the end at column 7"),
        ("n IN 5", "'5' at column 6"),
        ("n = 'open", '"\'" at column 5'),
        ("n = @p", "'@' at column 5"),
        ("and = 1", "'and' at column 1"),
        ("sys.Nothing = 1", "sys.Nothing"),
        ("f(n) = 1", "'f' at column 1"),
        ("5 IS NULL", "needs a property"),
        ("n NOT 5", "'5' at column 7"),
        ("n = 9223372036854775808", "64 bits"),
        ("EXISTS n", "'n' at column 8"),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, where: str) -> None:
    with pytest.raises(FilterSyntaxError) as raised:
        compile_filter(text)
    assert where in str(raised.value)


def test_infinite_and_undefined_quotients_of_reals_follow_ieee() -> None:
    assert compile_filter("real / 0.0 > 1 AND -real / 0.0 < 1")(SYSTEM, USER)
    assert not compile_filter("0.0 / 0.0 = 0.0 / 0.0")(SYSTEM, USER)
