#!/usr/bin/env bats
# regions.bats - five regions, each in a namespace of its own, look through a router at a scripted peer: what is wrong with a
# target, with a path, with a prober is told by its own word and scope, and nothing else is told.
# Redis, scheduler, engines and portwatch-alerts are real; intervals of a second.  The router's nft rules are the trouble.
# The stories run in the order in which they stand; each says all that came into the outbox since the one before it.

load lib.bash

: "${PORTWATCH_ALERTS:=${PORTWATCH%/*}/portwatch-alerts}"
: "${PORTWATCH_SCHEDULER:=${PORTWATCH%/*}/portwatch-scheduler}"

setup_file() {
	file_needs netns tun nft redis python || return 0
	export DIR=$BATS_FILE_TMPDIR
	echo 0 >"$DIR/mark"
	netns_make regions # the router; the peer's device is in it, too
	in_ns sysctl -qw net.ipv4.ip_forward=1
	peer_start 1000-1099=open 1100=open,after=250ms 1101=reset 1102=open,drop=1
	redis_start
	for n in 1 2 3 4 5; do region_make $n; done
	trouble "" ""
	write_file
	in_ns "$PORTWATCH" monitors apply -f "$DIR/monitors.yaml" --redis "$REDIS_URL" >/dev/null
	for n in 1 2 3 4 5; do engine_of r$n; done
	program scheduler become_in_ns "$PORTWATCH_SCHEDULER" --redis "$REDIS_URL" --name s
	program alerts become_in_ns "$PORTWATCH_ALERTS" --redis "$REDIS_URL" --name a
	wait_for 15 all_are up
	flapper_start
}

setup() { skip_if_lacking; }
teardown_file() { cleanup_all; }

# ---- what runs

# A namespace rN behind the router's device rN.
region_make() { # N
	namespace_add "$PW_NS-r$1"
	in_ns ip link add "r$1" type veth peer name far netns "$PW_NS-r$1"
	in_ns ip addr add "10.77.$1.1/24" dev "r$1"
	in_ns ip link set "r$1" up
	enter "$PW_NS-r$1" ip addr add "10.77.$1.2/24" dev far
	enter "$PW_NS-r$1" ip link set far up
	enter "$PW_NS-r$1" ip route add default via "10.77.$1.1"
}

# Starts COMMAND, whose log is DIR/NAME, and waits until it is ready.
program() { # NAME BECOME COMMAND...
	: >"$DIR/$1"
	"${@:2}" >"$DIR/$1" 2>&1 3>&- &
	echo $! >"$DIR/$1.pid"
	BATS_TEST_TMPDIR=$DIR note_process $!
	await_line 10 $! msg=ready "$DIR/$1" || { cat "$DIR/$1" >&2; return 1; }
}

engine_of() { # REGION
	PW_NS=$PW_NS-$1 program "$1" become_in_ns "$PORTWATCH_ENGINE" --region "$1" --shards 0-63 --consumer "e-$1" --slots 64 \
		--redis "$REDIS_URL"
}

kill9() { # NAME...
	local name pid
	for name in "$@"; do
		pid=$(cat "$DIR/$name.pid")
		kill -KILL "$pid"
		await_exit "$pid" 5
	done
}

# A monitor is called what will happen to it.
write_file() { # [MAINTENANCE]
	cat >"$DIR/monitors.yaml" <<-END
		regions: [r1, r2, r3, r4, r5]
		defaults: {interval: 1s, timeout: 400ms}
		monitors:
		  - {name: closed, target: "198.18.7.7:1000", labels: {team: core}, runbook: "https://wiki/closed"}
		  - {name: filtered, target: "198.18.7.7:1001"}
		  - {name: rejected, target: "198.18.7.7:1002"}
		  - {name: reset, target: "198.18.7.7:1003", settle: 50ms}
		  - {name: slow, target: "198.18.7.7:1004", slow: 100ms}
		  - {name: lossy, target: "198.18.7.7:1005", interval: 2s, timeout: 1500ms, regions: [r1, r2, r3]}
		  - {name: partial, target: "198.18.7.7:1006"}
		  - {name: pair, target: "198.18.7.7:1007", regions: [r4, r5]}
		  - {name: window, target: "198.18.7.7:1008"}
		  - {name: passing, target: "198.18.7.7:1009"}
		  - {name: flapping, target: "198.18.7.7:1010", regions: [r1, r2, r3]}
		  - {name: steady, target: "198.18.7.7:1011"}
		  - {name: stays, target: "198.18.7.7:1012"}
		  - {name: canary, target: "198.18.7.7:1020", canary: up}
		${1:-}
	END
}

# Sets the router's rules: of the forward chain, and of what is sent to another port of the peer.
trouble() { # FORWARD REDIRECT
	in_ns nft -f - <<-END
		table ip trouble
		delete table ip trouble
		table ip trouble {
			chain to { type nat hook prerouting priority -100; $2
			}
			chain through { type filter hook forward priority 0; $1
			}
		}
	END
}

