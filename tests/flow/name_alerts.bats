#!/usr/bin/env bats
# name_alerts.bats - host names as the people who are told hear of them: a resolver that fails is one message, addresses
# that are down are named, a name that leads elsewhere is told and one that answers in turn is not.
# Redis, scheduler, two engines and portwatch-alerts are real; each region has a scripted resolver of its own
# (tests/peer/dns_server.py), and the scripted peer answers behind the addresses: port 1000 is open, 1001 resets.
# Everything is set going in setup_file, because much of it takes its time; the stories wait for what came of it.

load lib.bash

: "${PORTWATCH_ALERTS:=${PORTWATCH%/*}/portwatch-alerts}"
: "${PORTWATCH_SCHEDULER:=${PORTWATCH%/*}/portwatch-scheduler}"

setup_file() {
	file_needs netns tun nft redis python || return 0
	export DIR=$BATS_FILE_TMPDIR
	netns_make namealerts
	peer_start 1000=open 1001=rst
	redis_start
	nft_near ip6 daddr fd00:18::7 tcp dport 1000 reject with tcp reset
	nft_near ip daddr 198.18.1.3 tcp dport 1000 reject with tcp reset
	{ names; echo "* servfail"; } | resolver eu 5301
	names | resolver us 5302
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

# What both resolvers know.
names() { # [what moves.test means [and gone.test]]
	cat <<-END
		both.test a-198-18-0-7.aaaa-fd00-18--7.ttl-600
		moves.test ${1:-a-198-18-2-1}.ttl-5
		turns.test a-198-18-3-1.a-198-18-3-2.turn.ttl-5
		mx.test mx-10-mail--test.mx-20-mx2--test
		gone.test ${2:-nxdomain}
		four.test a-198-18-1-1.a-198-18-1-2.a-198-18-1-3.a-198-18-1-4.ttl-600
	END
}

# 5,000 names that only eu looks at, and a few that both do.
write_file() {
	{
		cat <<-END
			regions: [eu, us]
			defaults: {interval: 10s, timeout: 900ms}
			monitors:
			  - {name: both, target: "both.test:1000", ip: both, interval: 2s}
			  - {name: moves, target: "moves.test:1000", interval: 2s}
			  - {name: turns, target: "turns.test:1000", interval: 2s}
			  - {name: mx, type: dns, target: mx.test, record: MX, expect_answer: [10 mail.test, mx2.test], interval: 2s}
			  - {name: hijacked, type: dns, target: mx.test, record: MX, expect_answer: 10 mail.test, interval: 2s}
			  - {name: gone, type: dns, target: gone.test, record: MX, interval: 2s}
			  - {name: four, target: "four.test:1000", addresses: all, interval: 2s}
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

# The last summary that was told of a monitor is TEXT.
last_told_is() { # MONITOR REGEX
	entries outbox | jq -r --arg m "$1" 'select(.monitor == $m) | .b.data.summary' | tail -n 1 | grep -qE "$2"
}

# What each region knows a name of a monitor to lead to.
leads_to() { # MONITOR JSON
	rcli HGET 'pw:{alerts.0}:state' "$1" | jq -e ".addresses == $2"
}

# ---- the stories

@test "one address of four that is down is said to be it, and so is a family" {
	wait_for 30 last_told_is four '^four \(four.test:1000\) is up, but not at all of its addresses: 1 of 4 addresses down \(198\.18\.1\.3\), seen from eu and us since'
	wait_for 30 last_told_is both '^both \(both.test:1000\) is up, but not at all of its addresses: v6 down \(fd00:18::7\), v4 up, seen from eu and us since'
	entries outbox | jq -se 'map(select(.monitor == "four"))[0] | .type == "monitor.degraded" and .page == "0" and (.b.data |
		.verdict == "partial" and .scope == "partial" and (.regions | length == 2 and all(.addresses == 4 and
			.down_addresses == [{"address": "198.18.1.3", "verdict": "closed"}])))'
	"$PORTWATCH" status --redis "$REDIS_URL" -o json >status.json
	jq -e '[.monitors | sort_by(.monitor) | .[] | select(.monitor == "four" or .monitor == "both") | "\(.state) \(.scope) \(.partial)"] ==
		["degraded partial v6 down (fd00:18::7), v4 up", "degraded partial 1 of 4 addresses down (198.18.1.3)"]' status.json
	"$PORTWATCH" status --redis "$REDIS_URL" | grep -E '^DEGRADED +four +four.test:1000 .* 1 of 4 addresses down \(198.18.1.3\) '
	"$PORTWATCH" explain four --redis "$REDIS_URL" >explained
	[ "$(grep -c 'up .*open, 1 of 4 addresses down (198.18.1.3)' explained)" = 2 ]
	in_ns nft flush chain inet pw output
	wait_for 30 last_told_is four '^four .four.test:1000. answers at all of its addresses again after'
	wait_for 30 last_told_is both '^both .both.test:1000. answers at all of its addresses again after'
}

@test "5,000 names that fail at once are one message that the resolver fails, and 5,000 monitors unknown in silence" {
	wait_for 60 has_problem '^region eu 0 0 resolver failing in eu: no answer about [0-9]+ of [0-9]+ names; their monitors are not told one by one$'
	wait_for 60 many_are unknown 5000
	wait_for 60 untold 5000
	[ "$(entries outbox | jq -r 'select(.monitor | startswith("many"))' | wc -l)" = 0 ]
	rcli HGET 'pw:{alerts.0}:state' @problem:resolver:eu | jq -e '.component == "region eu"'
}

@test "a name that is only asked for is up, or down for what was answered" {
	wait_for 30 last_told_is gone '^gone .gone.test MX. is DOWN: no-name, from both regions since'
	wait_for 30 last_told_is hijacked '^hijacked .mx.test MX. is DOWN: wrong-address, from both regions since'
	entries outbox | jq -se 'map(select(.monitor == "gone"))[0] | .type == "monitor.down" and .page == "1" and
		(.b.data | .target == "gone.test MX" and .verdict == "no-name" and .scope == "service")'
	[ "$(rcli HGET 'pw:{alerts.0}:state' mx | jq -r '.state + " " + .target')" = "up mx.test MX" ]
	"$PORTWATCH" status --redis "$REDIS_URL" | grep -E '^DOWN +gone +gone.test MX .* no-name +service'
	"$PORTWATCH" monitors show mx --redis "$REDIS_URL" >shown
	grep -x 'target *mx.test MX' shown
	grep -x 'type *dns' shown
}

@test "when it answers again that is one message too, and none of a monitor" {
	{ names a-198-18-2-9 mx-10-mail--test; echo "* a-198-18-0-7.ttl-600"; } | script eu # moves.test moves now, for the last story
	names a-198-18-2-9 mx-10-mail--test | script us
	wait_for 60 has_problem '^region eu 1 0 resolver failing in eu: '
	wait_for 60 many_are up 5000
	[ "$(problems | wc -l)" = 2 ]
	[ "$(entries outbox | jq -r 'select(.monitor | startswith("many"))' | wc -l)" = 0 ]
	[ "$(rcli HEXISTS 'pw:{alerts.0}:state' @problem:resolver:eu)" = 0 ]
}

@test "a name that leads elsewhere is told once, as a notice that has no end, and one that answers in turn is not" {
	wait_for 60 last_told_is moves '^moves .moves.test:1000. leads to other addresses: now 198.18.2.9, before 198.18.2.1, seen from (eu|us) since'
	wait_for 60 leads_to moves '{"eu": ["198.18.2.9"], "us": ["198.18.2.9"]}' # the other region has seen it too
	entries outbox | jq -se 'map(select(.type == "monitor.address")) | length == 1 and (.[0] | .monitor == "moves" and .page == "0" and
		.resolved == "0" and (.b.data | .addresses.old == ["198.18.2.1"] and .addresses.new == ["198.18.2.9"] and .status == "firing"))'
	wait_for 30 last_told_is gone '^gone .gone.test MX. is UP again after .* .was: no-name.$'
	leads_to turns '{"eu": ["198.18.3.1", "198.18.3.2"], "us": ["198.18.3.1", "198.18.3.2"]}'
	[ "$(grep -c ' A turns.test' "$DIR/pw/dns-us.out")" -ge 4 ]
}
