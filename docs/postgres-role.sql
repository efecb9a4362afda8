-- Makes a role that can run a node, with no more rights than that takes: it reads and writes rows of the application's
-- tables. It cannot create, change or drop anything, remove results or dead letters, or see other schemas. Commands that people run
-- beside the nodes have a role of their own: docs/postgres-operator-role.sql.
--
-- The schema and its tables must exist. A node that may create them makes them at its start, so an administrator can run
-- one once (and again after a new version declared new tables), or run the statements that a node without the
-- right prints. Then, as the owner of the tables:
--
--   psql -d DATABASE -v schema=clickstream -v role=clickstream_node -v password=SECRET -f docs/postgres-role.sql
--
-- It can be run again: an existing role keeps its password and gets what it lacks. Run it once more for each further schema that
-- the topology puts tables in.

\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'role', :'password')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role')
\gexec

BEGIN;

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role')
\gexec

GRANT USAGE ON SCHEMA :"schema" TO :"role";

-- UPDATE is what FOR UPDATE and ON CONFLICT DO UPDATE ask for; SELECT, what a merge's RETURNING does.
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA :"schema" TO :"role";

-- Tables that whoever runs this adds later.
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT, INSERT, UPDATE ON TABLES TO :"role";

-- A node that starts takes those unseen for a day off the list of nodes.
SELECT format('GRANT DELETE ON %I.nodes TO %I', :'schema', :'role')
WHERE EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = :'schema' AND tablename = 'nodes')
\gexec

-- Sessions that become one, or get an earlier start, leave their former rows.
SELECT format('GRANT DELETE ON %I.%I TO %I', t.schemaname, t.tablename, :'role')
FROM pg_catalog.pg_tables AS t
WHERE t.schemaname = :'schema' AND (
    SELECT count(*) FROM information_schema.columns AS c
    WHERE c.table_schema = t.schemaname AND c.table_name = t.tablename AND c.column_name IN ('session_start', 'session_end')) = 2
\gexec

-- Keys that have no state any more leave their rows: of tables with one row per topic, partition and key, and none per record.
SELECT format('GRANT DELETE ON %I.%I TO %I', t.schemaname, t.tablename, :'role')
FROM pg_catalog.pg_tables AS t
WHERE t.schemaname = :'schema' AND (
    SELECT count(*) FILTER (WHERE c.column_name IN ('topic', 'partition', 'state')) = 3 AND bool_and(c.column_name <> 'offset')
    FROM information_schema.columns AS c
    WHERE c.table_schema = t.schemaname AND c.table_name = t.tablename)
\gexec

COMMIT;
