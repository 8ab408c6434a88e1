-- Thumbnails are found by their URL, as blobs are: the API signs the address of an asset that an Item shows.

CREATE INDEX facts_by_thumbnail ON eventstac.facts ((document->'finding'->>'thumbnail'))
    WHERE document->'finding'->>'thumbnail' IS NOT NULL;

CREATE OR REPLACE VIEW eventstac.public_facts AS
    SELECT url, collection, item, asset, kind, state, seen, document->'finding'->>'thumbnail' AS thumbnail
    FROM eventstac.facts;
