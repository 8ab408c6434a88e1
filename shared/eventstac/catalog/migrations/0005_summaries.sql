-- What Collections sum up of their Items: each Item's values, what commits changed of them, and the sums.

ALTER TABLE eventstac.items ADD COLUMN summed jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN eventstac.items.summed IS 'The properties that its Collection sums up; null for one that the Item lacks.';

ALTER TABLE eventstac.collection_changes ADD COLUMN summed jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN eventstac.collection_changes.summed IS 'The summed values of the Item that came (items 1) or left (items -1).';

ALTER TABLE eventstac.collections ADD COLUMN summaries json NOT NULL DEFAULT '{}';
COMMENT ON COLUMN eventstac.collections.summaries IS 'By property: the ends of its numbers, and how many Items have each other value.';
