-- What is still to do after the queryables of a Collection were changed: indexes that nobody needs any more are dropped,
-- which waits for whoever reads the Items, and Items that did not fit are composed anew.

CREATE TABLE eventstac.changed_queryables (
    collection  text PRIMARY KEY,
    indexes     jsonb NOT NULL
);
COMMENT ON TABLE eventstac.changed_queryables IS 'Collections whose queryables changed, until their unused indexes are dropped and their refused Items composed anew.';
