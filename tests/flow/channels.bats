#!/usr/bin/env bats
# channels.bats - what stands in the outbox is told over the channels: each event at least once, in order within a
# monitor, and one channel's trouble is no other's.
# One namespace, Redis and scripted receiver for the file; each test has channels (notify-driver) of its own.

load lib.bash
: "${NOTIFY_DRIVER:=$(dirname "$PORTWATCH")/tests/notify-driver}"

SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
SINK=http://127.0.0.1:8080
OUTBOX='pw:{alerts.0}:outbox'

setup_file() {
	file_needs netns redis python || return 0
	netns_make channels
	redis_start
	export RECORD=$BATS_FILE_TMPDIR/record
	: >"$RECORD"
	start_ready sink become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/notify_sink.py" http 8080 "$RECORD"
	export SINK_PID=$STARTED_PID
}

setup() {
	skip_if_lacking
	rcli FLUSHALL >/dev/null
	: >"$RECORD"
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

# ---------------------------------------------------------------- the channels

# Starts notify-driver with these arguments and waits until its groups are made.
channels_start() {
	start_ready driver become_in_ns "$NOTIFY_DRIVER" "$REDIS_URL" "$@" || return
	DRIVER_PID=$STARTED_PID DRIVER_LOG=$STARTED_OUT.err
}

# event_add MONITOR KIND [RESOLVED] [PAGE] [SHARD]: puts one into the outbox; its id is MONITOR-KIND-RESOLVED.
event_add() {
	local resolved=${3:-0} status=firing
	[ "$resolved" = 0 ] || status=resolved
	rcli XADD "pw:{alerts.${5:-0}}:outbox" '*' id "evt_$1-$2-$resolved" type "monitor.$2" monitor "$1" \
		incident "$1/1" page "${4:-1}" resolved "$resolved" b '{"type":"monitor.'"$2"'",
		"timestamp":"'"${NOW:-2026-11-25T14:00:09Z}"'","data":{"monitor":"'"$1"'",
		"target":"198.51.100.7:5432","verdict":"closed","scope":"service","since":"2026-11-25T14:00:00Z",
		"confirmed_after_ms":300,"regions":[
		{"region":"eu","class":"down","verdict":"closed","rtt_us":3100,"address":"198.51.100.7","errno":111},
		{"region":"us","class":"down","verdict":"closed","rtt_us":81000,"address":"198.51.100.7","errno":111}],
		"labels":{"team":"core"},"runbook":"https://wiki/pg","incident":"'"$1"'/1","status":"'$status'","page":true,
		"summary":"'"$1"' (198.51.100.7:5432) is '"${2^^}"'"}}' >/dev/null
}

# Puts the DOWN of N monitors m1, m2, ... into the outbox in one transaction.
events_at_once() { # N
	local i
	{
		echo MULTI
		for ((i = 1; i <= $1; i++)); do
			echo "XADD $OUTBOX * id e$i type monitor.down monitor m$i incident m$i/1 page 1 resolved 0 b '{}'"
		done
		echo EXEC
	} | rcli >/dev/null
}

# Waits until N requests have come in to PATH (or to all), 10 s at most.
await_requests() { # N [PATH]
	wait_for 10 requests_are "$1" "${2:-}" || { cat "$RECORD" "$DRIVER_LOG" >&2; return 1; }
}

requests_are() {
	[ "$(grep -c "\"path\": \"${2:-/}" "$RECORD")" -ge "$1" ]
}

# The ids that came in to PATH, in their order.
ids_of() {
	jq -r --arg path "$1" 'select(.path == $path) | .headers["webhook-id"]' "$RECORD"
}

# True when group notify:NAME has read all and has nothing pending.
all_acknowledged() {
	rcli XINFO GROUPS "${2:-$OUTBOX}" | awk -v name="notify:$1" '
		last == "name" { is = $0 == name }
		is && last == "pending" { pending = $0 } is && last == "lag" { lag = $0 } { last = $0 }
		END { exit !(pending == "0" && lag == "0") }'
}

answers() { # PATH ANSWER,ANSWER
	in_ns curl -sSf -X PUT -d "$2" "$SINK/$1"
}

# ---------------------------------------------------------------- webhook

