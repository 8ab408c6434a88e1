"""Handlers of the stac_api app."""
