"""Handlers of the cog_updater app."""
