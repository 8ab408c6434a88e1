"""The extractor's number, which facts carry in their revision."""

# Raise it when the same file gives other metadata: reconcile then reads everything again.
EXTRACTOR_REVISION = 16