@test "a webhook gets the event as it is, with an id, the time and a signature that can be verified" {
	channels_start webhook hook "url=$SINK/hook" "secret=$SECRET whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	event_add pg down
	await_requests 1 /hook
	wait_for 5 all_acknowledged hook
	rcli --json XRANGE "$OUTBOX" - + >"$BATS_TEST_TMPDIR/entries"
	"$PYTHON" - "$RECORD" <<-END
		import base64, hashlib, hmac, json, sys, time
		r = json.loads(open(sys.argv[1]).readline())
		h = r["headers"]
		assert h["content-type"] == "application/json" and h["webhook-id"] == "evt_pg-down-0"
		assert abs(int(h["webhook-timestamp"]) - time.time()) < 10
		assert json.loads(r["body"])["data"]["monitor"] == "pg"
		signatures = h["webhook-signature"].split()
		signed = f'{h["webhook-id"]}.{h["webhook-timestamp"]}.{r["body"]}'.encode()
		for got, key in zip(signatures, ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "A" * 32]):
		    mac = hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()
		    assert got == "v1," + base64.b64encode(mac).decode(), got
		assert len(signatures) == 2
	END
}

@test "an UP waits for its DOWN, which is tried again with the same id, and other monitors go on" {
	answers order 500,200
	channels_start --schedule "0s 400ms 400ms" webhook hook "url=$SINK/order"
	event_add a down
	await_requests 1 /order
	event_add a up 1
	event_add b down
	await_requests 4 /order
	ids_of /order | diff - <(printf '%s\n' evt_a-down-0 evt_b-down-0 evt_a-down-0 evt_a-up-1)
	wait_for 5 all_acknowledged hook
}

@test "a channel that hangs delays no other" {
	answers hang hang
	channels_start --wait 0 webhook slow "url=$SINK/hang" -- webhook fast "url=$SINK/fast"
	event_add a down
	await_requests 1 /hang
	for i in 1 2 3 4 5; do event_add "b$i" down; done
	await_requests 6 /fast
	[ "$(ids_of /hang)" = evt_a-down-0 ]
	run ! all_acknowledged slow
	wait_for 5 all_acknowledged fast
	# and the end of the process waits for it no longer than it was told to
	end_process "$DRIVER_PID" 5
	run ! is_running "$DRIVER_PID"
}

@test "what was delivered and not acknowledged when the process was killed comes again with the same id" {
	local pidfile=$BATS_TEST_TMPDIR/pid
	answers killer "kill:$pidfile,200"
	channels_start webhook hook "url=$SINK/killer"
	echo "$DRIVER_PID" >"$pidfile"
	event_add a down
	await_exit "$DRIVER_PID" 10
	event_add a up 1
	channels_start webhook hook "url=$SINK/killer"
	await_requests 3 /killer
	ids_of /killer | diff - <(printf '%s\n' evt_a-down-0 evt_a-down-0 evt_a-up-1)
	wait_for 5 all_acknowledged hook
}

@test "410 disables a channel; what it was not told stands in the stream undelivered" {
	answers gone 410
	channels_start webhook hook "url=$SINK/gone"
	event_add a down
	event_add b down
	event_add c down
	wait_for 10 all_acknowledged hook
	[ "$(ids_of /gone)" = evt_a-down-0 ]
	rcli --json XRANGE 'pw:{alerts.0}:undelivered' - + | tr -d '\n' |
		grep -q 'hook.*disabled.*HTTP 410.*evt_a-down-0.*evt_b-down-0.*evt_c-down-0'
	grep -q 'disabled until a restart' "$DRIVER_LOG"
}

@test "after the last try an event is given up, and not lost silently" {
	answers broken 500
	channels_start --metrics --schedule "0s 50ms 50ms" webhook hook "url=$SINK/broken"
	event_add a down
	wait_for 10 all_acknowledged hook
	await_requests 3 /broken
	[ "$(rcli XLEN 'pw:{alerts.0}:undelivered')" = 1 ]
	rcli XRANGE 'pw:{alerts.0}:undelivered' - + | grep -q given_up
	grep -q 'level=error.*not told, and not tried again.*id=evt_a-down-0' "$DRIVER_LOG"
	end_process "$DRIVER_PID" 5
	grep -q 'deliveries_total{channel="hook",outcome="given_up"} 1' "$STARTED_OUT"
	grep -q 'retries_total{channel="hook"} 2' "$STARTED_OUT"
	command -v promtool >/dev/null || return 0
	grep -v '^ready$' "$STARTED_OUT" | promtool check metrics
}

