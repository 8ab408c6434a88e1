-- Runs that compare the storage with the catalog, and when a rejection was settled.

CREATE TABLE eventstac.runs (
    run            text PRIMARY KEY,
    collection     text,
    allow_removals bigint,
    check_only     boolean NOT NULL,
    containers     text[] NOT NULL,
    state          text NOT NULL DEFAULT 'listing' CHECK (state IN ('listing', 'looking', 'done', 'stopped')),
    removes        boolean NOT NULL DEFAULT false,
    detail         text NOT NULL DEFAULT '',
    report         json,
    started_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.runs IS 'Each reconcile: what it was asked for, how far it is, and what it found.';

CREATE TABLE eventstac.listed (
    run        text NOT NULL REFERENCES eventstac.runs ON DELETE CASCADE,
    url        text COLLATE "C" NOT NULL,
    etag       text NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('matched', 'unmatched', 'ignored', 'unclaimed')),
    collection text,
    archived   boolean NOT NULL,
    PRIMARY KEY (run, url)
);
COMMENT ON TABLE eventstac.listed IS 'What the storage listed during a run, and what the rules make of it; kept until the next run.';

ALTER TABLE eventstac.rejected ADD COLUMN resolved_at timestamptz;
COMMENT ON COLUMN eventstac.rejected.resolved_at IS 'When it was replayed or discarded; it is pruned some time after that.';
CREATE INDEX rejected_by_state ON eventstac.rejected (state, rejected_at);

-- Pruning goes through these; both are a small part of their table.
CREATE INDEX facts_gone ON eventstac.facts (changed_at) WHERE state = 'gone';
CREATE INDEX items_with_conflicts ON eventstac.items (collection) WHERE conflicts <> '{}';
