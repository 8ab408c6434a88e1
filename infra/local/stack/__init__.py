"""The laptop stack: everything that the five apps need, and the apps, started, watched and stopped together."""
