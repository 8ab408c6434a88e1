"""What the apps tell of their work: spans and figures; off, it costs nothing and imports nothing."""