@test "Retry-After is honoured" {
	answers busy 429:1,200
	channels_start --schedule "0s 10ms" webhook hook "url=$SINK/busy"
	event_add a down
	await_requests 2 /busy
	jq -se '.[1].at - .[0].at >= 1' "$RECORD"
}

@test "a success brings forward what waited because nobody answered" {
	channels_start --schedule "0s 60s" webhook hook "url=http://127.0.0.1:8081/late"
	event_add a down
	await_line 5 "$DRIVER_PID" 'not told yet.*evt_a-down-0' "$DRIVER_LOG"
	start_ready late become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/notify_sink.py" http 8081 "$RECORD"
	event_add b down
	await_requests 2 /late
	ids_of /late | diff - <(printf '%s\n' evt_b-down-0 evt_a-down-0)
}

@test "a channel that is new is not told of what happened before it, one that is gone lets the outbox be trimmed" {
	channels_start webhook old "url=$SINK/old"
	event_add a down
	await_requests 1 /old
	end_process "$DRIVER_PID" 5
	event_add b down
	channels_start webhook new "url=$SINK/new"
	grep -q 'not configured any more.*notify:old.*unread=1' "$DRIVER_LOG"
	event_add c down
	await_requests 1 /new
	wait_for 5 all_acknowledged new
	[ "$(ids_of /new)" = evt_c-down-0 ]
	rcli XINFO GROUPS "$OUTBOX" | grep -c notify:old | diff - <(echo 0)
}

@test "a channel for pages only is told no notices" {
	channels_start webhook pager "url=$SINK/pager" pages_only=1 -- webhook all "url=$SINK/all"
	event_add a path 0 0
	event_add b down
	await_requests 1 /pager
	await_requests 2 /all
	wait_for 5 all_acknowledged pager
	[ "$(ids_of /pager)" = evt_b-down-0 ]
}

@test "only the shards that are ours are told; Redis may lose its memory" {
	channels_start --shards 0x5 webhook hook "url=$SINK/shards"
	event_add a down 0 1 0
	event_add b down 0 1 1
	event_add c down 0 1 2
	await_requests 2 /shards
	rcli FLUSHALL
	event_add d down 0 1 2
	await_requests 3 /shards
	ids_of /shards | sort | diff - <(printf '%s\n' evt_a-down-0 evt_c-down-0 evt_d-down-0)
	event_add e down 0 1 0
	await_requests 4 /shards
}

@test "no secret stands in a log, not even when the other side repeats it" {
	answers T0/B0/hidden echo
	channels_start --schedule "0s 10ms" webhook hook "url=$SINK/T0/B0/hidden" "secret=$SECRET" -- \
		slack chat "url=$SINK/T0/B0/hidden" -- pagerduty pager "url=$SINK/pd/hidden" secret=routing-hidden -- \
		smtp mail url=smtp://127.0.0.1:1 from=a@example.net to=b@example.net user=u password=mail-hidden
	event_add a down
	for name in hook chat mail pager; do wait_for 10 all_acknowledged $name; done
	grep -q 'answer="HTTP 500: cannot POST \*\*\*"' "$DRIVER_LOG"
	run ! grep -E "hidden|MfKQ" "$DRIVER_LOG"
}

@test "what was told while Redis was away is acknowledged when it is back, and not told again" {
	local pidfile=$BATS_TEST_TMPDIR/pid
	redis_start --aof
	answers orphan "orphan:$pidfile,200"
	channels_start webhook hook "url=$SINK/orphan"
	echo "$REDIS_PID" >"$pidfile"
	event_add a down || true # Redis may be gone before it has answered us
	await_exit "$REDIS_PID" 10
	await_line 10 "$DRIVER_PID" 'msg=told.*evt_a-down-0' "$DRIVER_LOG"
	redis_restart
	event_add a up 1
	wait_for 10 all_acknowledged hook
	ids_of /orphan | diff - <(printf '%s\n' evt_a-down-0 evt_a-up-1)
}

nobody_is_blocked() {
	rcli INFO clients | grep -q '^blocked_clients:0'
}

