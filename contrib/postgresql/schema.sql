-- SPDX-License-Identifier: GPL-2.0-only
--
-- PostgreSQL 12 or later: one row for each record, whole as jsonb, with the keys that are searched as columns.
-- psql -f schema.sql DATABASE; then load.sh. Tested with 15: tests/pipelines.

BEGIN;

-- Every time of a record has this one form, with Z, so the settings of the session do not matter: PostgreSQL cannot know that.
CREATE FUNCTION tcplife_fsm_time(text) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1::timestamptz';

CREATE TABLE tcplife_fsm (
	record jsonb NOT NULL,
	instance text GENERATED ALWAYS AS (record->>'instance') STORED NOT NULL,
	seq bigint GENERATED ALWAYS AS ((record->>'seq')::bigint) STORED NOT NULL,
	ts timestamptz GENERATED ALWAYS AS (tcplife_fsm_time(record->>'ts')) STORED NOT NULL,
	event text GENERATED ALWAYS AS (record->>'event') STORED NOT NULL,
	host text GENERATED ALWAYS AS (record->>'host') STORED,
	conn_id text GENERATED ALWAYS AS (record->>'conn_id') STORED,
	comm text GENERATED ALWAYS AS (record->'process'->>'comm') STORED,
	role text GENERATED ALWAYS AS (record->>'role') STORED,
	local_port integer GENERATED ALWAYS AS ((record->>'local_port')::integer) STORED,
	peer_addr inet GENERATED ALWAYS AS ((record->>'peer_addr')::inet) STORED,
	peer_port integer GENERATED ALWAYS AS ((record->>'peer_port')::integer) STORED,
	end_reason text GENERATED ALWAYS AS (record->>'end_reason') STORED,
	duration_us bigint GENERATED ALWAYS AS ((record->>'duration_us')::bigint) STORED,
	-- A file may be loaded twice, or a shipper may repeat lines: each record is kept once. Load one output of a run, since each
	-- output counts its own seq.
	PRIMARY KEY (instance, seq)
);
CREATE INDEX tcplife_fsm_ts ON tcplife_fsm USING brin (ts);
CREATE INDEX tcplife_fsm_event ON tcplife_fsm (event, ts);
CREATE INDEX tcplife_fsm_comm ON tcplife_fsm (comm, ts) WHERE event = 'connection';
CREATE INDEX tcplife_fsm_peer ON tcplife_fsm USING gist (peer_addr inet_ops) WHERE event = 'connection';
CREATE INDEX tcplife_fsm_conn ON tcplife_fsm (conn_id);

-- What is no record: its line and the reason. Nothing is left out silently.
CREATE TABLE tcplife_fsm_rejected (
	loaded timestamptz NOT NULL DEFAULT now(),
	reason text NOT NULL,
	line text NOT NULL
);

-- Takes a line. False: the record was there already, or the line is rejected.
CREATE FUNCTION tcplife_fsm_add(line text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	-- jsonb has no U+0000 and no half of a surrogate pair. tcplife-fsm writes neither; another program's line is rejected here.
	INSERT INTO tcplife_fsm (record) VALUES (line::jsonb) ON CONFLICT DO NOTHING;
	RETURN FOUND;
EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
	INSERT INTO tcplife_fsm_rejected (reason, line) VALUES (SQLERRM, line);
	RETURN false;
END $$;

COMMIT;
