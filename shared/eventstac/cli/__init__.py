"""The command `eventstac`."""
