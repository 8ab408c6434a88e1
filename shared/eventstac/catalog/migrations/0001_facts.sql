-- The facts, what is composed of them, and what is to be published after a commit.

CREATE TABLE eventstac.rules (
    revision   integer PRIMARY KEY,
    digest     text NOT NULL,
    extractor  integer NOT NULL,
    text       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.rules IS 'Each applied rules file, with the extractor''s number; the greatest revision is in force.';

CREATE TABLE eventstac.facts (
    url        text COLLATE "C" PRIMARY KEY,
    collection text NOT NULL,
    item       text NOT NULL,
    asset      text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('source', 'cog')),
    state      text NOT NULL CHECK (state IN ('present', 'gone', 'rejected')),
    seen       timestamptz NOT NULL,
    etag       text NOT NULL,
    revision   integer NOT NULL,
    source_url text,
    document   json NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.facts IS 'One row a blob: what it is in the catalog, and what the look that stands saw.';
CREATE INDEX facts_by_item ON eventstac.facts (collection, item);
CREATE INDEX facts_by_source ON eventstac.facts (source_url) WHERE source_url IS NOT NULL;

CREATE TABLE eventstac.items (
    collection   text NOT NULL,
    item         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('published', 'incomplete', 'rejected')),
    digest       text NOT NULL,
    reason       text NOT NULL,
    detail       text NOT NULL,
    missing      text[] NOT NULL,
    conflicts    text[] NOT NULL,
    outdated     text[] NOT NULL,
    urls         text[] NOT NULL,
    west         double precision,
    south        double precision,
    east         double precision,
    north        double precision,
    starts       timestamptz,
    ends         timestamptz,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection, item)
);
COMMENT ON TABLE eventstac.items IS 'What composing each Item''s facts gave: published, or why not.';
CREATE INDEX items_unpublished ON eventstac.items (collection, state) WHERE state <> 'published';

CREATE TABLE eventstac.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    body       json NOT NULL,
    not_before timestamptz,
    made_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.outbox IS 'Events that a commit made and that the bus has not acknowledged yet.';

CREATE TABLE eventstac.rejected (
    id          text PRIMARY KEY,
    stage       text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    url         text,
    attempts    integer NOT NULL,
    event       json NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    rejected_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE eventstac.rejected IS 'Events that were given up, for the operator to list, replay or discard.';
CREATE INDEX rejected_by_url ON eventstac.rejected (url) WHERE url IS NOT NULL;

CREATE TABLE eventstac.collection_changes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text NOT NULL,
    items      integer NOT NULL,
    shrinks    boolean NOT NULL,
    west       double precision,
    south      double precision,
    east       double precision,
    north      double precision,
    starts     timestamptz,
    ends       timestamptz
);
COMMENT ON TABLE eventstac.collection_changes IS 'What commits changed of a Collection, until it is folded into its extent.';
CREATE INDEX collection_changes_by_collection ON eventstac.collection_changes (collection);

CREATE TABLE eventstac.collections (
    collection text PRIMARY KEY,
    items      bigint NOT NULL DEFAULT 0,
    spans      json NOT NULL DEFAULT '{}',
    shrunk     boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE eventstac.collections IS 'The extent of each Collection in the parts that join in any order.';

CREATE VIEW eventstac.public_facts AS
    SELECT url, collection, item, asset, kind, state, seen FROM eventstac.facts;
COMMENT ON VIEW eventstac.public_facts IS 'What the API may see of the facts.';
