#!/usr/bin/env bats
# alerts.bats - three regions look, portwatch-alerts decides: what is told, once, and what is not.
# One Redis, three engines and a pusher of jobs for the whole file, on loopback in a namespace of its own; intervals of a second.
# The stories run in the order in which they stand: a region falls silent early on and is told while the others go on.

load lib.bash

: "${PORTWATCH_ALERTS:=${PORTWATCH%/*}/portwatch-alerts}"

setup_file() {
	file_needs netns redis python || return 0
	export ALERTS_DIR=$BATS_FILE_TMPDIR
	netns_make alerts
	redis_start
	rcli SET pw:settings '{"regions":["eu","us","ap"],"shards":2}' >/dev/null
	monitor web 2001
	monitor still 2000
	for i in 2 3 4; do monitor db$i 200$i; done
	monitor switch 2005
	monitor leaf 2006 ',"parents":["switch"]'
	monitor twig 2008 ',"parents":["switch"]' # in the other shard than its parent
	monitor desk 2007
	monitor canary 2009 ',"canary":"down"' # nothing listens there
	monitor shut 2010 ',"expect":"closed"' # nor there
	for port in 2000 2001 2002 2003 2004 2005 2006 2007 2008; do port_open "$port"; done
	dead_man_start
	for region in eu us ap; do engine_of "$region"; done
	alerts_start a1 --metrics 127.0.0.1:0
	pusher_start
	wait_for 15 all_are up
}

