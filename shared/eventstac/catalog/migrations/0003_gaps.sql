-- What a run found to differ: compared once, then looked at page by page.

CREATE TABLE eventstac.gaps (
    run    text NOT NULL REFERENCES eventstac.runs ON DELETE CASCADE,
    url    text COLLATE "C" NOT NULL,
    status text NOT NULL CHECK (status IN ('missing', 'stale', 'orphaned', 'withdrawn')),
    PRIMARY KEY (run, url)
);
COMMENT ON TABLE eventstac.gaps IS 'The blobs about which storage and catalog differed when a run compared them.';
