-- A given-up event about a COG names two blobs: `url` is its source, and who looks for the COG finds it too.

ALTER TABLE eventstac.rejected ADD COLUMN cog_url text;
COMMENT ON COLUMN eventstac.rejected.cog_url IS 'The COG that the event names beside its source.';
UPDATE eventstac.rejected SET cog_url = event #>> '{data,cog_url}'
WHERE event #>> '{data,cog_url}' IS DISTINCT FROM url;
CREATE INDEX rejected_by_cog ON eventstac.rejected USING hash (cog_url) WHERE cog_url IS NOT NULL;