@test "an event whose delivery by Redis was lost on the way is read again" {
	channels_start webhook hook "url=$SINK/lost"
	event_add first down
	await_requests 1 /lost
	wait_for 5 all_acknowledged hook
	kill -STOP "$DRIVER_PID"
	wait_for 5 nobody_is_blocked # its BLOCK is over, and it does not ask again
	event_add a down
	rcli XREADGROUP GROUP notify:hook notify STREAMS "$OUTBOX" '>' | grep -q evt_a-down-0
	rcli CLIENT KILL TYPE normal
	kill -CONT "$DRIVER_PID"
	await_requests 2 /lost
	wait_for 5 all_acknowledged hook
}

@test "killed again and again, it tells everything, each monitor in its order" {
	local i
	{ for i in {1..100}; do
		for kind in "down 0" "up 1" "path 0"; do
			set -- $kind
			echo "XADD $OUTBOX * id e$i-$1 type monitor.$1 monitor m$i incident m$i/1 page 1 resolved $2 b '{}'"
		done
	done; } >"$BATS_TEST_TMPDIR/events"
	channels_start webhook hook "url=$SINK/many"
	rcli <"$BATS_TEST_TMPDIR/events" >/dev/null
	for i in {1..8}; do
		await_requests $((i * 25)) /many
		kill -KILL "$DRIVER_PID"
		await_exit "$DRIVER_PID" 5
		channels_start webhook hook "url=$SINK/many"
	done
	wait_for 20 all_acknowledged hook
	# the first time that each was told, three of each monitor in this order
	ids_of /many | awk '!seen[$0]++ { split($0, part, "-"); told[part[1]] = told[part[1]] " " part[2] }
		END { for (m in told) { n++; if (told[m] != " down up path") { print m told[m]; bad = 1 } } exit bad || n != 100 }'
	# one that was under way when it was killed comes twice, none oftener than it was killed
	[ "$(ids_of /many | wc -l)" -le 308 ]
}

@test "the outbox is trimmed of what every channel has told, and of nothing else" {
	local before
	answers stuck 500
	channels_start --trim 100 --schedule "0s 60s" webhook hook "url=$SINK/hook" -- webhook stuck "url=$SINK/stuck"
	event_add a down
	await_requests 1 /stuck
	answers stuck 200
	event_add b down
	event_add c down
	wait_for 5 all_acknowledged hook
	await_requests 3 /stuck
	before=$(trims)
	wait_for 5 trims_are $((before + 2))
	[ "$(rcli XLEN "$OUTBOX")" = 3 ]
	end_process "$DRIVER_PID" 5
	channels_start --trim 100 webhook hook "url=$SINK/hook" -- webhook stuck "url=$SINK/stuck"
	wait_for 5 outbox_is_empty
}

# How often it was looked what may be trimmed.
trims() {
	rcli INFO commandstats | sed -nE 's/^cmdstat_xinfo\|groups:calls=([0-9]+).*/\1/p'
}

trims_are() {
	[ "$(trims)" -ge "$1" ]
}

outbox_is_empty() {
	[ "$(rcli XLEN "$OUTBOX")" = 0 ]
}

# ---------------------------------------------------------------- Alertmanager

# Prints one member of the alert that Alertmanager knows of MONITOR.
alert() { # MONITOR MEMBER
	in_ns curl -sSf 'http://127.0.0.1:9093/api/v2/alerts' | jq -r --arg m "$1" ".[] | select(.labels.monitor == \$m) | $2"
}

alert_lasts_beyond() { # MONITOR TIME
	[[ "$(alert "$1" .endsAt)" > "$2" ]]
}

am_ready() {
	in_ns curl -sf http://127.0.0.1:9093/-/ready >/dev/null
}

am_told() { # STATUS MONITOR: what Alertmanager's own receiver was told
	jq -se --arg s "$1" --arg m "$2" 'any(.[]; .path == "/am" and
		(.body | fromjson | .alerts | any(.status == $s and .labels.monitor == $m)))' "$RECORD" >/dev/null
}

