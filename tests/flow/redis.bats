#!/usr/bin/env bats
# redis.bats - whatever Redis answers, the engine lives, says what it does about it, and loses nothing.
# Each test has a Redis and an engine of its own.  What is in flight when Redis begins to refuse is a batch of silent
# probes; what is pushed when Redis is well again shows that intake goes on.

load lib.bash

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make redis
	peer_start 1000=open 1002=silent
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

# survives KIND REGEX: jobs are in flight, provoke makes Redis refuse them, REGEX is said and KIND counted, mend makes it
# well again, more jobs come, and all are answered.
survives() {
	engine_start --metrics 127.0.0.1:0
	targets before 100 1002 | jobs_push -t 1s -f -
	wait_for 5 metric_is connects_in_flight -eq 100
	provoke
	await_line 10 "$ENGINE_PID" "$2" "$ENGINE_LOG"
	[ "$(errors_of "$1")" -ge 1 ]
	mend
	targets after 20 1000 | jobs_push -f -
	all_answered 120
	quiet
}

mend() {
	:
}

made_again() {
	[ "$(grep -c 'msg="consumer group made".*stream=pw:{t1.0}:jobs' "$ENGINE_LOG")" = 2 ]
}

@test "a consumer group that is destroyed is made again" {
	provoke() { rcli XGROUP DESTROY "$(stream jobs)" engine; }
	mend() { wait_for 5 made_again; }
	survives group_lost 'reply="NOGROUP .* reaction="making the consumer group again"'
}

@test "a stream that is deleted under a waiting reader is made again" {
	provoke() { rcli DEL "$(stream jobs)" "$(stream hot)"; }
	mend() { wait_for 5 made_again; }
	survives group_lost 'reply="(UNBLOCKED|NOGROUP) '
}

@test "a Redis without memory has its results held until it has some" {
	provoke() { rcli CONFIG SET maxmemory 1; }
	mend() {
		wait_for 5 metric_is results_held -ge 1
		[ "$(metric jobs_in_flight)" = 100 ]
		rcli CONFIG SET maxmemory 0
	}
	survives full 'reply="OOM '
}

@test "a Redis that becomes a replica is waited for until it is a master again" {
	provoke() { rcli REPLICAOF 127.0.0.1 1; }
	mend() { rcli REPLICAOF NO ONE; }
	survives not_master '(READONLY|UNBLOCKED force unblock)'
}

@test "a replica that has lost its master and serves nothing is waited for" {
	provoke() {
		rcli CONFIG SET replica-serve-stale-data no
		rcli REPLICAOF 127.0.0.1 1
	}
	mend() {
		wait_for 10 errors_of_is not_master -ge 2
		rcli REPLICAOF NO ONE
	}
	survives not_master '(MASTERDOWN|UNBLOCKED force unblock)'
}

@test "a Redis that lacks replicas is waited for" {
	provoke() { rcli CONFIG SET min-replicas-to-write 1; }
	mend() { rcli CONFIG SET min-replicas-to-write 0; }
	survives hold 'NOREPLICAS .*reaction="holding and trying again"'
}

@test "a Redis that cannot save is waited for" {
	provoke() {
		mkdir "$BATS_TEST_TMPDIR/gone"
		rcli CONFIG SET dir "$BATS_TEST_TMPDIR/gone"
		rmdir "$BATS_TEST_TMPDIR/gone"
		rcli CONFIG SET save '3600 1'
		rcli CONFIG SET appendonly no
		rcli BGSAVE
	}
	mend() { rcli CONFIG SET save ''; }
	survives hold 'MISCONF '
}

@test "a Redis that is busy with a script is waited for" {
	provoke() {
		rcli CONFIG SET busy-reply-threshold 20
		rcli EVAL 'while true do end' 0 >/dev/null 2>&1 3>&- &
		note_process $!
	}
	mend() { rcli SCRIPT KILL; }
	survives hold 'BUSY Redis is busy'
}