# Opens and closes the port of the flapping one as soon as the one before is decided.
flapper_start() {
	in_ns nft -f - <<-END
		table ip flapper { chain through { type filter hook forward priority 1; }
		}
	END
	become_in_ns bash -c '
		state() { redis-cli -s "$REDIS_SOCK" HGET "$KEY" flapping; }
		until [ -e "$DIR/rest" ]; do
			if [[ $(state) == *\"state\":\"down\"* ]]; then
				nft flush chain ip flapper through
			elif [ -z "$(nft list chain ip flapper through | grep 1010)" ]; then
				nft add rule ip flapper through tcp dport 1010 reject with tcp reset
			fi
			sleep 0.2
		done
		nft flush chain ip flapper through' >/dev/null 2>&1 3>&- &
	note_process $!
}

# ---- what is seen

# The fields of what came into the outbox, oldest first, one JSON object an entry.
outbox() {
	rcli --json XRANGE "$KEY_OUTBOX" - + | jq -c '.[] | .[1] | . as $f | [range(0; length; 2) | {key: $f[.], value: $f[. + 1]}] |
		from_entries | .b |= fromjson'
}

# What was told of monitors since the last story, as "type monitor verdict scope resolved page", in the order of monitors.
told() {
	outbox | tail -n "+$(($(cat "$DIR/mark") + 1))" | jq -r 'select(.monitor != "" and .monitor != "flapping") |
		"\(.type) \(.monitor) \(.b.data.verdict) \(.b.data.scope) \(.resolved) \(.page)"' | sort -k2,2 -s
}

lines_told() {
	[ "$(told | wc -l)" -ge "$1" ]
}

# Waits until as many are told as stand on standard input, and compares; the next story begins here.
tells() { # SECONDS
	local expected
	expected=$(sort -k2,2 -s)
	wait_for "$1" lines_told "$(grep -c . <<<"$expected")" || true
	diff <(told) <(echo "$expected" | grep .) || { outbox | jq -r .b.data.summary | tail -n 20; return 1; }
	outbox | wc -l >"$DIR/mark"
}

# Portwatch's own problems, as "component resolved page"; all there ever were.
problems() {
	outbox | jq -r 'select(.type == "system.problem") | "\(.b.data.component) \(.resolved) \(.page): \(.b.data.summary)"'
}

has_problem() { # REGEX
	problems | grep -qE "$1"
}

state_is() { # MONITOR STATE
	[ "$(rcli HGET "$KEY" "$1" | jq -r .state)" = "$2" ]
}

all_are() { # STATE
	for name in closed filtered rejected reset slow lossy partial pair window passing steady stays; do
		state_is $name "$1" || return 1
	done
}

export KEY='pw:{alerts.0}:state' KEY_OUTBOX='pw:{alerts.0}:outbox'

# ---- the stories

@test "closed, filtered, rejected, reset, slow and lossy are each told by that word, and whether by all regions or by most" {
	trouble '
		tcp dport 1000 reject with tcp reset
		tcp dport 1001 drop
		tcp dport 1002 reject with icmp type port-unreachable
		iifname { r1, r2, r3 } tcp dport 1006 reject with tcp reset' '
		tcp dport 1003 dnat to 198.18.7.7:1101
		tcp dport 1004 dnat to 198.18.7.7:1100
		tcp dport 1005 dnat to 198.18.7.7:1102'
	tells 15 <<-END
		monitor.down closed closed service 0 1
		monitor.down filtered filtered service 0 1
		monitor.down partial closed partial 0 1
		monitor.down rejected rejected service 0 1
		monitor.down reset reset service 0 1
		monitor.degraded lossy lossy service 0 0
		monitor.degraded slow slow service 0 0
	END
	outbox | jq -se 'map(select(.monitor == "closed"))[0].b | (keys == ["data", "timestamp", "type"]) and (.data |
		.target == "198.18.7.7:1000" and .runbook == "https://wiki/closed" and .labels == {"team": "core"} and .duration_s == 0 and
		.confirmed_after_ms >= 0 and (.since | test("^20.*Z$")) and ([.regions[].region] | sort) == ["r1", "r2", "r3", "r4", "r5"] and
		(.regions | all(.class == "down" and .verdict == "closed" and .errno == 111 and .address == "198.18.7.7" and
			has("rtt_us") and has("syn_retrans"))))'
}

@test "each that was told is told to be over, once, in the same incident" {
	trouble
	tells 20 <<-END
		monitor.up closed closed service 1 1
		monitor.up filtered filtered service 1 1
		monitor.up partial closed partial 1 1
		monitor.up rejected rejected service 1 1
		monitor.up reset reset service 1 1
		monitor.degraded lossy lossy service 1 0
		monitor.degraded slow slow service 1 0
	END
	outbox | jq -se 'map(select(.monitor != "flapping")) | group_by(.incident) | length == 7 and
		all(length == 2 and .[0].resolved == "0" and .[1].resolved == "1" and .[1].b.data.duration_s > 0)'
	all_are up
}

@test "one region whose path is cut is a path issue, named, and nobody is paged" {
	trouble 'iifname r5 tcp dport 1000-1019 drop'
	tells 20 <<-END
		$(for name in closed filtered rejected reset slow partial pair window passing steady stays; do
			echo "monitor.path $name filtered path 0 0"; done)
	END
	outbox | jq -se '.[-1].b.data.summary | test("PATH ISSUE, not reached from r5")'
	trouble
	tells 20 <<-END
		$(for name in closed filtered rejected reset slow partial pair window passing steady stays; do
			echo "monitor.path $name filtered path 1 0"; done)
	END
}

@test "a region that does not reach its canary either is quarantined, and what it sees is told of no monitor" {
	trouble 'iifname r5 tcp dport 1020 drop'
	wait_for 20 has_problem '^region r5 0 0: .*quarantined.* canaries fail only from there'
	trouble 'iifname r5 drop
		tcp dport 1012 reject with tcp reset'
	tells 10 <<<"monitor.down stays closed service 0 1"
	kill9 r5 # it falls silent, for the stories below
	date +%s%3N >"$DIR/killed_ms"
	trouble 'tcp dport 1012 reject with tcp reset'
}

@test "what is down in a maintenance window is told when the window ends, and only if it still is" {
	local now_s
	now_s=$(date +%s)
	write_file "maintenance: [{monitors: [window, passing], from: \"$(date -u -d @$((now_s - 1)) +%FT%TZ)\", for: 7s, why: disks}]"
	in_ns "$PORTWATCH" monitors apply -f "$DIR/monitors.yaml" --redis "$REDIS_URL" >/dev/null
	sleep 1 # a change is in force within a second
	trouble 'tcp dport { 1008, 1009, 1012 } reject with tcp reset'
	wait_for 5 state_is window down
	wait_for 5 state_is passing down
	trouble 'tcp dport { 1008, 1012 } reject with tcp reset'
	wait_for 5 state_is passing up
	tells 12 <<<"monitor.down window closed service 0 1"
	[ "$(date +%s)" -ge $((now_s + 6)) ]
	trouble 'tcp dport 1012 reject with tcp reset'
	tells 10 <<<"monitor.up window closed service 1 1"
}

@test "a flapping target is told to flap, once, and its ups and downs no more" {
	wait_for 20 changes_untold
	touch "$DIR/rest"
	outbox | jq -r 'select(.monitor == "flapping") | "\(.type) \(.incident) \(.resolved) \(.page)"' >"$DIR/flaps"
	diff "$DIR/flaps" - <<-END
		monitor.down flapping/1 0 1
		monitor.up flapping/1 1 1
		monitor.down flapping/2 0 1
		monitor.up flapping/2 1 1
		monitor.flapping flapping/3 0 1
	END
}

# It was down once more since it was told to flap, which was decided and not told.
changes_untold() {
	rcli XRANGE 'pw:{alerts.0}:events' - + | grep -qx flapping/4
}

@test "a region without an engine is told within 30 s, pages nobody, and what it alone could confirm is unknown" {
	local at_ms
	wait_for 30 has_problem '^region r5 0 0: .*no engine has answered'
	at_ms=$(outbox | jq -r 'select(.type == "system.problem" and (.b.data.problem | test("no engine"))) | .b.timestamp' |
		xargs -I{} date -d {} +%s%3N)
	[ $((at_ms - $(cat "$DIR/killed_ms"))) -le 30000 ]
	wait_for 10 state_is pair unknown
	trouble 'tcp dport { 1000, 1007, 1012 } reject with tcp reset' # pair is down, as far as r4 can see
	tells 10 <<<"monitor.down closed closed service 0 1"
	outbox | jq -se 'map(select(.monitor == "closed"))[-1].b.data | (.summary | test("closed, from all that have looked .r1, r2, r3 and r4. ")) and
		(.regions | map(has("abstains")) == [false, false, false, false, true])'
	trouble
	tells 10 <<-END
		monitor.up closed closed service 1 1
		monitor.up stays closed service 1 1
	END
	state_is pair unknown
}

@test "without any engine all is unknown, never down nor up; what was down is paired when they are back" {
	trouble 'tcp dport { 1006, 1012 } reject with tcp reset'
	tells 10 <<-END
		monitor.down partial closed service 0 1
		monitor.down stays closed service 0 1
	END
	kill9 r1 r2 r3 r4
	trouble 'tcp dport 1012 reject with tcp reset'
	wait_for 15 all_are unknown # that is ours, and told as such (r5): not of each monitor
	for n in 1 2 3 4 5; do engine_of r$n; done
	tells 20 <<<"monitor.up partial closed service 1 1"
	wait_for 10 state_is steady up
	state_is stays down
}

@test "portwatch's own problems were told once each, with their ends, and paged nobody" {
	wait_for 10 has_problem '^region r5 1 0: .*no engine'
	problems >"$DIR/problems" # the quarantine ends 30 s after its cause, which need not be now
	[ "$(grep -c '^region r5 0 0: ' "$DIR/problems")" = 2 ]
	[ "$(grep -vcE '^region r5 [01] 0: ' "$DIR/problems")" = 0 ] || { cat "$DIR/problems"; return 1; }
	tells 0 </dev/null
}