# Starts a real Alertmanager at port 9093, whose receiver is the sink's /am.
am_start() { # RESOLVE-TIMEOUT
	local dir=$BATS_TEST_TMPDIR/am
	mkdir -p "$dir"
	cat >"$dir/am.yml" <<-END
		global: {resolve_timeout: $1}
		route: {receiver: sink, group_by: [monitor], group_wait: 10ms, group_interval: 100ms, repeat_interval: 1h}
		receivers: [{name: sink, webhook_configs: [{url: "$SINK/am", send_resolved: true}]}]
	END
	become_in_ns prometheus-alertmanager --config.file="$dir/am.yml" --storage.path="$dir" --cluster.listen-address= \
		--web.listen-address=127.0.0.1:9093 >"$dir/log" 2>&1 3>&- &
	note_process $!
	wait_for 10 am_ready
}

@test "a real Alertmanager fires, is kept firing, also by the next process, and resolves" {
	command -v prometheus-alertmanager >/dev/null || skip "prometheus-alertmanager is not installed"
	local first
	am_start 3s
	# the second URL is that of one that is down: it keeps nobody from being told
	channels_start --refresh 500 alertmanager am url=http://127.0.0.1:9093/ url=http://127.0.0.1:9
	NOW=$(date -u +%FT%TZ) event_add pg down
	wait_for 10 am_told firing pg
	[ "$(alert pg .labels.alertname)" = PortDown ]
	[ "$(alert pg '.labels.severity + .labels.team + .labels.target')" = pagecore198.51.100.7:5432 ]
	alert pg .annotations.summary | grep -q '^DOWN pg 198.51.100.7:5432: closed, from all 2 regions$'
	first=$(alert pg .endsAt)
	wait_for 10 alert_lasts_beyond pg "$first"
	wait_for 5 all_acknowledged am
	kill -KILL "$DRIVER_PID"
	await_exit "$DRIVER_PID" 5
	channels_start --refresh 500 alertmanager am url=http://127.0.0.1:9093/
	first=$(alert pg .endsAt)
	wait_for 10 alert_lasts_beyond pg "$first"
	run ! am_told resolved pg
	NOW=$(date -u +%FT%TZ) event_add pg up 1
	wait_for 10 am_told resolved pg
	wait_for 5 all_acknowledged am
	rcli HGET 'pw:{alerts.0}:firing:am' pg/1 | jq -e '.ended.id == "evt_pg-up-1" and .until_ms > 0'
}

@test "one event that is refused does not take those along that were sent with it" {
	answers one/api/v2/alerts 400,200,400,200
	channels_start alertmanager am "url=$SINK/one"
	events_at_once 3
	wait_for 10 all_acknowledged am
	jq -c '[.body | fromjson | .[].labels.monitor]' "$RECORD" |
		diff - <(printf '%s\n' '["m1","m2","m3"]' '["m1"]' '["m2"]' '["m3"]')
	rcli XRANGE 'pw:{alerts.0}:undelivered' - + | grep -xE 'e[0-9]' | diff - <(echo e2)
	rcli HKEYS 'pw:{alerts.0}:firing:am' | sort | diff - <(printf '%s\n' m1/1 m3/1)
}

# ---------------------------------------------------------------- all of it

# Listens at 127.0.0.1:7000; its process is $LISTENER.
listen() {
	start_ready listener become_in_ns "$PYTHON" -c '
import socket
s = socket.create_server(("127.0.0.1", 7000)); print("ready", flush=True)
while True: s.accept()[0].close()'
	LISTENER=$STARTED_PID
}

# How often each channel has told TYPE of web, as "name=times ..." in a fixed order.
told_by_all() { # TYPE ALERTMANAGER-STATUS PAGERDUTY-ACTION MAIL-WORD
	local dir=$BATS_TEST_TMPDIR
	echo "hook=$(jq -c "select(.path == \"/hook\") | .body | fromjson | select(.type == \"$1\" and .data.monitor == \"web\")" "$RECORD" | wc -l)" \
		"am=$(am_told "$2" web && echo 1)" \
		"chat=$(jq -r 'select(.path == "/chat") | .body' "$RECORD" | grep -c "$4 web")" \
		"pager=$(jq -r 'select(.path == "/pager") | .body | fromjson | .event_action' "$RECORD" | grep -cx "$3")" \
		"mail=$(jq -r .message "$dir/mails" | grep -c "^Subject: $4 web")" "script=$(grep -c "^$1 web\$" "$dir/script")"
}

