-- Where the rules in force come from: the blob that holds them, as it was last looked at.

ALTER TABLE eventstac.rules ADD COLUMN origin text NOT NULL DEFAULT '';
COMMENT ON COLUMN eventstac.rules.origin IS 'The file that this revision was read from: a blob and its ETag, or a path.';

CREATE TABLE eventstac.rules_file (
    url       text PRIMARY KEY,
    etag      text NOT NULL,
    seen      timestamptz NOT NULL,
    revision  integer,
    mistakes  text NOT NULL DEFAULT ''
);
COMMENT ON TABLE eventstac.rules_file IS 'The rules file in the storage, as it was last looked at: which revision it is, or its mistakes.';