@test "a job stream that is no stream is said and waited for" {
	provoke() { rcli SET "$(stream jobs)" mine; }
	mend() { rcli DEL "$(stream jobs)"; }
	survives other 'WRONGTYPE '
}

@test "a result stream that is no stream is said and its results are held" {
	provoke() { rcli SET "$(stream res)" mine; }
	mend() {
		wait_for 5 metric_is results_held -ge 1
		rcli DEL "$(stream res)"
	}
	survives other 'WRONGTYPE '
}

@test "a group that is there already is no trouble" {
	engine_start
	engine_stop
	engine_start --metrics 127.0.0.1:0
	targets m 20 1000 | jobs_push -f -
	all_answered 20
	! grep -v level=info "$ENGINE_LOG"
	[ "$(metric redis_errors_total)" = 0 ]
}

# forbidden_once TEXT: for 2 s it was said once by each link at most, and asked no more often.
forbidden_once() {
	await_line 10 "$ENGINE_PID" "$1" "$ENGINE_LOG"
	! await_exit "$ENGINE_PID" 2
	grep -v level=info "$ENGINE_LOG"
	[ "$(grep -c "$1" "$ENGINE_LOG")" -le 2 ]
	[ "$(errors_of forbidden)" -le 2 ]
	grep "$1" "$ENGINE_LOG" | grep -q 'trying again every 30 s'
}

@test "a Redis that suddenly wants a password is asked again after 30 s only" {
	engine_start --metrics 127.0.0.1:0
	targets m 20 1000 | jobs_push -f -
	all_answered 20
	! await_exit "$ENGINE_PID" 1.2 # no more than two lines a second: those of the start are one
	rcli <<<$'CONFIG SET requirepass secret\nCLIENT KILL TYPE normal'
	forbidden_once NOAUTH
	engine_stop
}

@test "a wrong password is said once, without the password" {
	rcli CONFIG SET requirepass secret
	REDIS_URL=$REDIS_URL'?password=mistaken' engine_start --metrics 127.0.0.1:0
	forbidden_once WRONGPASS
	! grep mistaken "$ENGINE_LOG"
	engine_stop
}

@test "a user that may not read the stream is said once" {
	rcli ACL SETUSER eng on '>pw' '~*' '&*' +@all -xreadgroup
	REDIS_URL=$REDIS_URL'?user=eng&password=pw' engine_start --metrics 127.0.0.1:0
	forbidden_once NOPERM
	engine_stop
}

@test "a user that may not make a group is said once" {
	rcli ACL SETUSER eng on '>pw' '~*' '&*' +@all '-xgroup|create'
	REDIS_URL=$REDIS_URL'?user=eng&password=pw' engine_start --metrics 127.0.0.1:0
	forbidden_once NOPERM
	engine_stop
}

# A node of a cluster on a port of the namespace's loopback, and on a unix socket in the directory of that name.
node_start() { # PORT
	local dir=$BATS_TEST_TMPDIR/$1
	mkdir "$dir"
	become_in_ns redis-server --port "$1" --bind 127.0.0.1 --unixsocket "$dir/sock" --cluster-enabled yes --dir "$dir" --save '' >"$dir/log" 2>&1 3>&- &
	note_process $!
	await_line 10 $! 'Ready to accept connections' "$dir/log"
}

node() { # PORT COMMAND...
	in_ns redis-cli -p "$@"
}

cluster_ok() { # PORT
	node "$1" CLUSTER INFO | tr -d '\r' | grep -qx cluster_state:ok
}

