#!/usr/bin/env bats
# up.bats - the story of a person with one file: portwatch up runs everything, and status, explain and tail --alerts say what
# it finds.  All processes are real; the services are sockets on loopback at ports that the kernel chose.

load lib.bash

setup_file() {
	file_needs redis python || return 0
	export ANSWER=$(dirname "$PORTWATCH")/bench/answer
	# It takes half a minute by itself, so it runs beside the others; the last test looks at what it said.
	DEMO_BUILT=1 DEMO_BUILD=$(dirname "$PORTWATCH") setsid "$PW_ROOT/scripts/demo" >"$BATS_FILE_TMPDIR/demo.out" \
		2>"$BATS_FILE_TMPDIR/demo.err" </dev/null 3>&- &
	export DEMO_PID=$!
	note_process $DEMO_PID
}

teardown_file() { cleanup_all; }

setup() {
	skip_if_lacking
	unset NO_COLOR CLICOLOR_FORCE PORTWATCH_REDIS
	export TERM=xterm
	cd "$BATS_TEST_TMPDIR"
	STATE=$BATS_TEST_TMPDIR/state
}

teardown() { cleanup_all; }

# A port on loopback at which nothing listens.
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Listens at 127.0.0.1:PORT; the process is $LISTENER.
listen() {
	"$ANSWER" --seconds 100 "127.0.0.1:$1" >answer.$1 3>&- &
	LISTENER=$!
	note_process $LISTENER
	await_line 5 $LISTENER '^ready' answer.$1
}

# Three regions on this machine and the monitors given as NAME=PORT.
write_file() { # FILE NAME=PORT...
	local file=$1 each
	shift
	{
		echo 'regions: [{name: eu, source: [127.0.0.11]}, {name: us, source: [127.0.0.12]}, {name: ap, source: [127.0.0.13]}]'
		echo 'defaults: {interval: 2s, timeout: 1s}'
		echo 'monitors:'
		for each in "$@"; do
			echo "  - {name: ${each%%=*}, target: \"127.0.0.1:${each#*=}\"}"
		done
	} >"$file.new"
	mv "$file.new" "$file"
}

# Starts portwatch up on file.yaml; what it prints is in up.out and up.err.
up_start() { # ARGS
	: >up.out
	: >up.err
	setsid "$PORTWATCH" up -c file.yaml --state "$STATE" "$@" >up.out 2>up.err 3>&- &
	UP=$!
	note_process $UP
}

await_out() { await_line "$1" "$UP" "$2" up.out || { cat up.out up.err >&2; return 1; }; }
await_err() { await_line "$1" "$UP" "$2" up.err || { cat up.out up.err >&2; return 1; }; }

# The process ids of what it started, or of one kind of them.
children() { # [NAME]
	pgrep -P "$UP" ${1:+-f "$1"}
}

# Asks it to end and checks that nothing of it is left.
up_stop() { # [SIGNAL]
	local all pid
	all=$(children)
	kill -"${1:-INT}" $UP
	await_exit $UP 15
	for pid in $all; do
		run ! is_running "$pid"
	done
	run ! test -e "$STATE/redis.sock"
}

ask() { "$PORTWATCH" "$@" --state "$STATE"; }

# Checks JSON on standard input against docs/schema/NAME.
valid() {
	"$PYTHON" -c '
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
for line in sys.stdin.read().splitlines() if sys.argv[2:] else [sys.stdin.read()]:
    jsonschema.validate(json.loads(line), schema)' "$PW_ROOT/docs/schema/$1" "${@:2}"
}

@test "a file with errors is refused with all of them, status 3, and nothing is started" {
	cat >file.yaml <<-'END'
		regions: [eu]
		monitors:
		  - {name: a, targt: "127.0.0.1:1"}
		  - {name: b, target: "127.0.0.1:99999"}
	END
	run --separate-stderr "$PORTWATCH" up -c file.yaml --state "$STATE"
	[ "$status" = 3 ]
	[[ $stderr == *"file.yaml:3:"*"file.yaml:4:"* ]]
	[ ! -e "$STATE" ]
	run --separate-stderr "$PORTWATCH" up -c none.yaml --state "$STATE"
	[ "$status" = 3 ]
	run --separate-stderr "$PORTWATCH" up --state "$STATE"
	[ "$status" = 3 ]
}