all_told_once() {
	[ "$(told_by_all "$@")" = "hook=1 am=1 chat=1 pager=1 mail=1 script=1" ]
}

@test "one DOWN and its UP are told once over each of the six kinds at once, by the whole pipeline, while a seventh channel hangs" {
	command -v prometheus-alertmanager >/dev/null || skip "prometheus-alertmanager is not installed"
	"$PYTHON" -c 'import aiosmtpd' || skip "aiosmtpd is not installed (python3-aiosmtpd)"
	local dir=$BATS_TEST_TMPDIR up
	: >"$dir/mails"
	: >"$dir/script"
	answers hangs hang
	am_start 60s
	start_ready mail become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/notify_sink.py" smtp 2525 "$dir/mails"
	listen
	cat >"$dir/file.yaml" <<-END
		regions: [eu, us, ap]
		defaults: {interval: 1s, timeout: 500ms}
		monitors: [{name: web, target: "127.0.0.1:7000"}]
		notify:
		  - {name: hangs, type: webhook, url: "$SINK/hangs"}
		  - {name: hook, type: webhook, url: "$SINK/hook", secret: $SECRET}
		  - {name: am, type: alertmanager, url: ["http://127.0.0.1:9093"]}
		  - {name: chat, type: slack, url: "$SINK/chat"}
		  - {name: pager, type: pagerduty, url: "$SINK/pager", routing_key: key}
		  - {name: mail, type: smtp, url: "smtp://127.0.0.1:2525", from: pw@example.net, to: [ops@example.net]}
		  - {name: script, type: exec, command: [sh, -c, 'echo "\$PORTWATCH_TYPE \$PORTWATCH_MONITOR" >>$dir/script']}
	END
	become_in_ns "$PORTWATCH" up -c "$dir/file.yaml" --state "$dir/state" >"$dir/up" 2>&1 3>&- &
	up=$!
	note_process $up
	await_line 20 $up ' 1 monitors?: 1 up; 3 regions' "$dir/up" || { cat "$dir/up"; return 1; }
	end_process "$LISTENER" || true
	wait_for 10 all_told_once monitor.down firing trigger DOWN || { told_by_all monitor.down firing trigger DOWN; return 1; }
	[ "$(alert web '.annotations.verdict + " " + .annotations.scope')" = "closed service" ]
	listen
	wait_for 20 all_told_once monitor.up resolved resolve UP || { told_by_all monitor.up resolved resolve UP; return 1; }
	all_told_once monitor.down firing trigger DOWN
	[ "$(grep -c '"path": "/hangs"' "$RECORD")" -ge 1 ]
	[ "$(redis-cli -s "$dir/state/redis.sock" XPENDING 'pw:{alerts.0}:outbox' notify:hangs | head -n 1)" -ge 1 ]
	kill -INT $up
	await_exit $up 25
}

# ---------------------------------------------------------------- the others

@test "Slack gets one message for what comes at once, and no more than one a second" {
	channels_start slack chat "url=$SINK/slack"
	events_at_once 7
	await_requests 1 /slack
	event_add late down
	event_add later up 1
	await_requests 2 /slack
	wait_for 5 all_acknowledged chat
	jq -se 'length == 2 and .[1].at - .[0].at >= 0.95' "$RECORD"
	jq -r '.body | fromjson | .text' "$RECORD" | diff - <(printf '%s\n' \
		'7 monitors are down: m1, m2, m3, m4, m5, m6, m7' '1 monitor is down: late; 1 monitor is no longer down: later')
}

@test "PagerDuty triggers and resolves by the incident; what it refuses is not sent again" {
	answers pd 202,202,400
	channels_start pagerduty pager "url=$SINK/pd" secret=routing-key
	event_add pg down
	event_add pg up 1
	event_add x path 0 0
	await_requests 3 /pd
	wait_for 5 all_acknowledged pager
	jq -s 'map(.body | fromjson | [.routing_key, .event_action, .dedup_key, .payload.severity])' "$RECORD" | jq -e '. == [
		["routing-key", "trigger", "pg/1", "critical"], ["routing-key", "resolve", "pg/1", null],
		["routing-key", "trigger", "x/1/path", "warning"]]'
	rcli XRANGE 'pw:{alerts.0}:undelivered' - + | grep -q refused
}

