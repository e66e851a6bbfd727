#!/usr/bin/env bats
# engine.bats - jobs in Redis become results in Redis: every job one result, and nothing that a producer, an operator
# or a signal does takes the others along.
# One namespace, peer and Redis for the file; each test has an engine of its own and begins with an empty Redis.

load lib.bash

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make engine
	peer_start 1000=open 1001=rst 1002=silent 1003=icmp=3/13,icmp6=1/1 1021=reset 1022=reset,after=200ms \
		1030=open 1031=open 1032=open 1040=open
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

# N jobs [mI, 198.18.77.7, PORT] as a JSON array.
jobs_json() { # N PORT
	jq -nc --argjson n "$1" --argjson port "$2" '[range($n) | ["m\(.)", "198.18.77.7", $port]]'
}

# Prints "monitor verdict" of the results in FILE, sorted by monitor.
verdicts() {
	jq -r '"\(.monitor) \(.verdict)"' "$1" | sort
}

# answers_right CONNECTOR: one batch with every kind of answer, over both address families.
answers_right() {
	engine_start --connector "$1"
	batch_add jobs '[{"timeout_ms": 400}, [
		["a-open", "198.18.77.7", 1000], ["b-open", "fd00:18::77", 1000],
		["c-closed", "198.18.77.7", 1001], ["d-closed", "fd00:18::77", 1001],
		["e-rejected", "198.18.77.7", 1003], ["f-rejected", "fd00:18::77", 1003],
		["g-filtered", "198.18.77.7", 1002], ["h-filtered", "fd00:18::77", 1002],
		["i-reset", "198.18.77.7", 1021, {"settle_ms": 300}], ["j-reset", "fd00:18::77", 1021, {"settle_ms": 300}]]]'
	results 10 >"$BATS_TEST_TMPDIR/out"
	jq -r .monitor "$BATS_TEST_TMPDIR/out" | sed 's/.-//' | diff - <(jq -r .verdict "$BATS_TEST_TMPDIR/out")
	jq -se 'all(.region == "t1" and .attempt == 0 and .slot != null and (.engine | length) > 0)' "$BATS_TEST_TMPDIR/out"
	jq -se 'all(.[]; .class == (if .verdict == "open" then "up" else "down" end))' "$BATS_TEST_TMPDIR/out"
	jq -se 'map(select(.verdict == "open")) | all(.rtt_us > 0)' "$BATS_TEST_TMPDIR/out"
	grep -q "connector=$1" "$ENGINE_LOG"
}

@test "what is pushed comes back as it is on the wire, through epoll" {
	answers_right epoll
}

@test "what is pushed comes back as it is on the wire, through io_uring" {
	skip_without io_uring
	answers_right io_uring
}

@test "jobs push and tail speak to the engine" {
	engine_start
	jobs_push 198.18.77.7:1000 198.18.77.7:1001
	results 2 >"$BATS_TEST_TMPDIR/out"
	verdicts "$BATS_TEST_TMPDIR/out" | diff - <(printf '%s\n' '198.18.77.7:1000 open' '198.18.77.7:1001 closed')
}

@test "jobs that were pushed before the engine ran are answered" {
	batch_add jobs '[{}, [["early", "198.18.77.7", 1000]]]'
	engine_start
	results 1 | jq -e '.monitor == "early" and .verdict == "open"'
}

@test "a thousand jobs are a thousand results, each monitor once" {
	engine_start --slots 200
	for i in {0..999}; do echo "m$i 198.18.$((i % 250)).7:1000"; done | jobs_push -f -
	results 1000 | jq -r 'select(.verdict == "open") | .monitor' | sort -u | wc -l | grep -x 1000
	engine_stop
	[ "$(results_there | wc -l)" = 1000 ]
	[ "$(pending)" = 0 ]
}