@test "a program that is missing is said before anything is started" {
	cp "$PORTWATCH" alone
	write_file file.yaml web=1
	run --separate-stderr env PATH=/nonexistent ./alone up -c file.yaml --state "$STATE"
	[ "$status" = 4 ]
	[[ $stderr == *"cannot run portwatch-scheduler"* ]]
	[ ! -e "$STATE" ]
}

@test "a service that stops is told DOWN by three regions, is explained, and Ctrl-C leaves nothing behind" {
	local port other web
	port=$(free_port)
	listen "$port"
	web=$LISTENER
	other=$(free_port)
	listen "$other"
	write_file file.yaml "web=$port" "other=$other"
	up_start
	await_out 20 ' 2 monitors: 2 up; 3 regions'
	: >watched
	"$PORTWATCH" status --watch --state "$STATE" >watched 3>&- &
	note_process $!
	await_line 5 $! '^2 monitors: 2 up; 3 regions' watched
	kill "$web"
	await_out 25 ' DOWN  +web .* closed, service; eu .*us .*ap .*; since .*, confirmed in .*; told'
	await_out 15 ' 2 monitors: 1 up, 1 down; 3 regions'

	# What is seen of it from outside.
	wait_for 5 grep -qE '^DOWN +web .*closed from .*, service; was up for ' watched
	[ "$(wc -l <watched)" = 2 ]
	ask status -o json >status.json
	valid status-1.json <status.json
	[ "$(jq -r '.monitors[0] | .monitor, .state, .verdict, .scope' status.json | xargs)" = "web down closed service" ]
	[ "$(jq -r '[.summary.monitors, .summary.up, .summary.down] | join(" ")' status.json)" = "2 1 1" ]
	wait_for 10 eval 'ask status -o json | jq -e "[.components[].component] | sort == [\"alerts\",\"engine\",\"engine\",\"engine\",\"scheduler\"]"'
	[ "$(ask status -o ndjson | wc -l)" = 2 ]
	ask status >table
	grep -qE '^STATE +MONITOR +TARGET +FOR +VERDICT +SCOPE +eu +us +ap$' table
	grep -qE '^DOWN +web +.* closed +service ' table
	[ "$(sed -n 4p table | cut -c1-4)" = DOWN ]
	wait_for 10 eval 'ask explain web | grep -q "3 of 3 voters say down"'
	ask explain web >explained
	grep -qE '^web \(127.0.0.1:[0-9]+\): DOWN, closed, scope service' explained
	[ "$(grep -cE '^  (eu|us|ap)  down ' explained)" = 3 ]
	[ "$(ask explain web -o json | jq -r .state)" = down ]
	"$PORTWATCH" monitors pause other --redis "unix://$STATE/redis.sock"
	await_out 15 ' 2 monitors: 1 down, 1 paused; 3 regions'
	"$PORTWATCH" monitors resume other --redis "unix://$STATE/redis.sock"
	run --separate-stderr ask explain wbe
	[ "$status" = 3 ]
	[[ $stderr == *'did you mean "web"?' ]]
	ask tail --alerts --from start --count 1 --timeout 5s -o ndjson >events
	valid event-1.json lines <events
	[ "$(jq -r '.type, .data.monitor, .told' events | xargs)" = "monitor.down web true" ]
	run --separate-stderr ask tail --alerts --from start --monitor other --count 1 --timeout 300ms
	[ "$status" = 1 ]
	[ -z "$output" ]

	up_stop INT
	run -0 wait $UP
	[ ! -s up.err ]
	# What was stored stays, and is there again.
	up_start
	await_out 20 ' 2 monitors: 1 up, 1 down; 3 regions'
	up_stop TERM
	run ! grep -q ' DOWN ' up.out
}

@test "whoever is killed is started again: engine, scheduler, alerts and Redis" {
	local port name pid
	port=$(free_port)
	listen "$port"
	write_file file.yaml "web=$port"
	up_start
	await_out 20 ' 1 monitor: 1 up'
	for name in 'portwatch-engine --region us' portwatch-scheduler portwatch-alerts redis-server; do
		pid=$(children "$name")
		kill -KILL "$pid"
		await_err 15 "\(pid $pid\) was killed by signal 9 \(Killed\); it is started again"
		wait_for 10 eval "[ -n \"\$(children '$name')\" ]"
	done
	kill "$LISTENER"
	await_out 20 ' DOWN  +web '
	up_stop
}

