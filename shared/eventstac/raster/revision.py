"""The extractor's number, which readings carry."""

# Raise it when the same file gives other metadata: reconcile then reads everything again.
EXTRACTOR_REVISION = 19
