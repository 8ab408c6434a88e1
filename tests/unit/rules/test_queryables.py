from eventstac.rules import Queryable
from eventstac.rules.queryables import misfit


def test_a_text_of_many_digits_is_soon_known_to_be_no_number() -> None:
    assert misfit("1" * 200_000 + "x", Queryable("x:p", "number"))  # hours, where it can be read in two ways
