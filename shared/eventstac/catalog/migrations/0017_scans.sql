-- How far each backfill is, for whoever began it.

CREATE TABLE eventstac.scans (
    run        text PRIMARY KEY,
    container  text NOT NULL,
    prefix     text NOT NULL,
    pages      integer NOT NULL,
    blobs      bigint NOT NULL,
    looks      bigint NOT NULL,
    page       text,
    is_over    boolean NOT NULL,
    began_at   timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.scans IS 'Each scan: the pages that it went through, their blobs, and the looks that they caused.';
COMMENT ON COLUMN eventstac.scans.page IS 'Where the last page began; one that is done twice counts once.';