@test "a job that is wrong spoils nothing but itself" {
	engine_start --resolver 127.0.0.1:1
	batch_add jobs "$(jq -nc '[{timeout_ms: 300}, [
		["a", "198.18.77.7", 1000],
		["b", "198.18.77.7", 99999],
		["", "198.18.77.7", 1000],
		["d", ("x" * 254), 1000],
		["e", "www.example.org", 443],
		["f", "198.18.77.7", 1000, {timeout_ms: 0}],
		["g", "198.18.77.7", 1000, {close: "slam"}],
		["h", "198.18.77.7", 1000, {colour: "blue"}],
		"job",
		["i", "198.18.77.7", 1000]]]')"
	results 10 | jq -r '"\(.monitor)|\(.verdict)|\(.detail)"' |
		sed 's/|open|.*/|open/' | diff - <(sed 's/^\t*//' <<-'END'
			a|open
			b|local|bad job: port is not a number from 1 to 65535 (index 1 in its batch)
			null|local|bad job: monitor is empty (index 2 in its batch)
			d|local|bad job: host is longer than 253 bytes (index 3 in its batch)
			e|resolver|the resolver 127.0.0.1:1 cannot be reached: nothing listens there, or there is no route
			f|local|bad job: timeout_ms is not a whole number from 1 to 60000 (index 5 in its batch)
			g|local|bad job: close is not "rst", "fin" or "half" (index 6 in its batch)
			h|open
			null|local|bad job: job is not [monitor, host, port] or [monitor, host, port, {options}] (index 8 in its batch)
			i|open
		END
		)
}

@test "an entry that is no batch goes to dlq whole, with its reason, and the next is answered" {
	local -a why
	engine_start
	printf 'garbage\xff\xfe' | entry_add jobs v 1 n 1
	msgpack <<<'[{}, [["m", "198.18.77.7", 1000]]]' | entry_add jobs n 1
	msgpack <<<'[{}, [["m", "198.18.77.7", 1000]]]' | entry_add jobs v 2 n 1
	batch_add jobs "[{}, $(jobs_json 65 1000)]"
	batch_add jobs '[{}, []]'
	batch_add jobs '[{"close": "slam"}, [["m", "198.18.77.7", 1000]]]'
	printf '\xdd\x0f\xff\xff\xff' | entry_add jobs v 1 n 1
	rcli XADD "$(stream jobs)" '*' v 1 n 1
	batch_add jobs '[{}, [["good", "198.18.77.7", 1000]]]'
	results 1 | jq -e '.monitor == "good" and .verdict == "open"'

	[ "$(rcli XLEN "$(stream dlq)")" = 8 ]
	wait_for 5 nothing_pending
	mapfile -t why < <(rcli XRANGE "$(stream dlq)" - + | grep -a -A1 -x why | grep -avx -e why -e --)
	printf '%s\n' "${why[@]}"
	[ "${#why[@]}" = 8 ]
	[[ ${why[0]} == byte\ 1:* ]]
	[ "${why[1]}" = 'field v is "", this engine reads format 1' ]
	[ "${why[2]}" = 'field v is "2", this engine reads format 1' ]
	[ "${why[3]}" = 'batch has 65 jobs, it must have 1 to 64' ]
	[ "${why[4]}" = 'batch has 0 jobs, it must have 1 to 64' ]
	[ "${why[5]}" = 'defaults of the batch: close is not "rst", "fin" or "half"' ]
	[[ ${why[6]} == byte\ 0:\ array\ of\ 268435455\ * ]]
	[ "${why[7]}" = 'field b (the jobs) is missing' ]
	# The first one is there to the byte, and says where it came from.
	[ "$(rcli XRANGE "$(stream dlq)" - + COUNT 1 | grep -a -A1 -x b | tail -n 1 | od -An -tx1 | tr -d ' \n')" = \
		"$(printf 'garbage\xff\xfe\n' | od -An -tx1 | tr -d ' \n')" ]
	rcli XRANGE "$(stream dlq)" - + COUNT 1 | grep -a -A1 -x stream | grep -x "$(stream jobs)"
	[ "$(grep -c 'msg="entry to dlq"' "$ENGINE_LOG")" -ge 1 ]
}

@test "a job that is too old is expired and no packet is sent for it" {
	local old=$((${EPOCHREALTIME/./} / 1000 - 10000)) before
	before=$(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn')
	engine_start
	batch_add jobs '[{"expires_ms": 5000}, [["late", "198.18.77.7", 1040, {"slot": '$old'}],
		["younger", "198.18.77.7", 1000, {"slot": '$old', "expires_ms": 60000}]]]'
	results 2 >"$BATS_TEST_TMPDIR/out"
	jq -se '.[0].verdict == "expired" and .[0].class == "unknown" and .[0].wall_us == null' "$BATS_TEST_TMPDIR/out"
	jq -se '.[0].late_us >= 10000000 and .[1].verdict == "open" and .[1].late_us >= 10000000' "$BATS_TEST_TMPDIR/out"
	[ "$(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn')" = "$before" ]
}

