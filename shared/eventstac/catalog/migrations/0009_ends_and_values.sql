-- A Collection shrinks at the cost of what left: its ends are looked up in indexes, its values are counted one by one.

ALTER TABLE eventstac.items ADD COLUMN side text GENERATED ALWAYS AS (
    CASE WHEN west > east THEN 'crossing' WHEN west >= 0 THEN 'eastern' WHEN east <= 0 THEN 'western'
         WHEN west < 0 THEN 'middle' END
) STORED;
COMMENT ON COLUMN eventstac.items.side IS 'Where it lies: across 180, west or east of Greenwich, or across it; as its Collection''s spans tell apart.';

CREATE INDEX items_by_south ON eventstac.items (collection, south) WHERE state = 'published';
CREATE INDEX items_by_north ON eventstac.items (collection, north) WHERE state = 'published';
CREATE INDEX items_by_west ON eventstac.items (collection, side, west) WHERE state = 'published';
CREATE INDEX items_by_east ON eventstac.items (collection, side, east) WHERE state = 'published';
CREATE INDEX items_by_start ON eventstac.items (collection, starts) WHERE state = 'published';
CREATE INDEX items_by_end ON eventstac.items (collection, ends) WHERE state = 'published';

CREATE TABLE eventstac.summed_values (
    collection text NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('number', 'string', 'boolean')),
    value      jsonb NOT NULL,
    items      bigint NOT NULL,
    PRIMARY KEY (collection, name, kind, value)
);
COMMENT ON TABLE eventstac.summed_values IS 'How many Items of a Collection have each value of a property that it sums up.';

ALTER TABLE eventstac.collections ADD COLUMN summed text[] NOT NULL DEFAULT '{}';
UPDATE eventstac.collections SET summed = ARRAY(SELECT json_object_keys(summaries)), shrunk = shrunk OR summaries::text <> '{}';
ALTER TABLE eventstac.collections DROP COLUMN summaries;
ALTER TABLE eventstac.collections RENAME COLUMN shrunk TO recount;
COMMENT ON COLUMN eventstac.collections.summed IS 'The properties whose values are counted in summed_values.';
COMMENT ON COLUMN eventstac.collections.recount IS 'Whether its Items are to be counted anew: the rules sum up something else, or a count cannot be.';
