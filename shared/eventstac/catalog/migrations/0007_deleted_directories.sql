-- Directories that were deleted at once. No length limit: a hash index, where a btree would have one.

CREATE TABLE eventstac.deleted_directories (
    prefix     text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL
);
COMMENT ON TABLE eventstac.deleted_directories IS 'What no event of its own told of any blob: a look from before is made again.';
CREATE INDEX deleted_directories_by_prefix ON eventstac.deleted_directories USING hash (prefix);
