"""Handlers of the loader app."""