setup() {
	skip_if_lacking
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

# ---- what runs

# Puts a monitor on 127.0.0.1:PORT into Redis.
monitor() { # NAME PORT [MEMBERS]
	rcli HSET pw:monitors "$1" "{\"target\":\"127.0.0.1:$2\",\"interval_ms\":1000,\"timeout_ms\":500${3:-}}" >/dev/null
	rcli XADD pw:monitors:log '*' op set name "$1" >/dev/null
}

# Runs COMMAND with its processes belonging to the file and not to the test.
for_the_file() {
	BATS_TEST_TMPDIR=$ALERTS_DIR "$@"
}

# Listens on PORT until port_close.
port_open() { # PORT
	local out=$ALERTS_DIR/port$1
	: >"$out"
	become_in_ns "$PYTHON" -c '
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(100); print("ready", flush=True)
while True: s.accept()[0].close()' "$1" >"$out" 2>&1 3>&- &
	echo $! >"$ALERTS_DIR/port$1.pid"
	for_the_file note_process $!
	await_line 10 $! '^ready$' "$out"
}

port_close() { # PORT
	local pid
	pid=$(cat "$ALERTS_DIR/port$1.pid")
	kill -KILL "$pid"
	await_exit "$pid" 5
}

engine_of() { # REGION
	local log=$ALERTS_DIR/engine.$1
	: >"$log"
	become_in_ns "$PORTWATCH_ENGINE" --region "$1" --shards 0-1 --consumer "e-$1" --redis "$REDIS_URL" >/dev/null 2>"$log" 3>&- &
	echo $! >"$log.pid"
	for_the_file note_process $!
	await_line 10 $! 'msg=ready' "$log" || { cat "$log" >&2; return 1; }
}

engine_end() { # REGION
	local pid
	pid=$(cat "$ALERTS_DIR/engine.$1.pid")
	kill -KILL "$pid"
	await_exit "$pid" 5
}

alerts_start() { # NAME ARGS...
	local log=$ALERTS_DIR/alerts.$1
	touch "$log"
	become_in_ns "$PORTWATCH_ALERTS" --redis "$REDIS_URL" --monitors "$ALERTS_DIR/monitors.yaml" --name "$@" >>"$log" 2>&1 3>&- &
	echo $! >"$log.pid"
	for_the_file note_process $!
	await_line 10 $! 'msg=ready' "$log" || { cat "$log" >&2; return 1; }
}

# Listens for the dead man's calls and writes the file of monitors that names it.
dead_man_start() {
	local out=$ALERTS_DIR/dead_man port
	: >"$out"
	become_in_ns "$PYTHON" -u -c '
from http.server import *
class Sink(BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); print("called", self.path, flush=True)
    def log_message(self, *a): pass
s = HTTPServer(("127.0.0.1", 0), Sink); print("port", s.server_port, flush=True); s.serve_forever()' >"$out" 2>&1 3>&- &
	for_the_file note_process $!
	await_line 10 $! '^port' "$out" || return
	port=$(sed -n 's/^port //p' "$out")
	cat >"$ALERTS_DIR/monitors.yaml" <<-END
		regions: [eu, us, ap]
		monitors:
		  - {name: web, target: "127.0.0.1:2001"}
		dead_man: {url: "http://127.0.0.1:$port/alive", every: 10s}
	END
}

alerts_kill9() { # NAME
	local pid
	pid=$(cat "$ALERTS_DIR/alerts.$1.pid")
	kill -KILL "$pid"
	await_exit "$pid" 5
}

# Pushes a job for each monitor into every region, every second, until it is ended: a scheduler's work, without its care.
pusher_start() {
	become_in_ns bash -c '
		while :; do
			for region in eu us ap; do
				for shard in 0 1; do
					printf "%s 127.0.0.1:%s\n" still 2000 web 2001 db2 2002 db3 2003 db4 2004 \
						switch 2005 leaf 2006 twig 2008 desk 2007 canary 2009 shut 2010 |
						"$PORTWATCH" jobs push --region $region --shard $shard --redis "$REDIS_URL" -t 500ms -f - 2>/dev/null
				done
				sleep 0.3
			done
		done' >/dev/null 2>&1 3>&- &
	for_the_file note_process $!
}

# ---- what is seen

# Prints the events of both shards as "type monitor incident resolved told", oldest first; outbox: those that are to be told.
events() { # [events|outbox]
	local shard
	for shard in 0 1; do
		rcli --json XRANGE "pw:{alerts.$shard}:${1:-events}" - + | jq -r '.[] | .[0] as $id | .[1] | . as $f |
			[range(0; length; 2) | {key: $f[.], value: $f[. + 1]}] | from_entries |
			"\($id) \(.type) \(if .monitor == "" then "-" else .monitor end) \(.incident | gsub(" "; "_")) \(.resolved) \(.told // "1")"'
	done | sort | cut -d' ' -f2-
}

# The same for people: why the newest event of TYPE and MONITOR was not told.
why_not() { # TYPE MONITOR
	local shard
	for shard in 0 1; do
		rcli --json XREVRANGE "pw:{alerts.$shard}:events" + - | jq -r --arg t "$1" --arg m "$2" '.[] | .[1] | . as $f |
			[range(0; length; 2) | {key: $f[.], value: $f[. + 1]}] | from_entries | select(.type == $t and .monitor == $m) | .why_not'
	done | head -n 1
}

count() { # REGEX [events|outbox]
	events "${2:-events}" | grep -cE "$1"
}

seen() { # REGEX
	[ "$(count "$1")" -ge "${2:-1}" ]
}

# Prints a field of the newest event of TYPE and MONITOR.
event_field() { # TYPE MONITOR JQ
	local shard
	for shard in 0 1; do
		rcli --json XREVRANGE "pw:{alerts.$shard}:events" + - | jq -rc --arg t "$1" --arg m "$2" '.[] | .[1] | . as $f |
			[range(0; length; 2) | {key: $f[.], value: $f[. + 1]}] | from_entries | select(.type == $t and .monitor == $m) |
			.b | fromjson | '"$3"
	done | head -n 1
}

state_of() { # MONITOR
	{ rcli HGET 'pw:{alerts.0}:state' "$1"; rcli HGET 'pw:{alerts.1}:state' "$1"; } | jq -r .state 2>/dev/null
}

state_is() { # MONITOR STATE
	[ "$(state_of "$1")" = "$2" ]
}

all_are() { # STATE
	for name in web still db2 db3 db4 switch leaf twig desk; do state_is "$name" "$1" || return 1; done
}

holders() {
	rcli MGET pw:lease:alerts:0 pw:lease:alerts:1 | sort | tr '\n' ' '
}

holders_are() {
	[ "$(holders)" = "$1" ]
}

# ---- the stories

@test "a port that closes is told once, with the scope service, to the outbox too" {
	port_close 2001
	wait_for 10 seen '^monitor.down web web/1 0 1$'
	[ "$(event_field monitor.down web .data.scope)" = service ]
	[ "$(event_field monitor.down web .data.verdict)" = closed ]
	[ "$(event_field monitor.down web '.data.regions | map(.region) | sort | join(" ")')" = "ap eu us" ]
	event_field monitor.down web .data
	event_field monitor.down web .data.summary | grep -qE '^web \(127.0.0.1:2001\) is DOWN: closed, from all (3 regions|that have looked \(.*\)) since '
	[ "$(count 'monitor.down web' outbox)" = 1 ]
}

@test "who asks why is answered" {
	local answer
	for shard in 0 1; do rcli XADD "pw:{alerts.$shard}:ask" '*' monitor web reply "answer:$shard" >/dev/null; done
	answer=$(for shard in 0 1; do rcli BLPOP "answer:$shard" 5 | tail -n 1; done | jq -c 'select(.error | not)')
	jq -e '.state == "down" and .target == "127.0.0.1:2001" and (.regions | length) == 3 and .arithmetic != "" and .parents == []' <<<"$answer"
}

@test "the same port open again is told as the end of that incident" {
	port_open 2001
	wait_for 30 seen '^monitor.up web web/1 1 1$'
	[ "$(count 'monitor.* web' outbox)" = 2 ]
}

@test "a port that must not answer is told when it does, and when it does no longer" {
	wait_for 5 state_is shut up
	port_open 2010
	wait_for 10 seen '^monitor.down shut shut/1 0 1$'
	[ "$(event_field monitor.down shut .data.verdict)" = open ]
	event_field monitor.down shut .data.summary |
		grep -qE '^shut \(127.0.0.1:2010\) is OPEN, and must not be, from (all 3 regions|all that have looked \(.*\)) since '
	port_close 2010
	wait_for 30 seen '^monitor.up shut shut/1 1 1$'
	event_field monitor.up shut .data.summary | grep -qE '^shut \(127.0.0.1:2010\) is closed again after .* \(was: open\)$'
}

@test "an always-down canary is down and not told, and while it is the dead man's URL is called" {
	[ "$(why_not monitor.down canary)" = "a canary that is meant to be down" ]
	[ "$(count canary outbox)" = 0 ]
	wait_for 5 grep -q '^called /alive$' "$ALERTS_DIR/dead_man"
}

@test "what is in maintenance or behind a parent that is down is decided and not told" {
	rcli SET pw:settings "$(jq -nc --argjson now "$(date +%s000)" '{regions: ["eu", "us", "ap"], shards: 2, maintenance: [
		{monitors: ["desk"], from_ms: ($now - 1000), until_ms: ($now + 600000), why: "new disks"}]}')" >/dev/null
	rcli XADD pw:monitors:log '*' op settings >/dev/null
	sleep 1 # a change is in force within a second
	port_close 2005
	port_close 2006
	port_close 2007
	wait_for 10 seen '^monitor.down leaf leaf/1 0 0$'
	wait_for 10 seen '^monitor.down desk desk/1 0 0$'
	wait_for 10 seen '^monitor.down switch switch/1 0 1$'
	[ "$(why_not monitor.down leaf)" = "its parent switch is down" ]
	[ "$(why_not monitor.down desk)" = "maintenance: new disks" ]
	[ "$(count ' (leaf|desk) ' outbox)" = 0 ]
}

