"""The catalog's database: facts, Items in pgstac, and what is to be published after a commit."""

PGSTAC_VERSION = "0.10.0"  # the only version whose tables `pgstac_items` knows
