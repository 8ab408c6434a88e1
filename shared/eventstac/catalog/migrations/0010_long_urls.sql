-- URLs of any length. A btree takes rows of 2,700 bytes, and a name of 1,024 characters is 9 kB when percent-encoded: so
-- the order is that of a URL's beginning, its SHA-256 keeps it unique, and a hash index finds it.

ALTER TABLE eventstac.facts DROP CONSTRAINT facts_pkey;
CREATE UNIQUE INDEX facts_in_order ON eventstac.facts (left(url, 1000), sha256(decode(url, 'escape')));
CREATE INDEX facts_by_url ON eventstac.facts USING hash (url);
DROP INDEX eventstac.facts_by_source;
CREATE INDEX facts_by_source ON eventstac.facts USING hash (source_url) WHERE source_url IS NOT NULL;

ALTER TABLE eventstac.listed DROP CONSTRAINT listed_pkey;
CREATE UNIQUE INDEX listed_in_order ON eventstac.listed (run, left(url, 1000), sha256(decode(url, 'escape')));

ALTER TABLE eventstac.gaps DROP CONSTRAINT gaps_pkey;
CREATE UNIQUE INDEX gaps_in_order ON eventstac.gaps (run, left(url, 1000), sha256(decode(url, 'escape')));

DROP INDEX eventstac.rejected_by_url;
CREATE INDEX rejected_by_url ON eventstac.rejected USING hash (url) WHERE url IS NOT NULL;
