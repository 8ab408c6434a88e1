from stac_api.request_headers import headers_of, without


def test_of_several_lines_the_first_counts_and_a_list_is_whole() -> None:
    lines = [
        (b"x-request-id", b"first"),
        (b"if-none-match", b'"a"'),
        (b"x-request-id", b"second"),
        (b"if-none-match", b'"b"'),
    ]
    assert headers_of({"headers": lines}) == {b"x-request-id": b"first", b"if-none-match": b'"a", "b"'}


def test_what_was_left_out_of_a_request_is_not_found_in_it() -> None:
    scope = {"headers": [(b"if-none-match", b"*"), (b"accept", b"a")]}
    assert headers_of(scope)
    assert headers_of(without(scope, frozenset({b"if-none-match"}))) == {b"accept": b"a"}
    assert headers_of(scope) == {b"if-none-match": b"*", b"accept": b"a"}
