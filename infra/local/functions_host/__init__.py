"""A stand-in for the Azure Functions host that drives a Python function app on a laptop."""
