"""The laptop's Blob storage: Microsoft's Azurite, started and stopped."""
