-- What a change of the rules affects, and where a run is, so that it goes on after a crash.

ALTER TABLE eventstac.rules ADD COLUMN since json;
COMMENT ON COLUMN eventstac.rules.since IS 'Since which revision each rule, and all of them, mean the same; null: since this one.';

ALTER TABLE eventstac.runs
    ADD COLUMN revision integer NOT NULL DEFAULT 0,
    ADD COLUMN last_page json,
    ADD COLUMN next_page json,
    ADD COLUMN resumed_at timestamptz;
COMMENT ON COLUMN eventstac.runs.revision IS 'The rules in force when it began.';
COMMENT ON COLUMN eventstac.runs.next_page IS 'The request for its next page, which is sent again where it was lost; last_page is the one before.';
UPDATE eventstac.runs SET revision = coalesce((report ->> 'revision')::integer, 0);

ALTER TABLE eventstac.listed
    ADD COLUMN match text,
    ADD COLUMN since integer;
COMMENT ON COLUMN eventstac.listed.match IS 'The MD5 of what the rules make of the blob; since: the revision since which that means the same.';
