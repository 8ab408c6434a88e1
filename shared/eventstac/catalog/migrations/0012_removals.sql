-- Which Items a run would remove is counted page by page, by rules that changed, too.

ALTER TABLE eventstac.listed ADD COLUMN item text;
COMMENT ON COLUMN eventstac.listed.item IS 'The Item that the rules make of the blob.';

ALTER TABLE eventstac.gaps
    ADD COLUMN collection text,
    ADD COLUMN item text,
    ADD COLUMN next_collection text,
    ADD COLUMN next_item text,
    ADD COLUMN removes boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN eventstac.gaps.item IS 'The Item that the blob is in; next_item: the one that it would be in.';
COMMENT ON COLUMN eventstac.gaps.removes IS 'Whether a look at it would help to remove an Item.';
CREATE INDEX gaps_by_item ON eventstac.gaps (run, collection, item);
CREATE INDEX gaps_by_next_item ON eventstac.gaps (run, next_collection, next_item);

-- What a run under way has noted lacks these: it would be taken for one that removes nothing.
UPDATE eventstac.runs SET state = 'stopped', detail = 'eventstac was updated meanwhile: the next run does it'
WHERE state IN ('listing', 'looking');
