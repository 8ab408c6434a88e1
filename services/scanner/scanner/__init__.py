"""Handlers of the scanner app."""
