"""What the API claims to conform to; each class has a test."""

_API = "https://api.stacspec.org/v1.0.0"
_COLLECTION_SEARCH = "https://api.stacspec.org/v1.0.0-rc.1"
_OGC = "http://www.opengis.net/spec"

CLASSES = (
    f"{_API}/core",
    f"{_API}/collections",
    f"{_API}/ogcapi-features",
    f"{_API}/item-search",
    f"{_OGC}/ogcapi-features-1/1.0/conf/core",
    f"{_OGC}/ogcapi-features-1/1.0/conf/geojson",
    f"{_OGC}/ogcapi-features-1/1.0/conf/oas30",
    f"{_API}/item-search#sort",
    f"{_API}/item-search#fields",
    f"{_API}/item-search#query",
    f"{_API}/item-search#filter",
    f"{_API}/ogcapi-features#sort",
    f"{_API}/ogcapi-features#fields",
    f"{_API}/ogcapi-features#query",
    f"{_API}-rc.1/item-search#free-text",
    f"{_API}-rc.1/ogcapi-features#free-text",
    f"{_OGC}/ogcapi-features-3/1.0/conf/filter",
    f"{_OGC}/ogcapi-features-3/1.0/conf/features-filter",
    f"{_OGC}/cql2/1.0/conf/cql2-text",
    f"{_OGC}/cql2/1.0/conf/cql2-json",
    f"{_OGC}/cql2/1.0/conf/basic-cql2",
    f"{_OGC}/cql2/1.0/conf/advanced-comparison-operators",
    f"{_OGC}/cql2/1.0/conf/case-insensitive-comparison",
    f"{_OGC}/cql2/1.0/conf/accent-insensitive-comparison",
    f"{_OGC}/cql2/1.0/conf/basic-spatial-functions",
    f"{_OGC}/cql2/1.0/conf/basic-spatial-functions-plus",
    f"{_OGC}/cql2/1.0/conf/spatial-functions",
    f"{_OGC}/cql2/1.0/conf/temporal-functions",
    f"{_OGC}/cql2/1.0/conf/array-functions",
    f"{_OGC}/cql2/1.0/conf/property-property",
    f"{_COLLECTION_SEARCH}/collection-search",
    f"{_COLLECTION_SEARCH}/collection-search#free-text",
    f"{_COLLECTION_SEARCH}/collection-search#filter",
    f"{_COLLECTION_SEARCH}/collection-search#sort",
    f"{_COLLECTION_SEARCH}/collection-search#fields",
    f"{_OGC}/ogcapi-common-2/1.0/conf/simple-query",
)