@test "the slot of an entry is its field or else the time in its id" {
	engine_start
	msgpack <<<'[{}, [["field", "198.18.77.7", 1000]]]' |
		rcli -x XADD "$(stream jobs)" 1000-1 v 1 n 1 slot "$((${EPOCHREALTIME/./} / 1000 - 3000))" b
	msgpack <<<'[{}, [["id", "198.18.77.7", 1000]]]' | rcli -x XADD "$(stream jobs)" 2000-1 v 1 n 1 b
	results 2 >"$BATS_TEST_TMPDIR/out"
	jq -se '.[0].verdict == "open" and .[0].late_us > 2900000 and .[0].late_us < 60000000' "$BATS_TEST_TMPDIR/out"
	jq -se '.[1].verdict == "expired" and .[1].slot == "1970-01-01T00:00:02.000Z"' "$BATS_TEST_TMPDIR/out"
}

@test "hot jobs go before scheduled ones that were there first" {
	batch_add jobs "[{}, $(jobs_json 64 1000)]"
	batch_add jobs "[{}, $(jobs_json 64 1000)]"
	engine_start --rate 40 --metrics 127.0.0.1:0
	wait_for 10 metric_is connects_total -ge 1
	batch_add hot '[{}, [["hot", "198.18.77.7", 1000]]]'
	results 1 | jq -e '.monitor == "hot"'
	results 129 | tail -n +2 | jq -se 'all(.monitor != "hot" and .verdict == "open")'
}

@test "defaults hold for the batch and a job's own options for the job" {
	engine_start
	batch_add jobs '[{"timeout_ms": 300, "close": "fin", "attempt": 2}, [
		["fin", "198.18.77.7", 1030],
		["half", "198.18.77.7", 1031, {"close": "half", "attempt": 3}],
		["rst", "198.18.77.7", 1032, {"close": "rst"}],
		["short", "198.18.77.7", 1002],
		["long", "198.18.77.7", 1002, {"timeout_ms": 800}]]]'
	results 5 >"$BATS_TEST_TMPDIR/out"
	jq -se 'map({(.monitor): .}) | add |
		.fin.verdict == "open" and .half.verdict == "open" and .rst.verdict == "open"
		and (.half.detail | contains("the handshake was not completed")) and (.rst.detail | contains("not") | not)
		and .fin.attempt == 2 and .half.attempt == 3
		and .short.wall_us >= 299000 and .long.wall_us >= 799000 and .short.wall_us < .long.wall_us' "$BATS_TEST_TMPDIR/out"
	peer_counts | jq -ce '[.rules[] | {(.ports): .}] | add |
		["1030", .["1030"].ack, .["1030"].fin, .["1030"].rst],
		["1031", .["1031"].ack, .["1031"].fin, .["1031"].rst],
		["1032", .["1032"].ack, .["1032"].fin, .["1032"].rst]' | tee "$BATS_TEST_TMPDIR/ends"
	grep -x '\["1030",[12],1,0\]' "$BATS_TEST_TMPDIR/ends"
	grep -x '\["1031",0,0,1\]' "$BATS_TEST_TMPDIR/ends"
	grep -x '\["1032",1,0,1\]' "$BATS_TEST_TMPDIR/ends"
}

@test "settle decides how long a reset after the handshake still counts" {
	engine_start
	batch_add jobs '[{"settle_ms": "auto"}, [
		["auto-at-once", "198.18.77.7", 1021],
		["auto-later", "198.18.77.7", 1022],
		["long-later", "198.18.77.7", 1022, {"settle_ms": 2000}],
		["none-later", "198.18.77.7", 1022, {"settle_ms": 0}],
		["auto-open", "198.18.77.7", 1000]]]'
	results 5 >"$BATS_TEST_TMPDIR/out"
	verdicts "$BATS_TEST_TMPDIR/out" | diff - <(printf '%s\n' 'auto-at-once reset' 'auto-later open' 'auto-open open' \
		'long-later reset' 'none-later open')
}

