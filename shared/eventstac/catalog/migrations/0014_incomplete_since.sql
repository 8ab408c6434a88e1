-- How long an Item has been incomplete: what arrives meanwhile changes its row, and does not make it younger.

ALTER TABLE eventstac.items ADD COLUMN incomplete_since timestamptz;

UPDATE eventstac.items SET incomplete_since = changed_at WHERE state = 'incomplete';