@test "two processes share the shards, and one takes over from the other within 15 s" {
	engine_end ap # for the next story
	date +%s >"$ALERTS_DIR/silent_since"
	alerts_start a2 --metrics 127.0.0.1:0
	wait_for 15 holders_are "a1 a2 "
	port_close 2008 # whose parent is the other process's
	wait_for 10 seen '^monitor.down twig twig/1 0 0$'
	[ "$(why_not monitor.down twig)" = "its parent switch is down" ]
	alerts_kill9 a1
	wait_for 15 holders_are "a2 a2 "
}

@test "a region whose engines are gone is told within 30 s and brings nobody down" {
	local at_ms since
	wait_for 30 seen '^system.problem - region_ap/[0-9]+ 0 1$'
	since=$(cat "$ALERTS_DIR/silent_since")
	at_ms=$(rcli --json XRANGE 'pw:{alerts.0}:events' - + |
		jq -r '[.[] | select(.[1] | tostring | contains("region ap"))][0][0] | split("-")[0]')
	[ $((at_ms / 1000 - since)) -le 31 ] # whole seconds
	[ "$(rcli HGET 'pw:{alerts.0}:state' @region:ap | jq -r .state)" = silent ]
	[ "$(count ' still ')" = 0 ]
}

# Kills a2 after a while and starts it again.
alerts_stumbles() {
	sleep "0.$((RANDOM % 90 + 10))"
	alerts_kill9 a2
	alerts_start a2 --metrics 127.0.0.1:0
}