@test "taken is published plus in flight at every moment, and promtool likes the page" {
	local now
	engine_start --metrics 127.0.0.1:0
	batch_add jobs "[{\"timeout_ms\": 1500}, $(jobs_json 64 1002)]"
	batch_add jobs "[{}, $(jobs_json 20 1000)]"
	wait_for 5 metric_is verdicts_total -ge 20
	now=$(metrics)
	awk '$1 == "portwatch_engine_jobs_taken_total" { t = $2 } $1 == "portwatch_engine_jobs_published_total" { p = $2 }
		$1 == "portwatch_engine_jobs_in_flight" { f = $2 } END { print t, p, f; exit !(t == 84 && t == p + f && f >= 64) }' <<<"$now"
	results 84 >"$BATS_TEST_TMPDIR/out"
	wait_for 5 metric_is jobs_published_total -eq 84
	now=$(metrics)
	[ "$(metric jobs_in_flight)" = 0 ]
	[ "$(metric verdicts_total 'verdict="filtered"')" = 64 ]
	[ "$(metric verdicts_total 'class="up"')" = 20 ]
	[ "$(metric rtt_seconds_count)" = 20 ]
	[ "$(metric redis_up)" = 2 ]
	command -v promtool >/dev/null || skip "promtool is not installed; the page itself was looked at"
	promtool check metrics <<<"$now"
}

heartbeat_says() {
	[[ $(rcli GET "pw:{t1.0}:hb:heart") == *"$1"* ]]
}

@test "the engine's heartbeat is in Redis and says the same" {
	engine_start --consumer heart
	batch_add jobs '[{}, [["m", "198.18.77.7", 1000]]]'
	results 1
	wait_for 8 heartbeat_says 'taken=1 published=1'
	[ "$(rcli PTTL "pw:{t1.0}:hb:heart")" -le 15000 ]
}

@test "SIGTERM lets what was begun end, says shutdown of the rest and publishes all" {
	local out=$BATS_TEST_TMPDIR/out
	batch_add jobs "[{\"timeout_ms\": 2000}, $(jobs_json 64 1002)]"
	engine_start --rate 20 --metrics 127.0.0.1:0
	wait_for 5 metric_is connects_total -ge 4
	engine_stop
	results_there >"$out"
	jq -r .verdict "$out" | sort | uniq -c
	[ "$(jq -r .monitor "$out" | sort -u | wc -l)" = 64 ]
	[ "$(wc -l <"$out")" = 64 ]
	[ "$(jq -r 'select(.verdict == "filtered" and .wall_us >= 1999000).verdict' "$out" | wc -l)" -ge 4 ]
	[ "$(jq -r 'select(.verdict == "shutdown" and .class == "unknown").verdict' "$out" | wc -l)" -ge 10 ]
	jq -se 'all(.verdict == "filtered" or .verdict == "shutdown")' "$out"
	[ "$(pending)" = 0 ]
	grep -q 'msg=drained.* taken=64 published=64' "$ENGINE_LOG"
}

@test "SIGTERM to an idle engine ends it within a second" {
	engine_start
	kill -TERM "$ENGINE_PID"
	await_exit "$ENGINE_PID" 1
	wait "$ENGINE_PID"
	grep -q 'msg=drained' "$ENGINE_LOG"
}

@test "a second SIGTERM leaves at once and what is unfinished stays pending" {
	batch_add jobs "[{\"timeout_ms\": 10000}, $(jobs_json 10 1002)]"
	engine_start --metrics 127.0.0.1:0
	wait_for 5 metric_is connects_total -eq 10
	kill -TERM "$ENGINE_PID"
	await_line 5 "$ENGINE_PID" 'msg=draining.* in_flight=10' "$ENGINE_LOG"
	kill -TERM "$ENGINE_PID"
	await_exit "$ENGINE_PID" 2
	local status=0
	wait "$ENGINE_PID" || status=$?
	[ "$status" = 143 ]
	[ "$(pending)" = 1 ]
	[ "$(rcli XLEN "$(stream res)")" = 0 ]
}

# refused SENTENCE ARGS...: the engine leaves with 3 and says so.
refused() {
	local sentence=$1
	shift
	run timeout 10 "$PORTWATCH_ENGINE" "$@"
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"$sentence"* ]]
}

