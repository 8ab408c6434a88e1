-- What an older extractor read is told from what the one in force did, whatever the revision of the rules.

ALTER TABLE eventstac.facts ADD COLUMN extractor integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN eventstac.facts.extractor IS 'The number of the extractor that read the blob; 0: it did not say.';

-- A loader of an older version writes a document without the number and leaves the column as it was.
CREATE FUNCTION eventstac.note_extractor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.extractor := coalesce((NEW.document #>> '{finding,extractor}')::integer, 0);
    RETURN NEW;
END $$;
CREATE TRIGGER note_extractor BEFORE UPDATE ON eventstac.facts FOR EACH ROW
    WHEN (NEW.extractor = OLD.extractor AND NEW.extractor > 0) EXECUTE FUNCTION eventstac.note_extractor();

ALTER TABLE eventstac.runs ADD COLUMN extractor integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN eventstac.runs.extractor IS 'The number that the readings were to have, of the scanner that began it.';
