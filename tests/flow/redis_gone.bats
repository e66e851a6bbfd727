#!/usr/bin/env bats
# redis_gone.bats - Redis dies, stands still, loads, or forbids for a while: what was taken is published in the end.
# The one test that takes its time is the outage of 30 s.  A second Redis, which forbids results meanwhile, shows in the
# same time that a refusal which a person has to mend is asked again after 30 s.

load lib.bash

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make gone
	peer_start 1000=open 1002=silent
	redis_start
	export STRICT_SOCK=$REDIS_SOCK
	engine_start --metrics 127.0.0.1:0
	export STRICT_LOG=$ENGINE_LOG STRICT_PID=$ENGINE_PID
	targets strict 20 1002 | jobs_push -t 1s -f -
	wait_for 5 metric_is connects_in_flight -eq 20
	rcli ACL SETUSER default -xadd
	await_line 10 "$ENGINE_PID" NOPERM "$ENGINE_LOG"
	rcli ACL SETUSER default +xadd
}

setup() {
	skip_if_lacking
	redis_start --aof
}

teardown() {
	[ -z "${BATS_ERROR_STATUS:-}" ] || [ "$BATS_ERROR_STATUS" = 0 ] || tail -n 40 "$ENGINE_LOG"
	cleanup_all
}

teardown_file() {
	cleanup_all
}

@test "killing Redis loses no job when it has an append-only file" {
	local i
	engine_start --slots 500
	for i in 1 2 3; do
		targets "open$i-" 1000 1000 | jobs_push -f -
		targets "silent$i-" 200 1002 | jobs_push -t 500ms -f -
		rcli XREAD BLOCK 5000 STREAMS "$(stream res)" "$(rcli XREVRANGE "$(stream res)" + - COUNT 1 | head -n 1 | grep . || echo 0)" >/dev/null
		redis_kill9
		redis_restart
	done
	all_answered 3600
	quiet
}

@test "a Redis that still loads its data is waited for in silence" {
	rcli DEBUG POPULATE 100 key 2000
	rcli BGREWRITEAOF
	wait_for 10 aof_rewritten
	engine_start --metrics 127.0.0.1:0
	targets before 100 1002 | jobs_push -t 1s -f -
	wait_for 5 metric_is connects_in_flight -eq 100
	redis_kill9
	redis_restart 'key-load-delay 30000' 'loading-process-events-interval-bytes 1024' # 3 s
	targets after 20 1000 | jobs_push -f -
	all_answered 120
	[ "$(errors_of starting)" -ge 1 ]
	! grep LOADING "$ENGINE_LOG"
	quiet
}

aof_rewritten() {
	rcli INFO persistence | tr -d '\r' | grep -qx aof_rewrite_in_progress:0 && [ -s "$REDIS_DIR"/appendonlydir/*.2.base.rdb ]
}

@test "a Redis that stands still is given up, found again, and nothing is lost" {
	engine_start --metrics 127.0.0.1:0
	targets before 100 1002 | jobs_push -t 1s -f -
	wait_for 5 metric_is connects_in_flight -eq 100
	kill -STOP "$REDIS_PID"
	batch_add jobs '[{}, [["during", "198.18.77.7", 1000]]]' 3>&- & # redis-cli waits for as long as it takes
	note_process $!
	await_line 10 "$ENGINE_PID" 'link=portwatch-engine:t1:results why="no answer within 5000 ms"' "$ENGINE_LOG"
	kill -CONT "$REDIS_PID"
	wait $!
	targets after 20 1000 | jobs_push -f -
	all_answered 121
	quiet
}

@test "an outage of 30 s stops intake, is said quietly, and everything is published afterwards" {
	local stays leaver stays_log status=0
	engine_start --slots 200 --consumer leaver
	leaver=$ENGINE_PID
	targets leaver 64 1002 | jobs_push -t 2s --expires 10m -f -
	wait_for 5 pending_to leaver
	engine_start --slots 200 --consumer stays --metrics 127.0.0.1:0
	targets m 500 1002 | jobs_push -t 2s --expires 10m -f -
	wait_for 5 metric_is connects_in_flight -ge 100
	redis_kill9
	# One engine is asked to leave meanwhile: it cannot publish, says so and gives up.
	kill -TERM "$leaver"
	! await_exit "$ENGINE_PID" 30
	wait "$leaver" || status=$?
	[ "$status" = 1 ]
	grep -q 'msg="left with jobs unpublished' "$(scope)/engine0.log"

	[ "$(metric redis_up)" = 0 ]
	[ "$(metric results_held)" -ge 1 ]
	[ "$(metric jobs_in_flight)" -le 200 ]
	[ "$(metric connects_in_flight)" = 0 ]
	[ "$(errors_of link)" -ge 4 ]
	[ "$(wc -l <"$ENGINE_LOG")" -le 60 ]
	cat "$ENGINE_LOG"
	quiet
	redis_restart
	all_answered 564
	jq -se 'all(.verdict == "filtered")' "$BATS_TEST_TMPDIR/out"
	quiet
}

pending_to() { # CONSUMER
	[ "$(pending "$1")" -ge 1 ]
}

@test "what a person had to mend is asked again after 30 s and then published" {
	local lost found
	REDIS_SOCK=$STRICT_SOCK REDIS_URL=unix://$STRICT_SOCK ENGINE_LOG=$STRICT_LOG ENGINE_PID=$STRICT_PID
	await_line 35 "$ENGINE_PID" 'msg="redis connected".*link=portwatch-engine:t1:results connects=2' "$ENGINE_LOG"
	all_answered 20
	[ "$(grep -c NOPERM "$ENGINE_LOG")" = 1 ]
	lost=$(sed -nE 's/^ts=([^ ]+) .*NOPERM.*/\1/p' "$ENGINE_LOG")
	found=$(sed -nE 's/^ts=([^ ]+) .*results connects=2.*/\1/p' "$ENGINE_LOG")
	echo "$lost $found"
	[ $(($(date -d "$found" +%s) - $(date -d "$lost" +%s))) -ge 29 ]
	[ $(($(date -d "$found" +%s) - $(date -d "$lost" +%s))) -le 35 ]
}
