#!/usr/bin/env bats
# stall.bats - the published round trip is the kernel's, whatever this process did meanwhile.
# A peer answers after 20 ms.  The prober is stopped for 150 ms, four times, with some 25 connects in flight; its own
# clock then reads 150 ms for those, and the round trip it publishes is that of a run without a stall to within 200 us.
# Connects begin evenly (--rate), for a burst would measure the peer's queue.
# A longer stall also changes what there is to see: SYNs are repeated meanwhile, and our own firewall answers them again.

load lib.bash

TARGETS=3000 RATE=1250 STALLS=4 STALL_S=0.15

setup_file() {
	file_needs netns tun nft redis python || return 0
	netns_make stall
	veth_pair
	nft_near meta nfproto ipv4 tcp dport 20000-29999 reject with icmp type host-unreachable
	nft_near meta nfproto ipv6 tcp dport 20000-29999 reject with icmpv6 type addr-unreachable
	peer_start 1000=open,after=20ms
	renice -n -10 -p "$PEER_PID" >/dev/null 2>&1 || true # a busy machine shall not make the peer late
	redis_start
	"$PYTHON" -c "
for n in range($TARGETS): print(f'198.18.{4 + n % 100}.{1 + n // 100}:1000')" >"$BATS_FILE_TMPDIR/targets"
}

setup() {
	skip_if_lacking
	rcli FLUSHALL >/dev/null
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

syns() {
	peer_counts | jq .syn
}

syns_reach() { # NUMBER
	[ "$(syns)" -ge "$1" ]
}

# stall PID SYNS: stops the process for 150 ms whenever the peer has seen so many more SYNs.
stall() {
	local i
	for ((i = 1; i <= STALLS; i++)); do
		wait_for 10 syns_reach $(($2 + i * TARGETS / (STALLS + 2)))
		kill -STOP "$1"
		sleep "$STALL_S" # the stall itself
		kill -CONT "$1"
	done
}

# judge CALM STALLED: compares who saw the stall with a run in which nobody did.  By the lower quartile: what else
# this machine does makes some of the peer's answers late, a stall in the figures would make all of them so.
judge() {
	"$PYTHON" - "$@" <<-'END'
		import json, sys
		def rows(name):
		    with open(name) as f: found = [json.loads(line) for line in f]
		    assert all(r["verdict"] == "open" for r in found), "not all are open"
		    return [r for r in found if r["syn_retrans"] == 0]
		def at(part, rows, field):
		    return sorted(r[field] for r in rows)[int((len(rows) - 1) * part)]
		calm, stalled = map(rows, sys.argv[1:])
		hit = [r for r in stalled if r["wall_us"] > 150000]
		for name, some in ("calm", calm), ("stalled", stalled), ("saw the stall", hit):
		    for field in "rtt_us", "wall_us":
		        print(f"{name}: {len(some)} {field}", *(at(part, some, field) for part in (0, .25, .5, .95, 1) if some))
		assert len(hit) >= 30, f"only {len(hit)} connects saw the stall"
		moved = at(.25, hit, "rtt_us") - at(.25, calm, "rtt_us")
		print("moved by", moved, "us")
		assert abs(moved) < 200, "the stall is in the published round trips"
		assert at(1, hit, "rtt_us") < 100000, "the stall is in some published round trip"
	END
}

# engine_run OUT [STALL]
engine_run() {
	local before
	rcli FLUSHALL >/dev/null
	before=$(syns)
	engine_start --connector "$connector" --rate "$RATE"
	jobs_push -f "$BATS_FILE_TMPDIR/targets"
	if [ -n "${2:-}" ]; then stall "$ENGINE_PID" "$before"; fi
	results "$TARGETS" >"$1"
	engine_stop
}

# probe_run OUT [STALL]
probe_run() {
	local before pid
	before=$(syns)
	become_in_ns "$PORTWATCH" probe --connector "$connector" --rate "$RATE" -o ndjson \
		-f "$BATS_FILE_TMPDIR/targets" >"$1" 3>&- &
	pid=$!
	note_process "$pid"
	if [ -n "${2:-}" ]; then stall "$pid" "$before"; fi
	wait "$pid"
	[ "$(wc -l <"$1")" = "$TARGETS" ]
}

# unmoved engine_run|probe_run CONNECTOR
unmoved() {
	local connector=$2
	"$1" "$BATS_TEST_TMPDIR/calm"
	"$1" "$BATS_TEST_TMPDIR/stalled" stall
	judge "$BATS_TEST_TMPDIR/calm" "$BATS_TEST_TMPDIR/stalled"
}

@test "a stalled engine on epoll publishes the same round trips" {
	unmoved engine_run epoll
}

@test "a stalled engine on io_uring publishes the same round trips" {
	skip_without io_uring
	unmoved engine_run io_uring
}

@test "a stalled probe on epoll prints the same round trips" {
	unmoved probe_run epoll
}

@test "a stalled probe on io_uring prints the same round trips" {
	skip_without io_uring
	unmoved probe_run io_uring
}

# own_firewall CONNECTOR FAMILY: probes ports that our own OUTPUT chain refuses with "host unreachable", and is stopped in
# the midst of it for longer than a SYN's first timer.  The first answer met a socket that connect() had locked and changed
# nothing; the second, to the repeated SYN, closes a socket that nobody holds, just as a neighbour that never answered
# would.  It is still our own firewall's, and no target is down for it.
own_firewall() {
	local address=198.18.1.2 out=$BATS_TEST_TMPDIR/out pid tries
	[ "$2" = v4 ] || address='[fd00:18:1::2]'
	seq -f "$address:%.0f" 20000 29999 >"$BATS_TEST_TMPDIR/rejected"
	for tries in 1 2 3 4 5; do
		: >"$out"
		become_in_ns "$PORTWATCH" probe --connector "$1" --timeout 8s -o ndjson \
			-f "$BATS_TEST_TMPDIR/rejected" >"$out" 2>"$out.err" 3>&- &
		pid=$!
		note_process "$pid"
		wait_for 10 test -s "$out"
		kill -STOP "$pid"
		sleep 1.3 # the stall itself
		kill -CONT "$pid"
		wait "$pid" || [ $? -le 2 ] # judged below
		jq -r '"\(.class) \(.verdict)\(if .syn_retrans > 0 then ", answered twice" else "" end)"' "$out" | sort | uniq -c | tee "$out.counts"
		grep -v 'unknown local' "$out.counts" && return 1
		[ "$(wc -l <"$out")" = 10000 ]
		if grep -q 'answered twice' "$out.counts"; then return 0; fi
	done
	skip "in five runs the stall never came between a SYN and the look at it"
}

@test "our own firewall stays local over a stall longer than a SYN's timer: epoll, IPv4" {
	own_firewall epoll v4
}

@test "our own firewall stays local over a stall longer than a SYN's timer: epoll, IPv6" {
	own_firewall epoll v6
}

@test "our own firewall stays local over a stall longer than a SYN's timer: io_uring, IPv4" {
	skip_without io_uring
	own_firewall io_uring v4
}

@test "our own firewall stays local over a stall longer than a SYN's timer: io_uring, IPv6" {
	skip_without io_uring
	own_firewall io_uring v6
}
