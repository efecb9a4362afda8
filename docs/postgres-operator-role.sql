-- Makes a role for the commands that people run beside the nodes: look at everything in the application's schema, replay and drop dead
-- letters, move a partition's offset, accept a changed topology. It cannot write results, nor create, change or drop anything.
--
-- As the owner of the tables, once a node has made them (and again after a new version declared new ones):
--
--   psql -d DATABASE -v schema=clickstream -v role=clickstream_operator -v password=SECRET -f docs/postgres-operator-role.sql
--
-- It can be run again: an existing role keeps its password and gets what it lacks. docs/postgres-role.sql makes the nodes' own role.

\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'role', :'password')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role')
\gexec

BEGIN;

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role')
\gexec

GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"role";
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT ON TABLES TO :"role";

-- Dead letters are marked for replay and dropped; what nodes start from is moved; a topology is accepted.
GRANT UPDATE, DELETE ON :"schema".dead_letters TO :"role";
GRANT UPDATE ON :"schema".partitions TO :"role";
GRANT INSERT, UPDATE ON :"schema".topology TO :"role";

COMMIT;
