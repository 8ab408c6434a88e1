"""A private PostgreSQL cluster with PostGIS, from the system's packages."""
