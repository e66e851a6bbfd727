#!/usr/bin/env bats
# engine_edges.bats - what once went wrong at the edges: odd entries, long attempts at the end, half a right, odd sysctls.

load lib.bash

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make edges
	peer_start 1000=open 1002=silent 1003=icmp=3/13,icmp6=1/1 1004=icmp=3/1,icmp6=1/3
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

one_open() {
	msgpack <<<'[{}, [["m", "198.18.77.7", 1000]]]'
}

@test "a slot that is no time is said and buried, and nobody gets a result that cannot be read" {
	local slot
	engine_start
	for slot in -5 18446744073709551615 99999999999999999999999 253402300800000 abc ''; do
		one_open | entry_add jobs v 1 n 1 slot "$slot"
	done
	one_open | entry_add jobs v 1 n 1 slot 253402300799999
	results 1 | jq -e '.verdict == "open"'
	wait_for 5 pending_is_none
	[ "$(rcli XLEN "$(stream dlq)")" = 6 ]
	rcli XRANGE "$(stream dlq)" - + | grep -c 'field slot .* is not a time in ms' | grep -x 6
	[ "$(results_there | wc -l)" = 1 ]
}

pending_is_none() {
	[ "$(pending)" = 0 ]
}

@test "an entry of many fields is buried with all of them" {
	local fields
	engine_start
	mapfile -t fields < <(for i in {1..200}; do printf 'f%d\n%d\n' "$i" "$i"; done)
	printf garbage | entry_add jobs v 1 "${fields[@]}"
	wait_for 5 buried_is 1
	rcli XRANGE "$(stream dlq)" - + | grep -cE '^f[0-9]+$' | grep -x 200
	rcli XRANGE "$(stream dlq)" - + | grep -x garbage
}

buried_is() {
	[ "$(rcli XLEN "$(stream dlq)")" = "$1" ]
}

@test "an attempt that takes longer than 15 s is finished before the engine leaves, and stays its own meanwhile" {
	engine_start --consumer leaving
	local leaving=$ENGINE_PID
	batch_add jobs '[{"timeout_ms": 17000}, [["m", "198.18.77.7", 1002]]]'
	wait_for 5 pending_of leaving 1
	engine_start --consumer waiting --metrics 127.0.0.1:0 # has seen no such timeout: its lease is 6.2 s
	kill -TERM "$leaving"
	results 1 | jq -e '.verdict == "filtered" and .engine == "leaving"'
	wait "$leaving"
	[ "$(metric entries_claimed_total)" = 0 ]
}

pending_of() { # CONSUMER NUMBER
	[ "$(pending "$1")" = "$2" ]
}

@test "without the right to MULTI nothing is published bare" {
	rcli ACL SETUSER half on nopass '~*' +@all -multi >/dev/null
	REDIS_URL="${REDIS_URL}?user=half&password=x" engine_start
	batch_add jobs '[{}, [["m", "198.18.77.7", 1000]]]'
	await_line 10 "$ENGINE_PID" 'NOPERM.*multi' "$ENGINE_LOG"
	[ "$(rcli XLEN "$(stream res)")" = 0 ]
	[ "$(pending)" = 1 ]
	rcli ACL DELUSER half >/dev/null
	engine_kill9
}

@test "without the right to MULTI a bad entry stays pending instead of being lost" {
	rcli ACL SETUSER half on nopass '~*' +@all -multi >/dev/null
	REDIS_URL="${REDIS_URL}?user=half&password=x" engine_start
	rcli XADD "$(stream jobs)" '*' v 9 n 1 b x >/dev/null
	await_line 10 "$ENGINE_PID" 'doing=dlq.*multi|multi.*dlq' "$ENGINE_LOG"
	[ "$(rcli XLEN "$(stream dlq)")" = 0 ]
	[ "$(pending)" = 1 ]
	! grep -q 'entry to dlq' "$ENGINE_LOG"
	rcli ACL DELUSER half >/dev/null
	engine_kill9
}

@test "the age of what nobody has read yet is in the metrics" {
	local now i
	now=$(rcli TIME | head -n 1)
	engine_start --slots 32 --rate 1 --metrics 127.0.0.1:0
	for i in 100 99; do # the first takes all the slots for a minute, the second is not read
		msgpack <<<"$(jq -nc '[{expires_ms: 86400000}, [range(64) | ["m\(.)", "198.18.77.7", 1000]]]')" |
			rcli -x XADD "$(stream jobs)" "$((now - i))000-0" v 1 b >/dev/null
	done
	wait_for 15 unread_for 99
	metrics | grep -x 'portwatch_engine_queue_oldest_seconds{stream="hot"} 0.000'
	engine_kill9
}

unread_for() { # SECONDS
	metric queue_oldest_seconds 'stream="jobs"' | awk -v least="$1" '{ exit !($1 >= least && $1 < least + 60) }'
}

@test "a Redis that may evict is said at the start" {
	rcli CONFIG SET maxmemory-policy allkeys-lru >/dev/null
	engine_start
	await_line 5 "$ENGINE_PID" 'maxmemory-policy=allkeys-lru .*CONFIG SET maxmemory-policy noeviction' "$ENGINE_LOG"
	rcli CONFIG SET maxmemory-policy noeviction >/dev/null
}

@test "a host that may bind any address still tells its own from others" {
	in_ns sysctl -q net.ipv4.ip_nonlocal_bind=1 net.ipv6.ip_nonlocal_bind=1
	run --separate-stderr in_ns "$PORTWATCH" probe -o csv --fields verdict 198.18.77.7:1003 198.18.77.7:1004 '[fd00:18::77]:1003' '[fd00:18::77]:1004'
	in_ns sysctl -q net.ipv4.ip_nonlocal_bind=0 net.ipv6.ip_nonlocal_bind=0
	[ "$status" = 1 ]
	sort <<<"$output" | diff - <(printf '%s\n' rejected rejected unreachable unreachable verdict)
}

@test "an engine whose metrics page cannot be served takes no job" {
	local port
	engine_start --metrics 127.0.0.1:0
	port=$(grep -oE 'metrics_port=[0-9]+' "$ENGINE_LOG" | cut -d= -f2)
	run in_ns "$PORTWATCH_ENGINE" --region t1 --redis "$REDIS_URL" --metrics "127.0.0.1:$port"
	[ "$status" = 4 ]
	! grep -q 'redis connected' <<<"$output"
}
