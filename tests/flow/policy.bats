#!/usr/bin/env bats
# policy.bats - what must not be probed is not: counted on the wire.
# A namespace whose every address leads somewhere (a default route into the scripted peer, a loopback); an nft rule counts each
# SYN that leaves, on whatever device.  That it would see them is shown first, with the policy off.

load lib.bash
unset PORTWATCH_ENGINE_POLICY PORTWATCH_ENGINE_COALESCE # as everybody finds them

setup_file() {
	file_needs netns tun nft redis python || return 0
	netns_make policy
	peer_start 1000=open 1002=silent
	in_ns ip route add default dev pw0
	in_ns ip -6 route add default dev pw0
	in_ns nft -f - <<-END
		add table inet witness
		add counter inet witness syns
		add chain inet witness out { type filter hook output priority -300; }
		add rule inet witness out tcp flags & (syn | ack) == syn counter name syns
	END
	redis_start
	"$PYTHON" "$PW_ROOT/tests/flow/forbidden_jobs.py" "$PW_ROOT/engine/special_ranges.def" 10000 20261125 >"$BATS_FILE_TMPDIR/forbidden"
	sed -n 's/^\t"\(.*\)",$/\1/p' "$PW_ROOT/tests/unit/engine/forbidden.h" >"$BATS_FILE_TMPDIR/spellings"
}

setup() {
	skip_if_lacking
	rcli FLUSHALL >/dev/null
	in_ns nft reset counters table inet witness >/dev/null
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

# How many SYNs have left.
syns() {
	in_ns nft -j list counter inet witness syns | jq '.nftables[] | .counter? | select(.) | .packets'
}

# Puts each line of FILE, as a host and nothing but a host, on the queue: what a producer might write that is not ours.
push_spellings() { # FILE
	jq -Rn '[inputs | ["s", ., 443]] | _nwise(64) | [{timeout_ms: 200}, .]' -c "$1" | while read -r batch; do
		batch_add jobs "$batch" >/dev/null
	done
}

# forbidden_10000 CONNECTOR: all of them are denied, and nothing leaves.
forbidden_10000() {
	engine_start --connector "$1" --policy public
	jobs_push --timeout 200ms -f "$BATS_FILE_TMPDIR/forbidden" 2>/dev/null
	results 10000 >"$BATS_TEST_TMPDIR/out"
	[ "$(syns)" = 0 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 10000 ]
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort -u)" = denied ]
	[ "$(jq -r .class "$BATS_TEST_TMPDIR/out" | sort -u)" = unknown ]
	! jq -r .detail "$BATS_TEST_TMPDIR/out" | grep -v '^address policy public: .*; nothing was sent$'
}

# forbidden_certificates CONNECTOR: nobody looks at a certificate there either.
forbidden_certificates() {
	engine_start --connector "$1" --policy public
	head -2000 "$BATS_FILE_TMPDIR/forbidden" >"$BATS_TEST_TMPDIR/some"
	jobs_push --tls --timeout 200ms -f "$BATS_TEST_TMPDIR/some" 2>/dev/null
	jobs_push --starttls smtp --timeout 200ms -f "$BATS_TEST_TMPDIR/some" 2>/dev/null
	results 4000 >"$BATS_TEST_TMPDIR/out"
	[ "$(syns)" = 0 ]
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort | uniq -c | xargs)" = "4000 denied" ]
}

@test "no certificate is looked at behind a forbidden address, through epoll" {
	forbidden_certificates epoll
}

@test "no certificate is looked at behind a forbidden address, through io_uring" {
	skip_without io_uring
	forbidden_certificates io_uring
}

@test "the witness sees what leaves when nothing is forbidden, also for a certificate" {
	engine_start --policy any
	head -1000 "$BATS_FILE_TMPDIR/forbidden" >"$BATS_TEST_TMPDIR/some"
	jobs_push --timeout 200ms -f "$BATS_TEST_TMPDIR/some" 2>/dev/null
	results 1000 >"$BATS_TEST_TMPDIR/out"
	syns
	[ "$(syns)" -gt 500 ]
	in_ns nft reset counters table inet witness >/dev/null
	jobs_push --tls --tls-timeout 100ms 198.18.77.7:1000 2>/dev/null
	results 1001 >/dev/null
	[ "$(syns)" = 1 ]
}

