-- A replay makes what was said of a COG no newer than when the bus first had it.

ALTER TABLE eventstac.rejected ADD COLUMN first_sent timestamptz;
COMMENT ON COLUMN eventstac.rejected.first_sent IS 'When the bus first had the event; null where it is not known.';
