"""The library that the eventstac apps share."""
