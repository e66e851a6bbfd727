#!/usr/bin/env bats
# wire.bats - what docs/wire.md promises to programs that are not ours: its example is run as it stands there, and its
# table of verdicts is held against the one the programs are made of.
# One namespace, peer and Redis for the file; each test begins with an empty Redis.

load lib.bash

WIRE=$PW_ROOT/docs/wire.md

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make wire
	peer_start 1000=open 1001=rst 1002=silent
	redis_start
}

setup() {
	EXAMPLE=$BATS_TEST_TMPDIR/example.py
	example >"$EXAMPLE"
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

# The fence of Python behind "## In Python"; the one about monitors is run by monitors.bats.
example() {
	sed -n '/^## In Python$/,$p' "$WIRE" | sed -n '/^```python$/,/^```$/p' | sed '1d;$d'
}

# Skips where the example cannot be run, and empties Redis where it can.
example_needs() {
	skip_if_lacking
	"$PYTHON" -c 'import msgpack' 2>/dev/null || skip "python3-msgpack is not installed"
	rcli FLUSHALL >/dev/null
}

# Prints "number verdict class" of the rows in the document.
verdicts_written() {
	sed -nE 's/^\| ([0-9]+) \| ([a-z-]+) \| (up|down|unknown) \| .*/\1 \2 \3/p' "$WIRE"
}

# Prints the same of the programs' table: the numbers of wire/verdict.h, the names and classes of wire/verdict.c.
verdicts_known() {
	awk '
		FILENAME ~ /h$/ && $2 == "=" && /^\tVERDICT_/ { number[$1] = $3 + 0 }
		FILENAME ~ /c$/ && match($0, /^\t\[VERDICT_[A-Z_]+\]/) {
			split($0, part, "\"")
			match($0, /VERDICT_[A-Z_]+/); key = substr($0, RSTART, RLENGTH)
			match($0, /CLASS_[A-Z]+/); class = tolower(substr($0, RSTART + 6, RLENGTH - 6))
			if (number[key]) print number[key], part[2], class
		}' "$PW_ROOT/wire/verdict.h" "$PW_ROOT/wire/verdict.c" | sort -n
}

@test "the example in the document gets the right verdict for each of its targets" {
	example_needs
	engine_start
	timeout 20 "$PYTHON" "$EXAMPLE" "$REDIS_SOCK" t1 198.18.77.7:1000 198.18.77.7:1001 | sort |
		diff - <(printf '%s\n' '198.18.77.7:1000 open' '198.18.77.7:1001 closed')
	timeout 20 "$PYTHON" "$EXAMPLE" "$REDIS_SOCK" t1 fd00:18::77:1000 198.18.77.7:1002 | sort |
		diff - <(printf '%s\n' '198.18.77.7:1002 filtered' 'fd00:18::77:1000 open')
	[ "$(rcli XLEN "$(stream dlq)")" = 0 ]
	[ "$(pending)" = 0 ]
}

@test "the example may queue its jobs before any engine runs" {
	local out=$BATS_TEST_TMPDIR/out pid
	example_needs
	timeout 20 "$PYTHON" "$EXAMPLE" "$REDIS_SOCK" t1 198.18.77.7:1000 198.18.77.7:1001 >"$out" 3>&- &
	pid=$!
	note_process "$pid"
	rcli XREAD COUNT 1 BLOCK 10000 STREAMS "$(stream jobs)" 0 | grep -ax slot
	engine_start
	wait "$pid"
	sort "$out" | diff - <(printf '%s\n' '198.18.77.7:1000 open' '198.18.77.7:1001 closed')
}

@test "the document's verdicts have the numbers, names and classes of the programs" {
	verdicts_written >"$BATS_TEST_TMPDIR/written"
	verdicts_known >"$BATS_TEST_TMPDIR/known"
	diff "$BATS_TEST_TMPDIR/written" "$BATS_TEST_TMPDIR/known"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/known")" = "$(grep -cE '^	VERDICT_[A-Z_]+ = [1-9]' "$PW_ROOT/wire/verdict.h")" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/known")" -ge 14 ]
}

@test "the example names every verdict of the document, each at its number" {
	local names
	names=$(sed -n '/^VERDICTS = /,/"""\.split/p' "$EXAMPLE" | sed 's/.*("""//; s/""".*//' | xargs -n1)
	diff <(sed 1d <<<"$names" | nl -w1 -s' ') <(verdicts_written | cut -d' ' -f1,2)
}
