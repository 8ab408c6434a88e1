"""The adapters to Azure's SDKs: the only modules that import them."""
