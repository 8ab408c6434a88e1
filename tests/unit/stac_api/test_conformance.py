"""From each conformance class to a test of what it asks for; outside judges are in the integration tests."""

from importlib import import_module

from stac_api.conformance import CLASSES

TESTS = {
    "test_conformance.test_schemathesis_finds_what_openapi_says": ("conf/oas30",),
    "test_endpoints.test_landing_page_links_to_every_collection": ("v1.0.0/core",),
    "test_endpoints.test_collections_lists_all_with_counts": ("v1.0.0/collections",),
    "test_endpoints.test_items_of_a_collection_are_its_own": ("v1.0.0/ogcapi-features",),
    "test_endpoints.test_what_is_not_there_is_404_with_code_and_description": ("features-1/1.0/conf/core",),
    "test_reader_links.test_every_answer_has_its_media_type_and_links_to_itself": ("conf/geojson",),
    "test_reader_links.test_the_items_of_a_collection_take_the_parameters_of_a_search": (
        "ogcapi-features#sort", "ogcapi-features#fields", "ogcapi-features#query", "ogcapi-features#free-text",
        "conf/features-filter",
    ),
    "test_search.test_ids_and_collections_narrow": ("v1.0.0/item-search",),
    "test_search.test_sorting_pages_through_all_nulls_included": ("item-search#sort",),
    "test_search.test_fields_choose_the_members": ("item-search#fields",),
    "test_search.test_free_text_finds_words": ("item-search#free-text",),
    "test_search.test_cql2_text_and_json_find_the_same": ("item-search#filter", "conf/cql2-text", "conf/cql2-json"),
    "test_search.test_cql2_operators": (
        "conf/basic-cql2", "conf/advanced-comparison-operators", "conf/case-insensitive-comparison",
        "conf/accent-insensitive-comparison",
    ),
    "test_reader_behaviours.test_query_compares_properties": ("item-search#query",),
    "test_operators.test_a_spatial_operator_finds_what_its_definition_says_whichever_comes_first": (
        "conf/basic-spatial-functions", "conf/basic-spatial-functions-plus", "conf/spatial-functions",
    ),
    "test_operators.test_a_temporal_operator_finds_what_its_definition_says": ("conf/temporal-functions",),
    "test_operators.test_an_array_function_compares_sets_whichever_comes_first": ("conf/array-functions",),
    "test_other_catalogs.test_an_item_with_a_datetime_between_start_and_end_is_filtered_and_sorted_by_these": (
        "conf/property-property",
    ),
    "test_collections.test_queryables_are_those_registered": ("features-3/1.0/conf/filter",),
    "test_collections.test_collection_fields": ("collection-search#fields",),
    "test_collections.test_collection_search": (
        "rc.1/collection-search", "collection-search#free-text", "collection-search#filter",
        "collection-search#query", "collection-search#sort", "conf/simple-query",
    ),
}  # fmt: skip


def test_each_conformance_class_has_a_test() -> None:
    for name in TESTS:
        module, _, function = name.partition(".")
        assert callable(getattr(import_module(f"tests.integration.stac_api.{module}"), function))
    ends = [end for tested in TESTS.values() for end in tested]
    told = [[each for each in CLASSES if each.endswith((f"/{end}", f"-{end}"))] for end in ends]
    assert sorted(each for found in told for each in found) == sorted(CLASSES)