@test "10,000 tries of forbidden addresses send no SYN, through epoll" {
	forbidden_10000 epoll
}

@test "10,000 tries of forbidden addresses send no SYN, through io_uring" {
	skip_without io_uring
	forbidden_10000 io_uring
}

@test "no spelling of a forbidden address sends a SYN" {
	local n
	n=$(wc -l <"$BATS_FILE_TMPDIR/spellings")
	[ "$n" -ge 80 ]
	engine_start --policy public
	push_spellings "$BATS_FILE_TMPDIR/spellings"
	results "$n" >"$BATS_TEST_TMPDIR/out"
	[ "$(syns)" = 0 ]
	! jq -r .class "$BATS_TEST_TMPDIR/out" | grep -x up
}

# Those that inet_pton takes are not the parser's business.
@test "the parser alone refuses what only looks like an address" {
	local n
	"$PYTHON" -c 'import socket, sys
def literal(text):
    for family in socket.AF_INET, socket.AF_INET6:
        try:
            socket.inet_pton(family, text)
            return True
        except OSError:
            pass
    return False
sys.stdout.writelines(line for line in sys.stdin if not literal(line[:-1]))' <"$BATS_FILE_TMPDIR/spellings" >"$BATS_TEST_TMPDIR/odd"
	n=$(wc -l <"$BATS_TEST_TMPDIR/odd")
	[ "$n" -ge 30 ]
	engine_start --policy any
	push_spellings "$BATS_TEST_TMPDIR/odd"
	results "$n" >"$BATS_TEST_TMPDIR/out"
	[ "$(syns)" = 0 ]
	! jq -r .class "$BATS_TEST_TMPDIR/out" | grep -x up
}

@test "the command line asks the same policy" {
	run -2 in_ns "$PORTWATCH" probe --policy public -f "$BATS_FILE_TMPDIR/forbidden" -o ndjson --timeout 200ms
	[ "$(syns)" = 0 ]
	[ "$(grep -c '"verdict":"denied"' <<<"$output")" = 10000 ]
	run -3 in_ns "$PORTWATCH" check --policy private -H 127.0.0.1 -p 22
	[[ $output == "TCP UNKNOWN - 127.0.0.1:22 denied: address policy private: 127.0.0.0/8 is loopback"* ]]
	[ "$(syns)" = 0 ]
}

@test "the engine's own policy is private, and a file has the last word" {
	printf 'allow 127.0.0.1 1000-1999\ndeny 198.18.77.0/24 1002\nuse private\n' >"$BATS_TEST_TMPDIR/policy"
	batch() {
		batch_add jobs '[{"timeout_ms": 300}, [["a", "127.0.0.1", 1000], ["b", "198.18.77.7", 1000], ["c", "198.18.77.7", 1002],
			["d", "169.254.169.254", 80], ["e", "fd00:18::77", 1000]]]' >/dev/null
		results 5 | jq -r '"\(.monitor) \(.verdict)"' | sort | paste -sd' '
	}
	engine_start
	grep -q 'msg=ready .*policy=private' "$ENGINE_LOG"
	[ "$(batch)" = "a denied b open c filtered d denied e open" ]
	engine_stop
	rcli FLUSHALL >/dev/null
	engine_start --policy "$BATS_TEST_TMPDIR/policy"
	[ "$(batch)" = "a closed b open c denied d denied e open" ]
	engine_stop
	"$PORTWATCH_ENGINE" --help | grep -A3 -- '--policy' | grep -q private
}

@test "an engine does not start with a policy it does not understand" {
	printf 'allow 10.0.0.0/8\nallow 10.1\n' >"$BATS_TEST_TMPDIR/policy"
	run -3 "$PORTWATCH_ENGINE" --region t1 --redis "$REDIS_URL" --policy "$BATS_TEST_TMPDIR/policy"
	[[ $output == *"policy:2:7: this is neither "*$'\n    allow 10.1\n          ^'* ]]
}