@test "mail: the UP answers its DOWN, in words and a table, under TLS where it is offered" {
	"$PYTHON" -c 'import aiosmtpd' || skip "aiosmtpd is not installed (python3-aiosmtpd)"
	local dir=$BATS_TEST_TMPDIR
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail.example \
		-keyout "$dir/key" -out "$dir/cert" 2>/dev/null
	: >"$dir/mails"
	start_ready mail become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/notify_sink.py" smtp 2525 "$dir/mails" \
		"$dir/cert" "$dir/key"
	channels_start smtp mail url=smtp://127.0.0.1:2525 "from=Portwatch <pw@example.net>" \
		to=ops@example.net to=nobody@example.net -- \
		smtp wrong url=smtp://127.0.0.1:2525 from=pw@example.net to=nobody@example.net
	event_add pg down
	event_add größe up 1
	event_add pg up 1
	wait_for 10 all_acknowledged mail
	wait_for 10 all_acknowledged wrong
	rcli XRANGE 'pw:{alerts.0}:undelivered' - + | grep -c '^refused$' | diff - <(echo 3)
	"$PYTHON" - "$dir/mails" <<-'END'
		import email, email.policy, json, sys
		mails = [json.loads(line) for line in open(sys.argv[1])]
		down, other, up = [email.message_from_string(m["message"], policy=email.policy.default) for m in mails]
		assert all(m["tls"] and m["from"] == "pw@example.net" and m["to"] == ["ops@example.net"] for m in mails), mails
		assert down["Subject"] == "DOWN pg 198.51.100.7:5432: closed, from all 2 regions", down["Subject"]
		assert other["Subject"] == "UP größe 198.51.100.7:5432", other["Subject"]
		assert up["In-Reply-To"] == down["Message-ID"] and up["Message-ID"] != down["Message-ID"]
		assert other["In-Reply-To"] != down["Message-ID"]
		assert down["Auto-Submitted"] == "auto-generated" and down["Date"].datetime
		assert "eu      closed   3.1 ms   198.51.100.7  ECONNREFUSED" in down.get_content(), down.get_content()
		assert "größe" in other.get_content()
	END
}

@test "a program gets the event on its standard input and in its environment, and may ask for another try" {
	local out=$BATS_TEST_TMPDIR/exec.out
	cat >"$BATS_TEST_TMPDIR/told" <<-END
		#!/bin/sh
		echo "\$PORTWATCH_TYPE \$PORTWATCH_MONITOR \$PORTWATCH_STATUS \$PORTWATCH_TITLE" >>$out
		jq -r .data.runbook >>$out
		[ -e $out.second ] || { touch $out.second; echo 'no line is free'; exit 75; }
	END
	chmod +x "$BATS_TEST_TMPDIR/told"
	channels_start --schedule "0s 10ms" exec script "arg=$BATS_TEST_TMPDIR/told"
	event_add pg down
	wait_for 10 all_acknowledged script
	diff "$out" - <<-END
		monitor.down pg firing DOWN pg 198.51.100.7:5432: closed, from all 2 regions
		https://wiki/pg
		monitor.down pg firing DOWN pg 198.51.100.7:5432: closed, from all 2 regions
		https://wiki/pg
	END
	grep -q 'answer="exit 75: no line is free"' "$DRIVER_LOG"
}

@test "a test event goes over a channel without Redis, and what the other side says is shown" {
	answers refusing 500
	run -0 in_ns "$NOTIFY_DRIVER" unix:///nowhere --test webhook hook "url=$SINK/test" "secret=$SECRET"
	[ "$output" = "HTTP 200: as scripted" ]
	run -1 in_ns "$NOTIFY_DRIVER" unix:///nowhere --test slack chat "url=$SINK/refusing"
	[ "$output" = "HTTP 500: as scripted" ]
	run -0 in_ns "$NOTIFY_DRIVER" unix:///nowhere --test pagerduty pager "url=$SINK/pdtest" secret=key
	jq -r 'select(.path == "/pdtest") | .body | fromjson | .event_action' "$RECORD" |
		diff - <(printf '%s\n' trigger resolve)
	run -1 in_ns "$NOTIFY_DRIVER" unix:///nowhere --test webhook hook "url=$SINK/test" secret=whsec_short
	[[ $output == "secret 1 is not the base64 of 24 to 64 bytes"* ]]
}
