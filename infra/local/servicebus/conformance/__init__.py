"""Microsoft's own live tests of azure-servicebus, run against the stand-in."""
