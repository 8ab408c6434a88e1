"""A stand-in for Azure Event Grid: takes CloudEvents, filters, delivers with retry, dead-letters."""
