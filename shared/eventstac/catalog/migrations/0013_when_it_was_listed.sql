-- When the storage listed what it listed, by its own clock: only a look after that knows better than the listing.

ALTER TABLE eventstac.listed ADD COLUMN seen timestamptz;
COMMENT ON COLUMN eventstac.listed.seen IS 'The Date of the answer that listed the blob.';

CREATE TABLE eventstac.listings (
    run       text NOT NULL REFERENCES eventstac.runs ON DELETE CASCADE,
    container text NOT NULL,
    first     timestamptz NOT NULL,
    last      timestamptz NOT NULL,
    PRIMARY KEY (run, container)
);
COMMENT ON TABLE eventstac.listings IS 'The Dates of the first and the last answer that listed a container during a run.';

ALTER TABLE eventstac.gaps DROP CONSTRAINT gaps_status_check;
ALTER TABLE eventstac.gaps ADD CHECK (status IN ('missing', 'stale', 'unsure', 'orphaned', 'withdrawn'));
