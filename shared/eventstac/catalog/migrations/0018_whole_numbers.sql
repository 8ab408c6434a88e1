-- Queryables of the type integer were compared by pgstac's to_int, which rounds down; and a search over a Collection with
-- an integer and one with a number of the same name compared both as text. Those that the rules made become numbers. What
-- is left to do is noted: the old indexes go, and Items whose number had more than four bytes are composed anew.

SET LOCAL search_path = pgstac, public;

CREATE TEMPORARY TABLE whole_numbers ON COMMIT DROP AS
SELECT q.id, c.id AS collection, c.key
FROM queryables q JOIN collections c ON q.collection_ids = ARRAY[c.id]
WHERE q.property_wrapper = 'to_int' AND q.property_path IS NULL AND q.definition->>'type' = 'integer'
  AND q.definition ? 'title' AND q.definition - '{type,title,description}'::text[] = '{}';  -- as the rules write them

INSERT INTO eventstac.changed_queryables AS noted (collection, indexes)
SELECT changed.collection, CASE WHEN to_regclass('pgstac._items_' || changed.key) IS NULL THEN '[]' ELSE coalesce((
    SELECT jsonb_agg(jsonb_build_object(
        'partition', found.partition, 'name', found.indexname, 'definition', found.existing_idx))
    FROM queryable_indexes('_items_' || changed.key) AS found
    WHERE found.indexname IS NOT NULL
      AND found.queryable_id IN (SELECT id FROM whole_numbers w WHERE w.collection = changed.collection)
  ), '[]') END
FROM (SELECT DISTINCT collection, key FROM whole_numbers) changed
ON CONFLICT (collection) DO UPDATE SET indexes = noted.indexes || excluded.indexes;

UPDATE queryables SET property_wrapper = 'to_float' WHERE id IN (SELECT id FROM whole_numbers);
