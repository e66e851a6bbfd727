#!/usr/bin/env bats
# takeover.bats - what a dead engine held is answered by one that lives, and what a living one holds is left alone.
# A lease is the longest timeout an engine has seen (3.2 s at least) and 3 s; one test waits for it.  The others set the
# idle time of pending entries themselves (XCLAIM ... IDLE), which is all that Redis knows of a lease.

load lib.bash

LEASE_S=6.2

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make takeover
	peer_start 1000=open 1002=silent 1040=open
	redis_start
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

# Lines "mI TARGET-ADDRESS:PORT" for N monitors, over 250 addresses.
targets() { # N PORT
	awk -v n="$1" -v port="$2" 'BEGIN { for (i = 0; i < n; i++) printf "m%d 198.18.%d.7:%d\n", i, i % 250, port }'
}

# Makes every pending entry look as if its owner had not been heard of for a minute.
age_pending() {
	local key id owner rest
	for key in "$(stream hot)" "$(stream jobs)"; do
		while read -r id owner rest; do
			rcli XCLAIM "$key" engine "$owner" 0 "$id" IDLE 60000 JUSTID >/dev/null
		done < <(rcli XPENDING "$key" engine - + 1000 | paste - - - -)
	done
}

pending_is() { # NUMBER [CONSUMER]
	[ "$(pending "${2:-}")" = "$1" ]
}

# each_once N FILE: the results are N different (monitor, slot, attempt), and no more rows than those.
each_once() {
	jq -r '"\(.monitor) \(.slot) \(.attempt)"' "$2" | sort | uniq -c | awk -v n="$1" '
		$1 != 1 { print "not once:", $0; bad = 1 }
		END { print NR, "different"; exit bad || NR != n }'
}

# The same, where some may have been published twice.
each_at_least_once() {
	[ "$(jq -r '"\(.monitor) \(.slot) \(.attempt)"' "$2" | sort -u | wc -l)" = "$1" ]
}

@test "two engines share the work and answer each job once" {
	local out=$BATS_TEST_TMPDIR/out a
	engine_start --consumer a --slots 500
	a=$ENGINE_PID
	engine_start --consumer b --slots 500
	targets 6400 1000 | jobs_push -f -
	results 6400 >"$out"
	engine_stop
	engine_stop "$a"
	results_there >"$out"
	each_once 6400 "$out"
	jq -r '.engine' "$out" | sort | uniq -c
	[ "$(jq -r '.engine' "$out" | sort -u | wc -l)" = 2 ]
	[ "$(pending)" = 0 ]
}

@test "what a killed engine held is claimed within its lease and 5 s, and every job has one result" {
	local out=$BATS_TEST_TMPDIR/out a held killed took
	engine_start --consumer a --slots 400
	a=$ENGINE_PID
	engine_start --consumer b --slots 400 --metrics 127.0.0.1:0
	echo 'hot 198.18.77.7:1002' | jobs_push -t 3s --hot -f -
	targets 639 1002 | jobs_push -t 3s -f -
	wait_for 5 pending_is 11
	engine_kill9 "$a"
	killed=${EPOCHREALTIME/./}
	held=$(pending a)
	[ "$held" -ge 1 ]
	[ "$held" -lt 11 ]
	wait_for 15 metric_is entries_claimed_total -eq "$held"
	took=$((${EPOCHREALTIME/./} - killed))
	echo "$held entries held, claimed after $took us"
	awk -v took="$took" -v lease="$LEASE_S" 'BEGIN { exit !(took < (lease + 5) * 1e6) }'
	results 640 >"$out"
	each_once 640 "$out"
	jq -se 'all(.verdict == "filtered" and .wall_us >= 2999000)' "$out"
	wait_for 5 nothing_pending
	engine_stop
	results_there | wc -l | grep -x 640
}

@test "an engine that was killed and comes back under its own name finishes what it held" {
	local out=$BATS_TEST_TMPDIR/out
	engine_start --consumer same --slots 320
	targets 640 1002 | jobs_push -t 1s -f -
	wait_for 5 pending_is 5 # 320 slots
	engine_kill9
	pending_is 5
	age_pending
	engine_start --consumer same --slots 320
	results 640 >"$out"
	each_once 640 "$out"
	engine_stop
	[ "$(pending)" = 0 ]
	results_there | wc -l | grep -x 640
}

@test "an entry that three engines died of goes to dlq and the next one is answered" {
	local i dlq
	targets 20 1002 | jobs_push -t 20s -f -
	for i in 1 2 3; do
		engine_start --consumer "victim$i"
		wait_for 5 pending_is 1 "victim$i"
		engine_kill9
		age_pending
	done
	engine_start --consumer survivor --metrics 127.0.0.1:0
	rcli XREAD COUNT 1 BLOCK 10000 STREAMS "$(stream dlq)" 0 >"$BATS_TEST_TMPDIR/dlq"
	grep -a -A1 -x why "$BATS_TEST_TMPDIR/dlq" | grep -x 'delivered 4 times and never finished, 3 is the most'
	grep -a -x b "$BATS_TEST_TMPDIR/dlq" # the jobs themselves are there too
	targets 1 1000 | jobs_push -f -
	results 1 | jq -e '.verdict == "open"'
	wait_for 5 nothing_pending
	[ "$(metric entries_dead_total 'why="delivered_too_often"')" = 1 ]
	[ "$(rcli XLEN "$(stream dlq)")" = 1 ]
}

