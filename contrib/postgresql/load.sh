#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads files of tcplife-fsm into PostgreSQL: load.sh FILE[.gz]... Connects as psql does (PGHOST, PGDATABASE, ...).
# A file may be loaded again, also while it grows: records that are there are not added twice, and a last line that is not whole yet
# is left for the next time. Each file is one transaction.
set -euo pipefail

# Up to the last newline: what follows it gets a mark, and the line with the mark goes. A line that is only \. would end psql's COPY, and
# all after it would be missing: it gets a space, and is rejected as no record.
whole_lines()
{
	{
		case $1 in
		*.gz) gzip -dc -- "$1" ;;
		*) cat -- "$1" ;;
		esac
		echo mark
	} | LC_ALL=C sed -e '$d' -e 's/^\\\.$/ &/'
}

# COPY's text format takes a backslash as an escape and would change the strings of JSON. As CSV, with a quote and a delimiter that no
# JSON line can hold as they are, a line is taken as it is. A line that is not UTF-8 or has other control characters is none of
# tcplife-fsm's: nothing of its file is loaded, and psql says which line it is.
load()
{
	whole_lines "$1" | PGCLIENTENCODING=UTF8 psql -X -q -t -A -v ON_ERROR_STOP=1 --single-transaction \
		-c 'CREATE TEMP TABLE lines (line text) ON COMMIT DROP' \
		-c '\copy lines FROM pstdin WITH (FORMAT csv, DELIMITER E'\''\x01'\'', QUOTE E'\''\x02'\'')' \
		-c "SELECT count(*) FILTER (WHERE added) || ' added, ' || count(*) FILTER (WHERE NOT added) || ' not'
			FROM (SELECT tcplife_fsm_add(line) AS added FROM lines WHERE line IS NOT NULL) AS each"
}

[ $# -gt 0 ] || { echo 'usage: load.sh FILE[.gz]...' >&2; exit 2; }
for file in "$@"; do
	printf '%s: ' "$file"
	load "$file"
done