@test "what is down is published while a silent target of the same entry is still waited for, once" {
	engine_start --metrics 127.0.0.1:0
	batch_add jobs '[{"timeout_ms": 3000}, [["closed", "198.18.77.7", 1001], ["open", "198.18.77.7", 1000], ["silent", "198.18.77.7", 1002],
		["closed too", "198.18.77.8", 1001]]]'
	rcli XREAD COUNT 1 BLOCK 2500 STREAMS "$(stream res)" 0 | grep -q res
	results_there >"$BATS_TEST_TMPDIR/first"
	[ "$(jq -r .monitor "$BATS_TEST_TMPDIR/first" | sort)" = "$(printf 'closed\nclosed too')" ]
	[ "$(pending)" = 1 ] # it is acknowledged when all of it is answered
	[ "$(metric jobs_published_total)" = 0 ]
	results 4 >"$BATS_TEST_TMPDIR/out"
	wait_for 5 nothing_pending
	results_there >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -r '"\(.monitor) \(.verdict)"' "$BATS_TEST_TMPDIR/out" | sort)" = "$(printf 'closed closed\nclosed too closed\nopen open\nsilent filtered')" ]
	[ "$(metric jobs_published_total)" = 4 ]
}

@test "a wrong command line is status 3 and a sentence" {
	refused "--lames" --region t1 --redis "$REDIS_URL" --lames 3
	refused "--slots" --region t1 --redis "$REDIS_URL" --slots many
	refused "--rate" --region t1 --redis "$REDIS_URL" --rate -1
	refused "--region" --redis "$REDIS_URL"
	refused "--redis" --region t1
	refused "--region" --region 't{1}' --redis "$REDIS_URL"
	refused "--source" --region t1 --redis "$REDIS_URL" --source nowhere
	refused "--shards" --region t1 --redis "$REDIS_URL" --shards 7-3
	refused "shard 2 twice" --region t1 --redis "$REDIS_URL" --shards 0-3,2
	refused "--metrics" --region t1 --redis "$REDIS_URL" --metrics 9464
	refused "--connector" --region t1 --redis "$REDIS_URL" --connector select
	refused "redis url, character 1" --region t1 --redis http://localhost
	refused "port" --region t1 --redis redis://localhost:99999
}

@test "a wrong configuration file is status 3 with file, line and column" {
	local file=$BATS_TEST_TMPDIR/engine.yaml
	printf 'region: t1\nslots: many\n' >"$file"
	refused "$file:2:8" --config "$file" --redis "$REDIS_URL"
	printf 'region: t1\n  lames: 3\n: [\n' >"$file"
	refused "$file:" --config "$file" --redis "$REDIS_URL"
	printf 'region: t1\nlames: 3\n' >"$file"
	refused "$file:2:1" --config "$file" --redis "$REDIS_URL"
	refused "$BATS_TEST_TMPDIR/none.yaml" --config "$BATS_TEST_TMPDIR/none.yaml" --redis "$REDIS_URL"
}

@test "options come from the file, the environment over it, flags over both" {
	local file=$BATS_TEST_TMPDIR/engine.yaml
	printf 'slots: 11\nlanes: 1\nconsumer: from-file\nconnector: epoll\n' >"$file"
	PORTWATCH_ENGINE_CONSUMER=from-environment PORTWATCH_ENGINE_SLOTS=12 engine_start --config "$file" --slots 13
	grep 'msg=ready' "$ENGINE_LOG"
	grep -q 'msg=ready.* engine=from-environment .*connector=epoll slots=13 lanes=1' "$ENGINE_LOG"
}

@test "every line of a JSON log is JSON" {
	engine_start --log-format json --log-level debug
	printf 'gar"bage\n' | entry_add jobs v '"2\' n 1
	batch_add jobs '[{}, [["m", "198.18.77.7", 1000]]]'
	results 1
	engine_stop
	[ "$(wc -l <"$ENGINE_LOG")" -ge 4 ]
	jq -e '.ts and .level and .msg' "$ENGINE_LOG" | grep -c true | grep -x "$(wc -l <"$ENGINE_LOG")"
	jq -s 'map(.msg)' "$ENGINE_LOG"
	jq -se 'map(select(.msg == "entry to dlq" and .why == "field v is \"\"2\\\", this engine reads format 1")) | length == 1' "$ENGINE_LOG"
}