@test "an entry that was delivered three times is still tried" {
	local id
	rcli XGROUP CREATE "$(stream jobs)" engine 0 MKSTREAM
	targets 3 1000 | jobs_push -f -
	rcli XREADGROUP GROUP engine dead STREAMS "$(stream jobs)" '>' >/dev/null
	id=$(rcli XPENDING "$(stream jobs)" engine - + 1 | head -n 1)
	rcli XCLAIM "$(stream jobs)" engine dead 0 "$id" IDLE 60000 RETRYCOUNT 2 JUSTID
	engine_start
	results 3 | jq -se 'all(.verdict == "open")'
	wait_for 5 nothing_pending
	[ "$(rcli EXISTS "$(stream dlq)")" = 0 ]
}

# Adds N entries to the job stream, each with the batch on standard input.
entries_add() { # N
	rcli -x EVAL "for i = 1, $1 do redis.call('XADD', KEYS[1], '*', 'v', '1', 'n', '1', 'b', ARGV[1]) end" 1 "$(stream jobs)"
}

@test "an engine that holds jobs for longer than its lease is not robbed" {
	local out=$BATS_TEST_TMPDIR/out before after
	before=$(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn')
	msgpack <<<'[{}, [["m", "198.18.77.7", 1040]]]' | entries_add 3000
	engine_start --consumer slow --rate 300 --metrics 127.0.0.1:0
	wait_for 5 metric_is entries_taken_total -eq 3000
	engine_start --consumer idle --metrics 127.0.0.1:0
	results 3000 >"$out" # after 10 s
	after=$(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn')
	jq -r .engine "$out" | sort | uniq -c
	echo "$((after - before)) SYNs"
	jq -se 'all(.engine == "slow" and .verdict == "open")' "$out"
	[ $((after - before)) = 3000 ]
	[ "$(metric entries_claimed_total)" = 0 ]
}

@test "what a dead engine held is found behind all that a living one holds" {
	local i
	rcli XGROUP CREATE "$(stream jobs)" engine 0 MKSTREAM
	msgpack <<<"$(jq -nc '[{}, [range(64) | ["m\(.)", "198.18.77.7", 1040]]]')" | entries_add 31
	rcli XREADGROUP GROUP engine dead COUNT 30 STREAMS "$(stream jobs)" '>' >/dev/null
	age_pending
	rcli XREADGROUP GROUP engine dead COUNT 1 STREAMS "$(stream jobs)" '>' >/dev/null
	engine_start --consumer busy --rate 1 --slots $((31 * 64)) --metrics 127.0.0.1:0
	wait_for 5 pending_is 30 busy # and there is room for one more
	rcli XPENDING "$(stream jobs)" engine - + 1 dead | head -n 1 | xargs -I{} \
		redis-cli -s "$REDIS_SOCK" XCLAIM "$(stream jobs)" engine dead 0 {} IDLE 60000 JUSTID
	wait_for 5 pending_is 31 busy
	[ "$(metric entries_claimed_total)" = 31 ]
	engine_kill9
}

@test "an engine that slept through its lease is robbed, and nothing is lost or counted twice" {
	local out=$BATS_TEST_TMPDIR/out a b
	targets 128 1002 | jobs_push -t 3s -f -
	engine_start --consumer sleeper
	a=$ENGINE_PID
	wait_for 5 pending_is 2 sleeper
	kill -STOP "$a"
	age_pending
	engine_start --consumer awake
	b=$ENGINE_PID
	results 128 >"$out"
	jq -r ".engine" "$out" | sort | uniq -c
	jq -se 'all(.engine == "awake")' "$out"
	kill -CONT "$a"
	engine_stop "$a"
	grep -q 'msg=drained.* taken=128 published=128' "$(scope)/engine0.log"
	engine_stop "$b"
	results_there >"$out"
	each_at_least_once 128 "$out"
	[ "$(pending)" = 0 ]
}

@test "an engine that was asked to leave has nothing for others to claim" {
	local a
	engine_start --consumer leaver
	a=$ENGINE_PID
	targets 640 1000 | jobs_push -f -
	results 1 >/dev/null
	engine_stop "$a"
	[ "$(pending)" = 0 ]
	engine_start --consumer heir --metrics 127.0.0.1:0
	results 640 >"$BATS_TEST_TMPDIR/out"
	each_once 640 "$BATS_TEST_TMPDIR/out"
	[ "$(metric entries_claimed_total)" = 0 ]
}
