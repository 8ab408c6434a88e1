"""Handlers of the extractor app."""
