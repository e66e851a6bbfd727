#!/usr/bin/env bats
# scheduler.bats - monitors in Redis become jobs, each slot once, whatever happens to the schedulers; and every slot ends
# as a result or as missed.
# One Redis for the file; each test begins with an empty one and has schedulers of its own.

load lib.bash

: "${PORTWATCH_SCHEDULER:=${PORTWATCH%/*}/portwatch-scheduler}"

setup_file() {
	file_needs redis python || return 0
	redis_start
}

setup() {
	skip_if_lacking
	rcli CONFIG SET maxmemory 256mb >/dev/null
	rcli FLUSHALL >/dev/null
	rcli SET pw:settings '{"regions":["eu","us","ap"],"shards":1}' >/dev/null
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

# Starts a scheduler of that name and waits for its `ready` line.
scheduler_start() { # NAME [ARGS]...
	local log
	log=$(scope)/scheduler-$1.log
	touch "$log"
	"$PORTWATCH_SCHEDULER" --redis "$REDIS_URL" --name "$1" --metrics 127.0.0.1:0 "${@:2}" >/dev/null 2>>"$log" 3>&- &
	export SCHEDULER_PID=$! SCHEDULER_LOG=$log ENGINE_LOG=$log
	note_process "$SCHEDULER_PID"
	await_line 10 "$SCHEDULER_PID" msg=ready "$log" || { cat "$log"; return 1; }
}

# Says a monitor as a control plane does.
monitor_set() { # NAME INTERVAL_MS [MEMBERS]
	rcli >/dev/null <<-END
		MULTI
		HSET pw:monitors $1 '{"target":"127.0.0.1:1","interval_ms":$2,"timeout_ms":200${3:+,$3}}'
		XADD pw:monitors:log * op set name $1
		EXEC
	END
}

monitors_set() { # PREFIX NUMBER INTERVAL_MS
	local i
	for ((i = 0; i < $2; i++)); do
		echo "HSET pw:monitors $1$i '{\"target\":\"127.0.0.1:1\",\"interval_ms\":$3,\"timeout_ms\":200}'"
		echo "XADD pw:monitors:log * op set name $1$i"
	done | rcli >/dev/null
}

now_ms() {
	rcli TIME | { read -r s; read -r us; echo $((s * 1000 + us / 1000)); }
}

# Prints region, monitor, slot, id of all jobs.
slots() {
	"$PYTHON" "$PW_ROOT/tests/flow/job_slots.py" "$REDIS_SOCK" eu us ap
}

# True when monitor m0 has had N slots in region eu.
slots_of_m0() { # N
	[ "$(slots | grep -c '^eu m0 ')" -ge "$1" ]
}

# Whether the slots on standard input are, for each region and monitor, one an interval: none twice, none missing.
gapless() { # INTERVAL_MS
	sort -k1,1 -k2,2 -k3,3n | awk -v interval="$1" '
		$1 == region && $2 == monitor && $3 != last + interval { print "after", last, "comes:", $0; bad = 1 }
		{ region = $1; monitor = $2; last = $3; n++ }
		END { print n, "slots"; exit bad || !n }'
}

# One number of the page, or the sum over labels.
number() { # NAME [LABEL]
	metrics | awk -v name="portwatch_scheduler_$1" -v label="${2:-}" '
		$1 == name || index($0, name "{") == 1 && index($0, label) { sum += $NF }
		END { printf "%d\n", sum }'
}

number_is() { # NAME LABEL OPERATOR NUMBER
	[ "$(number "$1" "$2")" "$3" "$4" ]
}

sum_holds() {
	metrics | awk '
		/^portwatch_scheduler_slots_scheduled_total / { scheduled = $2 }
		/^portwatch_scheduler_slots_total/ { sum += $2 }
		/^portwatch_scheduler_slots_waiting / { sum += $2 }
		END { print scheduled, sum; exit scheduled != sum }'
}

@test "each monitor is due once an interval in each region, and the regions take turns" {
	monitors_set m 40 1500
	scheduler_start one
	wait_for 10 slots_of_m0 3
	slots >"$BATS_TEST_TMPDIR/slots"
	gapless 1500 <"$BATS_TEST_TMPDIR/slots"
	[ "$(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/slots" | sort -u | wc -l)" = 120 ]
	# the id is the slot, a tick of 20 ms; us is 500 ms after eu, ap another 500
	awk '$4 !~ "^" $3 "-[0-9]+$" || $3 % 20 { print; bad = 1 }
		$1 == "eu" { at[$2] = $3 % 1500 }
		$1 == "us" && $3 % 1500 != (at[$2] + 500) % 1500 { print "us", at[$2], $0; bad = 1 }
		$1 == "ap" && $3 % 1500 != (at[$2] + 1000) % 1500 { print "ap", at[$2], $0; bad = 1 }
		END { exit bad }' "$BATS_TEST_TMPDIR/slots"
	# entries are sent when they are due
	metrics | awk '/^portwatch_scheduler_lateness_seconds_bucket.*le="0.5"/ { soon = $2 }
		/^portwatch_scheduler_lateness_seconds_count/ { print soon, "of", $2; exit $2 < 50 || soon != $2 }'
	wait_for 2 sum_holds
	command -v promtool >/dev/null && metrics | promtool check metrics
	rcli GET pw:hb:scheduler:one | grep -E '^at=[0-9]+ version=.* holder=[01] monitors=40 '
}

@test "a change is in force within a second and disturbs nobody else" {
	local changed first
	monitors_set m 20 1000
	scheduler_start one
	wait_for 5 slots_of_m0 1
	changed=$(now_ms)
	monitor_set new 1000
	monitor_set m7 1000 '"regions":["us"]'
	monitor_set m8 1000 '"paused":true'
	rcli HDEL pw:monitors m9 >/dev/null
	rcli XADD pw:monitors:log '*' op del name m9 >/dev/null
	wait_for 5 slots_of_m0 4
	slots >"$BATS_TEST_TMPDIR/slots"
	gapless 1000 <"$BATS_TEST_TMPDIR/slots"
	first=$(awk '$2 == "new" { print $3 }' "$BATS_TEST_TMPDIR/slots" | sort -n | head -n 1)
	[ "$first" -le $((changed + 1000 + 1000 / 3 + 20)) ]
	awk -v from=$((changed + 1000)) '($2 == "m7" && $1 != "us" || $2 == "m8" || $2 == "m9") && $3 > from { print; bad = 1 }
		END { exit bad }' "$BATS_TEST_TMPDIR/slots"
	awk '$2 == "m7" && $1 == "us"' "$BATS_TEST_TMPDIR/slots" | awk -v from=$((changed + 1000)) '$3 > from' | grep -q .
	# what cannot be read is said and changes nothing
	rcli HSET pw:monitors m1 '{"target":"nowhere"}' >/dev/null
	rcli XADD pw:monitors:log '*' op set name m1 >/dev/null
	await_line 5 "$SCHEDULER_PID" 'cannot be used.*monitor m1' "$SCHEDULER_LOG"
	slots_of_m0 1
	wait_for 2 sum_holds
}

@test "kill -9 and restart: no slot twice, none missing" {
	local i
	monitors_set m 30 1000
	scheduler_start one
	wait_for 5 slots_of_m0 1
	for i in 1 2 3; do
		kill -KILL "$SCHEDULER_PID"
		wait "$SCHEDULER_PID" || true
		scheduler_start one
		wait_for 5 slots_of_m0 $((i + 1))
	done
	wait_for 5 slots_of_m0 5
	slots | gapless 1000
	wait_for 2 sum_holds
	[ "$(number missed_total)" = 0 ]
}

@test "of two schedulers one schedules, and the other takes over without a gap" {
	local first
	monitors_set m 30 1000
	scheduler_start one
	first=$SCHEDULER_PID
	wait_for 5 slots_of_m0 1
	scheduler_start two
	await_line 5 "$SCHEDULER_PID" 'monitors loaded' "$SCHEDULER_LOG"
	[ "$(rcli GET pw:lease:scheduler)" = one ]
	kill -TERM "$first"
	await_line 1 "$SCHEDULER_PID" 'msg=scheduling' "$SCHEDULER_LOG"
	wait "$first"
	first=$SCHEDULER_PID
	wait_for 5 slots_of_m0 3
	scheduler_start three
	await_line 5 "$SCHEDULER_PID" 'monitors loaded' "$SCHEDULER_LOG"
	kill -KILL "$first"
	wait "$first" || true
	await_line 11 "$SCHEDULER_PID" 'msg=scheduling' "$SCHEDULER_LOG"
	wait_for 5 slots_of_m0 12
	slots | gapless 1000
	wait_for 2 sum_holds
	[ "$(number missed_total)" = 0 ]
	[ "$(number slots_waiting)" -gt 300 ] # those before it are its own to account for
}

@test "a full Redis is waited for, and what was left out is missed with the reason" {
	monitors_set m 30 1000
	scheduler_start one
	wait_for 5 slots_of_m0 1
	rcli CONFIG SET maxmemory 1 >/dev/null
	await_line 5 "$SCHEDULER_PID" 'redis is full' "$SCHEDULER_LOG"
	wait_for 5 number_is missed_total 'reason="redis is full"' -ge 90
	[ "$(number redis_full)" = 1 ]
	[ "$(number lease_held)" = 1 ]
	rcli CONFIG SET maxmemory 256mb >/dev/null
	await_line 10 "$SCHEDULER_PID" 'takes jobs again' "$SCHEDULER_LOG"
	[ "$(number redis_full)" = 0 ]
	wait_for 2 sum_holds
	wait_for 5 number_is jobs_total '' -ge 150
}

@test "a stream that ends in the future is set back, and nearer ones are waited for" {
	local now
	now=$(now_ms)
	monitors_set m 10 1000
	rcli XADD 'pw:{eu.0}:jobs' $((now + 3600000))-5 v 1 n 3 slot 1 b x >/dev/null
	rcli XGROUP CREATE 'pw:{eu.0}:jobs' engine '$' >/dev/null
	rcli XADD 'pw:{us.0}:jobs' $((now / 20 * 20 + 2000))-0 v 1 n 0 slot 1 b x >/dev/null
	rcli XDEL 'pw:{us.0}:jobs' $((now / 20 * 20 + 2000))-0 >/dev/null
	scheduler_start one
	await_line 5 "$SCHEDULER_PID" 'ended in the future.*stream=pw:.eu.0.:jobs ahead_s=3[56][0-9]+ entries=1 jobs=3' "$SCHEDULER_LOG"
	wait_for 5 slots_of_m0 2
	[ "$(number missed_total 'region="eu",reason="the clock was set"')" = 3 ]
	# the group reads on
	rcli XREADGROUP GROUP engine me COUNT 1 STREAMS 'pw:{eu.0}:jobs' '>' | grep -q "$((now / 1000000))"
	wait_for 5 eval '[ "$(slots | grep -c ^us)" -gt 10 ]'
	[ "$(slots | awk -v from=$((now + 2000)) '$1 == "us" && $3 <= from' | wc -l)" = 0 ]
	wait_for 2 sum_holds
}

@test "a slot is answered by an engine, or missed with the reason" {
	local us missed
	monitors_set m 20 1000
	engine_start --region us
	us=$ENGINE_PID
	engine_start --region eu
	scheduler_start one --expires 1s
	wait_for 8 number_is slots_total 'outcome="answered"' -ge 80
	engine_kill9 "$us"
	wait_for 15 number_is missed_total 'region="us",reason="no engine took it"' -ge 20
	wait_for 5 number_is missed_total 'region="ap",reason="no engine in the region"' -ge 40
	[ "$(number missed_total 'region="eu"')" = 0 ]
	wait_for 2 sum_holds
	missed=$(rcli XRANGE 'pw:{ap.0}:missed' - + COUNT 1)
	grep -x 'no engine in the region' <<<"$missed"
	grep -E '^\["m[0-9]+"' <<<"$missed"
	[ "$(number late_answers_total)" = 0 ]
	[ "$(number slots_waiting)" -lt 800 ]
}