@test "a cluster that is down is waited for" {
	node_start 7001
	REDIS_URL=redis://127.0.0.1:7001 engine_start --metrics 127.0.0.1:0
	await_line 10 "$ENGINE_PID" 'CLUSTERDOWN .*reaction="holding and trying again"' "$ENGINE_LOG"
	node 7001 CLUSTER ADDSLOTSRANGE 0 16383
	wait_for 10 cluster_ok 7001
	await_line 10 "$ENGINE_PID" 'msg="consumer group made".*jobs' "$ENGINE_LOG"
	targets m 20 1000 | in_ns "$PORTWATCH" jobs push --region t1 --redis redis://127.0.0.1:7001 -f -
	in_ns "$PORTWATCH" tail --redis redis://127.0.0.1:7001 --from start -o ndjson --count 20 --timeout 10s |
		jq -se 'length == 20 and all(.verdict == "open")'
	quiet
}

@test "a cluster where another node has the stream is said plainly" {
	node_start 7001
	node_start 7002
	node 7002 CLUSTER ADDSLOTSRANGE 0 16383
	node 7001 CLUSTER MEET 127.0.0.1 7002
	wait_for 10 cluster_ok 7001
	REDIS_URL=redis://127.0.0.1:7001 engine_start --metrics 127.0.0.1:0
	await_line 10 "$ENGINE_PID" 'MOVED .*a single Redis is needed' "$ENGINE_LOG"
	! await_exit "$ENGINE_PID" 2
	quiet
	[ "$(errors_of moved)" -ge 1 ]
	engine_stop
}

# Two nodes of which 7001 has everything; the helpers speak to it.
cluster_of_two() {
	node_start 7001
	node_start 7002
	node 7001 CLUSTER ADDSLOTSRANGE 0 16383
	node 7002 CLUSTER MEET 127.0.0.1 7001
	wait_for 10 cluster_ok 7001
	wait_for 10 cluster_ok 7002
	REDIS_SOCK=$BATS_TEST_TMPDIR/7001/sock
	REDIS_URL=unix://$REDIS_SOCK
}

# The first steps of moving our slot from 7001 to 7002, as redis-cli --cluster reshard takes them.
slot_leaves() {
	local slot
	slot=$(node 7001 CLUSTER KEYSLOT "$(stream jobs)")
	node 7002 CLUSTER SETSLOT "$slot" IMPORTING "$(node 7001 CLUSTER MYID)"
	node 7001 CLUSTER SETSLOT "$slot" MIGRATING "$(node 7002 CLUSTER MYID)"
}

# The node no longer knows of a move.
slot_stays() { # PORT
	node "$1" CLUSTER SETSLOT "$(node "$1" CLUSTER KEYSLOT "$(stream jobs)")" STABLE
}

@test "a slot that is leaving for another node is said plainly, and waited for" {
	cluster_of_two
	slot_leaves
	engine_start --metrics 127.0.0.1:0
	await_line 10 "$ENGINE_PID" 'ASK [0-9]+ 127.0.0.1:7002.*a single Redis is needed' "$ENGINE_LOG"
	[ "$(errors_of moved)" -ge 1 ]
	slot_stays 7001
	targets m 20 1000 | jobs_push -f -
	all_answered 20
	quiet
	engine_stop
}

@test "streams of which one has left for another node are waited for until it is back" {
	cluster_of_two
	engine_start --slots 64 --metrics 127.0.0.1:0
	targets first 20 1000 | jobs_push -f -
	all_answered 20 # from now on there is a stream of results, and it stays
	targets before 200 1002 | jobs_push -t 1s -f -
	wait_for 5 metric_is connects_in_flight -eq 64 # and so it does not read; a reader that waits would be told of the loss
	slot_leaves
	[ "$(node 7001 MIGRATE 127.0.0.1 7002 "$(stream hot)" 0 1000)" = OK ]
	await_line 10 "$ENGINE_PID" 'TRYAGAIN .*reaction="holding and trying again"' "$ENGINE_LOG"
	[ "$(errors_of hold)" -ge 1 ]
	slot_stays 7001
	[ "$(node 7002 MIGRATE 127.0.0.1 7001 "$(stream hot)" 0 1000 REPLACE)" = OK ]
	targets after 20 1000 | jobs_push -f -
	all_answered 240
	quiet
	engine_stop
}