@test "a thousand identical jobs are one SYN and a thousand results" {
	local slot i
	slot=$(($(date +%s%3N) - 1000))
	for i in {1..16}; do
		jq -nc '[{timeout_ms: 900}, [range(64) | ["m\(.)", "198.18.77.7", 1002]]]' | msgpack |
			entry_add jobs v 1 n 0 slot "$slot" >/dev/null
	done
	engine_start --metrics 127.0.0.1:0
	results 1024 >"$BATS_TEST_TMPDIR/out"
	[ "$(syns)" = 1 ]
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort | uniq -c | xargs)" = "1024 filtered" ]
	metric_is connects_total -eq 1
	metric_is jobs_joined_total -eq 1023
	metric_is jobs_taken_total -eq 1024
	metric_is jobs_published_total -eq 1024
	engine_stop
	rcli FLUSHALL >/dev/null
	in_ns nft reset counters table inet witness >/dev/null
	engine_start --coalesce no # and each its own where that is wanted
	jq -nc '[{timeout_ms: 900}, [range(64) | ["m\(.)", "198.18.77.7", 1002]]]' | msgpack | entry_add jobs v 1 n 0 slot "$slot" >/dev/null
	results 64 >/dev/null
	[ "$(syns)" = 64 ]
}

@test "an address is connected to no oftener than it may be, and nothing is lost" {
	local from took
	engine_start --metrics 127.0.0.1:0 --per-destination 20 --coalesce no
	from=${EPOCHREALTIME/./}
	jq -nc '[{timeout_ms: 300}, [range(60) | ["m\(.)", "198.18.77.7", 1000]]]' | msgpack | entry_add jobs v 1 n 0 >/dev/null
	jq -nc '[{timeout_ms: 300}, [range(60) | ["o\(.)", "198.18.77.\(10 + .)", 1000]]]' | msgpack | entry_add jobs v 1 n 0 >/dev/null
	results 60 >"$BATS_TEST_TMPDIR/others"
	[ "$(jq -r .monitor "$BATS_TEST_TMPDIR/others" | cut -c1 | sort -u)" = o ] # they waited for nobody
	results 120 >"$BATS_TEST_TMPDIR/out"
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	[ "$took" -ge 2900 ] # 60 at 20 a second
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort -u)" = open ]
	metric_is jobs_capped_total -eq 59
	engine_stop
}

# How many SYNs went to the address that is forbidden.
bad_syns() {
	in_ns nft -j list counter inet witness bad | jq '.nftables[] | .counter? | select(.) | .packets'
}

# Pushes 5,000 names, and prints "zone verdict" of each, counted.
push_names() {
	rcli FLUSHALL >/dev/null
	jobs_push --timeout 10s -f "$BATS_TEST_TMPDIR/names" 2>/dev/null
	results 5000 | jq -r '"\(.monitor | split(".")[1] | split(":")[0]) \(.verdict)"' | sort | uniq -c | awk '{print $2, $3, $1}'
}

# One name whose first answer is long forgotten: until it is asked for again.
asked_again() {
	batch_add hot '[{"timeout_ms": 300}, [["again", "again.rebind.test", 1000]]]' >/dev/null
	results_there | tail -n 1 | grep -q '"verdict":"denied"'
}

# A name is judged by every address it has, and whoever is connected to is judged once more: 10,000 tries.
@test "a name that changes its mind reaches nothing that is forbidden" {
	"$PORTWATCH_ENGINE" --help | grep -q -- --resolver || skip "this build does not resolve names"
	local kind
	printf 'allow 198.18.77.0/24\n' >"$BATS_TEST_TMPDIR/policy"
	for kind in rebind both bad mapped good; do seq -f "n%g.$kind.test:1000" 1000; done >"$BATS_TEST_TMPDIR/names"
	start_ready dns become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/rebind_dns.py" 5354 198.18.77.7 198.18.66.6
	in_ns nft add counter inet witness bad
	in_ns nft add rule inet witness out ip daddr 198.18.66.6 tcp flags '& (syn | ack) == syn' counter name bad
	engine_start --policy "$BATS_TEST_TMPDIR/policy" --resolver 127.0.0.1:5354
	batch_add hot '[{"timeout_ms": 300}, [["again", "again.rebind.test", 1000]]]' >/dev/null
	results 1 | grep -q '"verdict":"open"'
	diff <(push_names) - <<-END
		bad denied 1000
		both denied 1000
		good open 1000
		mapped denied 1000
		rebind open 1000
	END
	wait_for 20 asked_again
	diff <(push_names) - <<-END
		bad denied 1000
		both denied 1000
		good open 1000
		mapped denied 1000
		rebind denied 1000
	END
	[ "$(bad_syns)" = 0 ]
}