@test "a changed file and SIGHUP are applied, a bad file changes nothing" {
	local port
	port=$(free_port)
	listen "$port"
	write_file file.yaml "web=$port"
	up_start
	await_out 20 ' 1 monitor: 1 up'
	write_file file.yaml "web=$port" "more=$port"
	kill -HUP $UP
	await_err 15 'file.yaml was changed and is in force, in 3 regions: 1 added, 0 changed, 0 removed, 1 as they were'
	await_out 20 ' 2 monitors: 2 up'
	echo '  - {name: x, nonsense: 1}' >>file.yaml
	await_err 15 'everything goes on as before'
	await_err 15 'file.yaml:6:'
	write_file file.yaml "web=$port"
	sed -i 's/, {name: ap.*/]/' file.yaml
	await_err 15 'file.yaml was changed and is in force, in 2 regions: 0 added, 0 changed, 1 removed'
	await_out 20 ' 1 monitor: 1 up; 2 regions'
	wait_for 10 eval '[ "$(children portwatch-engine | wc -l)" = 2 ]'
	up_stop
}

@test "with --redis the server that is there is used, and left running" {
	redis_start
	write_file file.yaml "web=$(free_port)"
	up_start --redis "$REDIS_URL" --prefix other
	await_out 25 ' DOWN  +web '
	[ ! -e "$STATE" ]
	[ -z "$(children redis-server)" ]
	# The URL may hold a password, and what stands in ps is for everybody.
	run ! grep -qF "$REDIS_SOCK" <(tr '\0' ' ' <"/proc/$(children portwatch-scheduler)/cmdline")
	[ "$("$PORTWATCH" status --redis "$REDIS_URL" --prefix other -o json | jq .summary.down)" = 1 ]
	up_stop
	[ "$(rcli ping)" = PONG ]
	# Nobody answers any more: what is stored is shown.
	run --separate-stderr "$PORTWATCH" explain web --redis "$REDIS_URL" --prefix other
	[ "$status" = 1 ]
	[[ $stderr == *"no alerts process answered"* ]]
	[[ $output == "web"*"DOWN"* ]]
}

@test "a Redis that is not there ends it with what to try, status 4" {
	write_file file.yaml web=1
	run --separate-stderr "$PORTWATCH" up -c file.yaml --redis "unix://$PWD/none.sock"
	[ "$status" = 4 ]
	[[ $stderr == *"No such file or directory"*"redis-cli PING"* ]]
}

@test "two portwatch up do not share a state folder, and a second Ctrl-C ends at once" {
	local pid all
	# An address that is silent: engines that end in order would wait for it.
	{
		echo 'regions: [here]'
		echo 'monitors: [{name: quiet, target: "198.18.0.1:9", interval: 60s, timeout: 30s}]'
	} >file.yaml
	up_start
	await_out 20 ' 1 monitor: 1 new'
	run --separate-stderr "$PORTWATCH" up -c file.yaml --state "$STATE"
	[ "$status" = 4 ]
	[[ $stderr == *"another portwatch up uses"* ]]
	all=$(children)
	kill -STOP "$(children portwatch-scheduler)" # it will not end when it is asked to
	kill -INT $UP
	await_err 15 'scheduler has not ended yet; Ctrl-C again'
	kill -INT $UP
	await_exit $UP 5
	for pid in $all; do
		run ! is_running "$pid"
	done
}

@test "a private Redis that cannot start ends it with what Redis says and where to look" {
	write_file file.yaml web=1
	mkdir -p "$STATE/redis.sock"
	run -4 timeout 20 "$PORTWATCH" up -c file.yaml --state "$STATE"
	[[ $output == *"Its last line: "*"Failed opening Unix socket"* ]]
	[[ $output == *"look at its last line above, and into its folder $STATE"* ]]
}

@test "killed itself, it takes all of its processes along" {
	local all pid
	write_file file.yaml "web=$(free_port)"
	up_start
	await_out 20 ' 1 monitor: 1 new'
	all=$(children)
	[ "$(wc -w <<<"$all")" = 6 ]
	kill -KILL $UP
	for pid in $all; do
		await_exit "$pid" 10
	done
}

@test "it ends when nobody reads its output any more" {
	write_file file.yaml "web=$(free_port)"
	timeout 20 bash -c '"$PORTWATCH" up -c file.yaml --state "$1" 2>up.err | head -1' - "$STATE" >first
	[ "$(wc -l <first)" = 1 ]
	[ ! -e "$STATE/redis.sock" ]
	[ ! -s up.err ]
}

