#!/usr/bin/env bats
# name_alerts.bats - host names as the people who are told hear of them: a resolver that fails is one message.
# Redis, scheduler, two engines and portwatch-alerts are real; each region has a scripted resolver of its own
# (tests/peer/dns_server.py), and the scripted peer answers behind the addresses: port 1000 is open, 1001 resets.
# Everything is set going in setup_file, because much of it takes its time; the stories wait for what came of it.

load lib.bash

: "${PORTWATCH_ALERTS:=${PORTWATCH%/*}/portwatch-alerts}"
: "${PORTWATCH_SCHEDULER:=${PORTWATCH%/*}/portwatch-scheduler}"

setup_file() {
	file_needs netns tun redis python || return 0
	export DIR=$BATS_FILE_TMPDIR
	netns_make namealerts
	peer_start 1000=open 1001=rst
	redis_start
	resolver eu 5301 <<<"* servfail"
	resolver us 5302 </dev/null
	write_file
	in_ns "$PORTWATCH" monitors apply -f "$DIR/monitors.yaml" --redis "$REDIS_URL" >/dev/null
	program alerts "$PORTWATCH_ALERTS" --name a
	program engine-eu "$PORTWATCH_ENGINE" --region eu --consumer e-eu --resolver 127.0.0.1:5301
	program engine-us "$PORTWATCH_ENGINE" --region us --consumer e-us --resolver 127.0.0.1:5302
	program scheduler "$PORTWATCH_SCHEDULER" --name s
}

setup() {
	skip_if_lacking
	cd "$BATS_TEST_TMPDIR"
}

teardown_file() { cleanup_all; }

# ---- what runs

# Starts the resolver of a region; what names mean stands on standard input, and may be scripted anew.
resolver() { # REGION PORT
	script "$1"
	start_ready "dns-$1" become_in_ns "$PYTHON" "$PW_ROOT/tests/peer/dns_server.py" 127.0.0.1 "$2" "$DIR/names-$1"
}

script() { # REGION
	cat >"$DIR/names-$1.new"
	mv "$DIR/names-$1.new" "$DIR/names-$1"
}

# Starts COMMAND with the Redis, whose log is DIR/NAME, and waits until it is ready.
program() { # NAME COMMAND...
	: >"$DIR/$1"
	become_in_ns "${@:2}" --redis "$REDIS_URL" >"$DIR/$1" 2>&1 3>&- &
	BATS_TEST_TMPDIR=$DIR note_process $!
	await_line 10 $! msg=ready "$DIR/$1" || { cat "$DIR/$1" >&2; return 1; }
}

# 5,000 names that only eu looks at.
write_file() {
	{
		cat <<-END
			regions: [eu, us]
			defaults: {interval: 10s, timeout: 900ms}
			monitors:
		END
		awk 'BEGIN { for (i = 0; i < 5000; i++) printf "  - {name: many%d, target: \"n%d.test:1000\", regions: [eu]}\n", i, i }'
	} >"$DIR/monitors.yaml"
}

# ---- what is seen

# The fields of what came into a stream, oldest first, one JSON object an entry.
entries() { # outbox|events
	rcli --json XRANGE "pw:{alerts.0}:$1" - + | jq -c '.[] | .[1] | . as $f | [range(0; length; 2) | {key: $f[.], value: $f[. + 1]}] |
		from_entries | .b |= fromjson'
}

# What was told of portwatch itself, as "component resolved page problem".
problems() {
	entries outbox | jq -r 'select(.type == "system.problem") | "\(.b.data.component) \(.resolved) \(.page) \(.b.data.problem)"'
}

has_problem() { # REGEX
	problems | grep -qE "$1"
}

# How many of the 5,000 are in that state.
many_are() { # STATE NUMBER
	[ "$(rcli HVALS 'pw:{alerts.0}:state' | grep -c "^{\"state\":\"$1\".*\"target\":\"n[0-9]*\.test")" -ge "$2" ]
}

untold() {
	[ "$(rcli XREVRANGE 'pw:{alerts.0}:events' + - | grep -cx 'the resolver of its regions fails, which is told once for all monitors')" -ge "$1" ]
}

# ---- the stories

@test "5,000 names that fail at once are one message that the resolver fails, and 5,000 monitors unknown in silence" {
	wait_for 60 has_problem '^region eu 0 0 resolver failing in eu: no answer about [0-9]+ of [0-9]+ names; their monitors are not told one by one$'
	wait_for 60 many_are unknown 5000
	wait_for 60 untold 5000
	[ "$(entries outbox | jq -r 'select(.monitor | startswith("many"))' | wc -l)" = 0 ]
	rcli HGET 'pw:{alerts.0}:state' @problem:resolver:eu | jq -e '.component == "region eu"'
}

@test "when it answers again that is one message too, and none of a monitor" {
	script eu <<<"* a-198-18-0-7.ttl-600"
	wait_for 60 has_problem '^region eu 1 0 resolver failing in eu: '
	wait_for 60 many_are up 5000
	[ "$(problems | wc -l)" = 2 ]
	[ "$(entries outbox | jq -r 'select(.monitor | startswith("many"))' | wc -l)" = 0 ]
	[ "$(rcli HEXISTS 'pw:{alerts.0}:state' @problem:resolver:eu)" = 0 ]
}