@test "killed at any point it tells every incident once" {
	local seed=${ALERTS_SEED:-$RANDOM} i
	RANDOM=$seed
	echo "ALERTS_SEED=$seed"
	for i in 2 3 4; do
		port_close 200$i
		alerts_stumbles
		alerts_stumbles
	done
	wait_for 15 seen '^monitor.down db[234] ' 3 || { events; return 1; }
	for i in 2 3 4; do
		port_open 200$i
		alerts_stumbles
	done
	wait_for 30 seen '^monitor.up db[234] ' 3 || { events; return 1; }
	for i in 2 3 4; do
		diff <(events | grep " db$i ") <(printf '%s\n' "monitor.down db$i db$i/1 0 1" "monitor.up db$i db$i/1 1 1")
	done
	diff <(events outbox | grep ' db ') <(events | grep ' db ')
	[ "$(count '^system.problem - region_ap')" = 1 ] # not told again by those who came later
}

@test "without any engine everything is unknown, never down" {
	local downs
	downs=$(count '^monitor.down')
	engine_end eu
	engine_end us
	wait_for 20 state_is web unknown
	wait_for 40 seen '^monitor.unknown still still/[0-9]+ 0 0$' # the engines are told of once, not each monitor
	wait_for 5 seen '^monitor.unknown db2 db2/[0-9]+ 0 0$'
	[ "$(event_field monitor.unknown still .data.page)" = false ]
	[ "$(count '^monitor.down')" = "$downs" ] || { events; return 1; }
}

@test "a monitor that is removed or paused leaves no incident open" {
	rcli HDEL pw:monitors switch >/dev/null
	rcli XADD pw:monitors:log '*' op del name switch >/dev/null
	wait_for 5 seen '^monitor.up switch switch/1 1 1$'
	event_field monitor.up switch .data.summary | grep -q 'is not watched any more: the monitor was removed'
	[ "$(state_of switch)" = "" ]
	monitor db2 2002 ',"paused":true'
	wait_for 5 seen '^monitor.unknown db2 db2/[0-9]+ 1 0$'
	event_field monitor.unknown db2 .data.summary | grep -q 'is not watched any more: the monitor is paused'
	state_is db2 new # and nothing more
}

@test "its metrics pass promtool" {
	command -v promtool >/dev/null || skip "promtool is not installed"
	local port
	port=$(grep -oE 'metrics_port=[0-9]+' "$ALERTS_DIR/alerts.a2" | tail -n 1 | cut -d= -f2)
	in_ns curl -sSf --max-time 5 "http://127.0.0.1:$port/metrics" >"$ALERTS_DIR/metrics"
	promtool check metrics <"$ALERTS_DIR/metrics"
	grep -qx 'portwatch_alerts_region_silent{region="ap"} 1' "$ALERTS_DIR/metrics"
	grep -qx 'portwatch_alerts_shards 2' "$ALERTS_DIR/metrics"
	[ "$(sed -n 's/^portwatch_alerts_dead_man_calls_total{outcome="withheld"} //p' "$ALERTS_DIR/metrics")" -gt 0 ]
}

@test "told to leave it gives its shards back" {
	local pid
	pid=$(cat "$ALERTS_DIR/alerts.a2.pid")
	kill -TERM "$pid"
	await_exit "$pid" 10
	holders_are "  " || [ -z "$(holders | tr -d ' ')" ]
}
