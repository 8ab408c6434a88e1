"""The common names of bands that the eo extension (v2.0.0) knows."""

COMMON_NAMES = frozenset(
    {"pan", "coastal", "blue", "green", "green05", "yellow", "red"}
    | {"rededge", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09"}
    | {"cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12"}
)
