"""Blob storage that emits events: a proxy in front of Azurite that tells Event Grid what was written."""