@test "on a terminal the view is painted, fits 80 columns and gives the screen back" {
	cat >terminal.py <<-'END'
		# terminal.py SECONDS[,SECONDS...] COMMAND...: runs it on a terminal of 80 by 24, with a Ctrl-C after each time;
		# prints all that it wrote.
		import fcntl, os, pty, select, struct, sys, termios, time
		pid, fd = pty.fork()
		if pid == 0:
		    time.sleep(0.1)
		    os.execvp(sys.argv[2], sys.argv[2:])
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
		ends = [time.time() + float(each) for each in sys.argv[1].split(",")]
		while True:
		    ready = select.select([fd], [], [], 0.1)[0]
		    try:
		        data = os.read(fd, 65536) if ready else None
		    except OSError:
		        break
		    if data == b"":
		        break
		    sys.stdout.buffer.write(data or b"")
		    sys.stdout.buffer.flush()
		    if ends and time.time() > ends[0]:
		        os.write(fd, b"\x03")
		        ends.pop(0)
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	local port
	port=$(free_port)
	listen "$port"
	write_file file.yaml "web=$port" "a-monitor-with-a-long-name=$port"
	up_start
	await_out 20 ' 2 monitors: 2 up'
	"$PYTHON" terminal.py 2.5 "$PORTWATCH" status --watch --state "$STATE" >seen
	grep -qF $'\e[?1049h' seen
	grep -qF $'\e[?1049l' seen
	[ "$(grep -oF $'\e[H' seen | wc -l)" -ge 2 ]
	[ "$(sed -E 's/\x1b\[[0-9;?]*[A-Za-z]//g; s/\r//g' seen | grep -v heartbeats | wc -L)" -le 80 ]
	grep -qF $'\e[32mUP\e[0m' seen
	NO_COLOR=1 "$PYTHON" terminal.py 1 "$PORTWATCH" status --state "$STATE" >plain
	run ! grep -qE $'\e\\[3[0-9]m' plain
	# What waits for an answer hears the first Ctrl-C later; the second ends it, and still gives the screen back.
	local redis status=0 watcher
	redis=$(children redis-server)
	"$PYTHON" terminal.py 2,2.4 "$PORTWATCH" status --watch --state "$STATE" >hung 3>&- &
	watcher=$!
	await_line 10 $watcher 'UP' hung
	kill -STOP "$redis"
	wait $watcher || status=$?
	kill -CONT "$redis"
	[ "$status" = 254 ] # died of SIGINT
	grep -qF $'\e[?25h\e[?1049l' hung
	up_stop
}

@test "a test event goes over the channel that is named" {
	write_file file.yaml web=1
	printf 'notify:\n  - {name: note, type: exec, command: [sh, -c, "cat >%s/told"]}\n' "$PWD" >>file.yaml
	run --separate-stderr "$PORTWATCH" notify test note -c file.yaml
	[ "$status" = 0 ]
	jq -e .type told
	run --separate-stderr "$PORTWATCH" notify test nobody -c file.yaml
	[ "$status" != 0 ]
}

@test "without a Redis status says what is missing" {
	run --separate-stderr "$PORTWATCH" status --state "$STATE"
	[ "$status" = 3 ]
	[[ $stderr == *"no portwatch up is running here"* ]]
}

@test "the demo shows DOWN, UP and a path issue, ends by itself and leaves nothing" {
	await_exit "$DEMO_PID" 60
	[ -z "$(pgrep -s "$DEMO_PID")" ]
	cat "$BATS_FILE_TMPDIR/demo.out" "$BATS_FILE_TMPDIR/demo.err"
	grep -qE ' DOWN  +postgres .* closed, service; eu .*us .*ap ' "$BATS_FILE_TMPDIR/demo.out"
	grep -q '3 of 3 voters say down' "$BATS_FILE_TMPDIR/demo.out"
	grep -qE ' UP  +postgres ' "$BATS_FILE_TMPDIR/demo.out"
	grep -q 'is DOWN: closed' "$BATS_FILE_TMPDIR/demo.out"
	grep -q 'What to try next' "$BATS_FILE_TMPDIR/demo.out"
	if ! grep -q 'is left out' "$BATS_FILE_TMPDIR/demo.err"; then
		[ ! -s "$BATS_FILE_TMPDIR/demo.err" ]
		grep -qE ' PATH ISSUE  smtp .* filtered from ap, path' "$BATS_FILE_TMPDIR/demo.out"
		run ! grep -qE ' DOWN  +smtp ' "$BATS_FILE_TMPDIR/demo.out"
	fi
}
