#!/usr/bin/env bats
# cli.bats - the story of a person at a terminal: portwatch probe, check, jobs, tail and doctor, as they are typed.
# Peers are real: sockets on loopback with ports that the kernel chose; Redis and the engine are private ones.

load lib.bash

setup_file() {
	file_needs python || return 0
	cat >"$BATS_FILE_TMPDIR/ports.py" <<-'END'
		# Holds an open, a closed and a silent port on loopback, says which, and who came to the open one.
		import socket, sys, threading
		def bound(family=socket.AF_INET, host="0.0.0.0"):  # all of 127.0.0.0/8
		    s = socket.socket(family)
		    s.bind((host, 0))
		    return s
		def accept(s):
		    while True:
		        try:
		            peer, address = s.accept()
		            print("from", address[0], flush=True)
		            peer.close()
		        except OSError:
		            pass
		def listening(*where):
		    s = bound(*where)
		    s.listen(4096)
		    threading.Thread(target=accept, args=(s,), daemon=True).start()
		    return s
		def silent():  # a full accept queue: the kernel drops every further SYN
		    s = bound()
		    s.listen(0)
		    held = []
		    while True:
		        c = socket.socket()
		        c.settimeout(0.3)
		        held.append(c)
		        try:
		            c.connect(("127.0.0.1", s.getsockname()[1]))
		        except socket.timeout:
		            return s, held
		opened, closed, quiet = listening(), bound(), silent()
		print("open", opened.getsockname()[1])
		print("closed", closed.getsockname()[1])
		print("silent", quiet[0].getsockname()[1])
		try:
		    six = listening(socket.AF_INET6, "::1")
		    print("six", six.getsockname()[1])
		except OSError:
		    pass
		print("ready", flush=True)
		sys.stdin.read()
		threading.Event().wait()
	END
	cat >"$BATS_FILE_TMPDIR/valid.py" <<-'END'
		# valid.py SCHEMA.json... < JSON values: checks each against the first schema, as far as our schemas go.
		import json, re, sys
		schemas = [json.load(open(name)) for name in sys.argv[1:]]
		by_id = {s["$id"]: s for s in schemas}
		names = {"string": str, "integer": int, "object": dict, "array": list, "null": type(None)}
		def check(value, s, at):
		    s = by_id.get(s.get("$ref"), s)
		    kinds = s.get("type", [])
		    kinds = [kinds] if isinstance(kinds, str) else kinds
		    assert not kinds or any(isinstance(value, names[k]) for k in kinds), f"{at} is no {kinds}: {value!r}"
		    assert "const" not in s or value == s["const"], f"{at} is not {s['const']}"
		    assert "enum" not in s or value in s["enum"], f"{at}: {value!r}"
		    if isinstance(value, int):
		        assert s.get("minimum", value) <= value <= s.get("maximum", value), f"{at}: {value}"
		    if isinstance(value, str) and "pattern" in s:
		        assert re.search(s["pattern"], value), f"{at}: {value!r}"
		    if isinstance(value, dict):
		        for name in s.get("required", []):
		            assert name in value, f"{at} lacks {name}"
		        for name, part in value.items():
		            assert name in s["properties"], f"{at}.{name} is not described"
		            check(part, s["properties"][name], f"{at}.{name}")
		    if isinstance(value, list):
		        for i, part in enumerate(value):
		            check(part, s["items"], f"{at}[{i}]")
		text, count, decoder = sys.stdin.read(), 0, json.JSONDecoder()
		while text.strip():
		    value, end = decoder.raw_decode(text.lstrip())
		    text = text.lstrip()[end:]
		    check(value, schemas[0], "$")
		    count += 1
		print(count)
	END
	start_ready ports become_in_ns "$PYTHON" "$BATS_FILE_TMPDIR/ports.py" || return
	export PORTS_OUT=$STARTED_OUT
	export OPEN=127.0.0.1:$(port open) CLOSED=127.0.0.1:$(port closed) SILENT=127.0.0.1:$(port silent)
}

# The port that ports.py holds under a name; nothing if it has none.
port() {
	awk -v name="$1" '$1 == name { print $2 }' "$PORTS_OUT"
}

teardown_file() { cleanup_all; }

setup() {
	skip_if_lacking
	unset NO_COLOR CLICOLOR_FORCE PORTWATCH_REDIS PORTWATCH_REGION
	export TERM=xterm
	cd "$BATS_TEST_TMPDIR"
}

teardown() { cleanup_all; }

probe() { "$PORTWATCH" probe "$@"; }

# Checks standard input against docs/schema/NAME.json (and those it refers to); prints how many values there were.
valid() {
	"$PYTHON" "$BATS_FILE_TMPDIR/valid.py" "${@/#/$PW_ROOT/docs/schema/}"
}

# Runs a command line on a terminal of its own; what it writes there goes to standard output.
on_terminal() {
	script -qec "$1" /dev/null </dev/null
}

# N different addresses of this host with the port of TARGET.
many() { # N TARGET
	awk -v n="$1" -v port="${2##*:}" 'BEGIN {
		for (i = 0; i < n; i++) printf "127.%d.%d.%d:%s\n", 1 + i / 62500, i / 250 % 250, 1 + i % 250, port }'
}

# ---------------------------------------------------------------- probe: verdicts and exit status

@test "a listening port is open, status 0" {
	run --separate-stderr probe "$OPEN"
	[ "$status" = 0 ]
	[[ ${lines[1]} =~ ^"$OPEN"\ +open\ +[0-9]+\.[0-9]{2}\ ms\ +the\ handshake\ completed ]]
	[ -z "$stderr" ]
}

@test "a port where nothing listens is closed, status 1" {
	run --separate-stderr probe "$CLOSED"
	[ "$status" = 1 ]
	[[ ${lines[1]} =~ ^"$CLOSED"\ +closed\ +-\ +nothing\ listens ]]
}

@test "a port that never answers is filtered, status 1, and takes the timeout" {
	run probe "$SILENT" --timeout 1200ms -o ndjson
	[ "$status" = 1 ]
	[ "$(jq -r '.verdict, .syn_retrans' <<<"$output" | xargs)" = "filtered 1" ]
	[ "$(jq '.wall_us >= 1199000 and .wall_us < 1500000' <<<"$output")" = true ]
}

@test "a name that nobody can resolve is of class unknown, status 2, and down is stronger than unknown" {
	local nobody="--resolver 127.0.0.1:1"
	run --separate-stderr probe $nobody db.test:443
	[ "$status" = 2 ]
	[[ ${lines[1]} == *resolver*"the resolver 127.0.0.1:1 cannot be reached"* ]]
	run probe $nobody db.test:443 "$CLOSED" "$OPEN"
	[ "$status" = 1 ]
	run probe $nobody db.test:443 "$OPEN"
	[ "$status" = 2 ]
}

@test "an IPv6 target stands in brackets" {
	[ -n "$(port six)" ] || skip "there is no IPv6 loopback"
	run probe "[::1]:$(port six)" -o ndjson
	[ "$status" = 0 ]
	[ "$(jq -r '.target, .address' <<<"$output" | xargs)" = "[::1]:$(port six) ::1" ]
	run probe "::1:$(port six)"
	[ "$status" = 3 ]
	[[ $output == *"as in [::1]:$(port six)"* ]]
}

@test "both connectors tell the same" {
	skip_without io_uring
	for connector in io_uring epoll; do
		probe "$OPEN" "$CLOSED" "$SILENT" --timeout 300ms --connector $connector -o json 2>/dev/null |
			jq -c '.results[] | [.target, .class, .verdict, .errno, .syn_retrans]' >$connector || true
	done
	[ "$(wc -l <epoll)" = 3 ]
	cmp io_uring epoll
}

@test "each way to close works and so does settle" {
	for close in rst fin half; do
		run probe "$OPEN" --close $close --settle 20
		[ "$status" = 0 ]
	done
	run probe "$OPEN" --settle auto
	[ "$status" = 0 ]
}

@test "--source chooses the address that the target sees" {
	run probe "$OPEN" --source 127.0.0.77
	[ "$status" = 0 ]
	wait_for 5 grep -qx 'from 127.0.0.77' "$PORTS_OUT"
	run probe "$OPEN" --source nonsense
	[ "$status" = 3 ]
}

@test "--source of an address that is not this host's is refused before anything is probed" {
	[ "$(cat /proc/sys/net/ipv4/ip_nonlocal_bind 2>/dev/null || echo 0)" = 0 ] || skip "any address may be bound here"
	for elsewhere in 192.0.2.77 2001:db8::77; do
		run --separate-stderr probe "$OPEN" --source 127.0.0.1 --source $elsewhere
		[ "$status" = 3 ]
		[ -z "$output" ]
		[[ $stderr == "portwatch probe: --source: \"$elsewhere\" "* ]]
		[ "${#stderr_lines[@]}" = 1 ]
	done
}

@test "where io_uring is forbidden one line says why epoll is used" {
	skip_without io_uring
	[ -x "$DENY_SYSCALL" ] || skip "deny-syscall is not built"
	run --separate-stderr "$DENY_SYSCALL" io_uring_setup -- "$PORTWATCH" probe "$OPEN"
	[ "$status" = 0 ]
	[[ $stderr == "portwatch probe: using epoll: "* ]]
	[ "${#stderr_lines[@]}" = 1 ]
}

# ---------------------------------------------------------------- probe: targets

@test "all bad targets are told at once, with their places, and nothing is probed" {
	printf '%s\n' "$OPEN" '# fine' '' 'h:99999' '2001:db8::1' >list
	run --separate-stderr probe "$OPEN" nonsense -f list -o ndjson
	[ "$status" = 3 ]
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == *"nothing was done, 3 of the targets"* ]]
	[[ ${stderr_lines[1]} == "  argument 2: "*"has no port"* ]]
	[[ ${stderr_lines[2]} == '  list:4: the port "99999"'* ]]
	[[ ${stderr_lines[3]} == '  list:5: '*'[2001:db8::1]:443'* ]]
}

@test "targets come from files, from standard input and from arguments" {
	printf '%s # a comment\n\n' "$OPEN" >one
	echo "$OPEN" >two
	echo "$OPEN" | {
		run --separate-stderr probe "$OPEN" -f one -f - -f two -o ndjson
		[ "$status" = 0 ]
		[ "${#lines[@]}" = 4 ]
	}
	run probe -f missing
	[ "$status" = 3 ]
	[ "$output" = "portwatch probe: cannot read missing: No such file or directory" ]
	run probe -f missing -f / nonsense "$OPEN"
	[ "$status" = 3 ]
	[ "${lines[0]}" = "portwatch probe: cannot read missing: No such file or directory" ]
	[ "${lines[1]}" = "portwatch probe: cannot read /: Is a directory" ]
	[ "${lines[2]}" = "portwatch probe: nothing was done, 1 of the targets cannot be read:" ]
	[ "${#lines[@]}" = 4 ]
	run probe -f /dev/null
	[ "$status" = 3 ]
	[[ $output == *"there is no target"* ]]
}

@test "what the command line gets wrong is status 3 and one sentence" {
	for wrong in "" "--timeout 3200 $OPEN" "--timeout 0 $OPEN" "--output xml $OPEN" "--inflight 0 $OPEN" \
		"--settle 99999 $OPEN" "--nonsense" "--fields verdct $OPEN"; do
		run --separate-stderr probe $wrong
		[ "$status" = 3 ]
		[ -z "$output" ]
		[[ $stderr == "portwatch probe: "* ]]
	done
}

# ---------------------------------------------------------------- probe: forms

@test "each line of ndjson fits its schema" {
	run --separate-stderr probe --resolver 127.0.0.1:1 "$OPEN" "$CLOSED" "$SILENT" db.test:1 --timeout 200ms -o ndjson
	[ "$status" = 1 ]
	[ "$(valid probe-1.json <<<"$output")" = 4 ]
	[ "$(jq -r 'select(.verdict == "closed") | .errno' <<<"$output")" = ECONNREFUSED ]
	[ "$(jq -r 'select(.verdict == "resolver") | .address' <<<"$output")" = null ]
	[ "$(jq -r 'select(.verdict == "closed") | .rtt_us' <<<"$output")" = null ]
	[ "$(jq -r 'select(.verdict == "open") | .rtt_us > 0' <<<"$output")" = true ]
	[ "$(jq -rc 'keys_unsorted' <<<"${lines[0]}")" = \
		'["target","address","port","class","verdict","rtt_us","wall_us","dns_us","syn_retrans","errno","detail","not_after","issuer","schema"]' ]
}

@test "json is one object that fits its schema, in the order of the targets" {
	run --separate-stderr probe "$SILENT" "$CLOSED" "$OPEN" --timeout 200ms -o json
	[ "$status" = 1 ]
	[ "$(valid probes-1.json probe-1.json <<<"$output")" = 1 ]
	[ "$(jq -r '.results[].target' <<<"$output" | xargs)" = "$SILENT $CLOSED $OPEN" ]
}

@test "the table keeps the order of the targets, ndjson that of the answers" {
	run --separate-stderr probe "$SILENT" "$OPEN" --timeout 200ms
	[[ ${lines[1]} == "$SILENT "* && ${lines[2]} == "$OPEN "* ]]
	run --separate-stderr probe "$SILENT" "$OPEN" --timeout 200ms -o ndjson
	[[ ${lines[0]} == *'"open"'* && ${lines[1]} == *'"filtered"'* ]]
}

@test "csv has the same columns in each line" {
	run --separate-stderr probe --resolver 127.0.0.1:1 "$OPEN" "$CLOSED" db.test:1 -o csv
	[ "${lines[0]}" = target,address,port,class,verdict,rtt_us,wall_us,dns_us,syn_retrans,errno,detail,not_after,issuer,schema ]
	[ "$("$PYTHON" -c 'import csv, sys; print({len(row) for row in csv.reader(sys.stdin)})' <<<"$output")" = "{14}" ]
	[ "${#lines[@]}" = 4 ]
}

@test "--fields chooses in every form and --list-fields tells what there is" {
	run --separate-stderr probe "$CLOSED" --fields errno,port -o csv
	[ "$output" = "errno,port"$'\n'"ECONNREFUSED,${CLOSED#*:}" ]
	run --separate-stderr probe "$CLOSED" --fields errno,port -o ndjson
	[ "$output" = "{\"errno\":\"ECONNREFUSED\",\"port\":${CLOSED#*:}}" ]
	run --separate-stderr probe "$CLOSED" --fields errno,port
	[ "${lines[1]}" = "ECONNREFUSED  ${CLOSED#*:}" ]
	run --separate-stderr probe --list-fields
	[ "$status" = 0 ]
	[ "$(awk '{ print $1 }' <<<"$output" | sort)" = \
		"$(jq -r '.properties | keys[]' "$PW_ROOT/docs/schema/probe-1.json" | sort)" ]
}

@test "more than one target ends with a summary on standard error" {
	run --separate-stderr probe --resolver 127.0.0.1:1 "$OPEN" "$CLOSED" db.test:1
	[[ $stderr =~ ^3\ targets\ in\ [0-9.]+\ s:\ 1\ up,\ 1\ down,\ 1\ unknown$ ]]
	run --separate-stderr probe "$OPEN"
	[ -z "$stderr" ]
}

# ---------------------------------------------------------------- probe: terminals, signals, pipes

@test "colours are for terminals and NO_COLOR takes them away" {
	command -v script >/dev/null || skip "script is not installed"
	local esc=$'\033['
	[[ $(on_terminal "$PORTWATCH probe $OPEN") == *"${esc}32mopen${esc}0m"* ]]
	[[ $(NO_COLOR=1 on_terminal "$PORTWATCH probe $OPEN") != *"$esc"* ]]
	[[ $(NO_COLOR= on_terminal "$PORTWATCH probe $OPEN") == *"$esc"* ]]
	[[ $(TERM=dumb on_terminal "$PORTWATCH probe $OPEN") != *"$esc"* ]]
	[[ $(on_terminal "$PORTWATCH probe $OPEN --color never") != *"$esc"* ]]
	[[ $(probe "$OPEN") != *"$esc"* ]]
	[[ $(CLICOLOR_FORCE=1 probe "$OPEN") == *"$esc"* ]]
	[[ $(NO_COLOR=1 probe "$OPEN" --color always) == *"$esc"* ]]
}

@test "a terminal sees how far it is, a file does not" {
	command -v script >/dev/null || skip "script is not installed"
	many 3000 "$OPEN" >list
	on_terminal "$PORTWATCH probe -f list --rate 1500 -o csv >results" >seen
	grep -q $'\r[0-9]*/3000  up [0-9]*  down 0  unknown 0  [0-9]*/s' seen
	grep -q '3000 targets in ' seen
	[ "$(wc -l <results)" = 3001 ]
	probe -f list --rate 1500 -o csv >results 2>errors || true
	[ "$(wc -l <errors)" = 1 ]
	run ! grep -q $'\r' errors
}

@test "Ctrl-C prints what there is and the status is that of the results" {
	many 5000 "$SILENT" >list
	"$PORTWATCH" probe "$OPEN" -f list --inflight 8 --timeout 1s -o ndjson >results 2>errors 3>&- &
	local pid=$!
	note_process $pid
	wait_for 10 grep -q '"filtered"' results
	kill -INT $pid
	await_exit $pid 5
	run -1 wait $pid
	grep -q '; cut short, [0-9]* were not begun$' errors
	run ! grep -q 'waiting for' errors # that line is for terminals
	[ "$(valid probe-1.json <results)" = "$(wc -l <results)" ]
	[ "$(wc -l <results)" -lt 100 ]
}

@test "Ctrl-C ends a table with the rows that are known" {
	many 5000 "$SILENT" >list
	"$PORTWATCH" probe "$OPEN" -f list --inflight 8 --timeout 1s >results 2>errors 3>&- &
	local pid=$!
	note_process $pid
	wait_for 10 grep -qs '^SigCgt:.*[2367abef]$' /proc/$pid/status
	kill -INT $pid
	await_exit $pid 5
	head -1 results | grep -q '^TARGET '
	grep -q 'were not begun$' errors
}

@test "on a terminal the first Ctrl-C says what is waited for, and how long at most" {
	command -v script >/dev/null || skip "script is not installed"
	many 8 "$SILENT" >list
	on_terminal "sh -c 'echo \$\$ >pid; exec $PORTWATCH probe -f list --timeout 2500ms --settle 400'" >seen 3>&- &
	local pid=$!
	note_process $pid
	wait_for 10 grep -qs '0/8 ' seen
	kill -INT "$(cat pid)"
	wait_for 1 grep -q 'waiting for 8 attempts under way, at most 3 s; Ctrl-C again leaves at once' seen
	run ! grep -q 'TARGET ' seen
	await_exit $pid 5
	grep -q 'TARGET ' seen
	[ "$(grep -c 'filtered' seen)" = 8 ]
	[[ $(probe --help) == *"waits for those under way"* ]]
}

@test "a second Ctrl-C ends at once" {
	"$PORTWATCH" probe "$SILENT" --timeout 60s 3>&- &
	local pid=$!
	note_process $pid
	wait_for 10 grep -qs '^SigCgt:.*[2367abef]$' /proc/$pid/status
	kill -INT $pid
	wait_for 10 grep -qs '^SigCgt:.*[014589cd]$' /proc/$pid/status
	is_running $pid
	kill -INT $pid
	await_exit $pid 2
	run -130 wait $pid
}

@test "a reader that has seen enough ends it quietly" {
	many 20000 "$CLOSED" >list
	bash -c '"$PORTWATCH" probe -f list -o ndjson --rate 20000 2>errors | head -1 >first; echo ${PIPESTATUS[0]}' >status
	[ "$(cat status)" = 141 ]
	[ "$(wc -l <first)" = 1 ]
	[ ! -s errors ]
}

@test "a full disk is our own trouble, status 4" {
	[ -c /dev/full ] || skip "there is no /dev/full"
	run bash -c '"$PORTWATCH" probe "$OPEN" >/dev/full'
	[ "$status" = 4 ]
	[[ $output == *"cannot write the output: No space left on device" ]]
}

@test "three thousand closed ports each have exactly one row" {
	many 3000 "$CLOSED" >list
	run --separate-stderr probe -f list -o csv --fields target,verdict
	[ "$status" = 1 ]
	tail -n +2 <<<"$output" | sort >got
	sed 's/$/,closed/' list | sort | cmp - got
}

# ---------------------------------------------------------------- check

# One line of a plugin: TCP STATE - text | 'time'=value;warn;crit;0;max
plugin_line() { # STATE TEXT TIME
	[ "${#lines[@]}" = 1 ]
	[[ $output =~ ^TCP\ $1\ -\ .*$2.*\ \|\ \'time\'=$3$ ]]
}

check() { "$PORTWATCH" check "$@"; }

@test "check of an open port is OK with its time in seconds" {
	run check -H 127.0.0.1 -p "${OPEN#*:}" -w 100 -c 500
	[ "$status" = 0 ]
	plugin_line OK open '0\.[0-9]{6}s;0\.1;0\.5;0;3\.2'
}

@test "check of a closed, a silent and a named port" {
	run check -H 127.0.0.1 -p "${CLOSED#*:}"
	[ "$status" = 2 ]
	plugin_line CRITICAL 'closed: nothing listens' 'U;;;0;3\.2'
	run check -H 127.0.0.1 -p "${SILENT#*:}" -t 200
	[ "$status" = 2 ]
	plugin_line CRITICAL filtered 'U;;;0;0\.2'
	run check -H db.test -p 443 --resolver 127.0.0.1:1
	[ "$status" = 3 ]
	plugin_line UNKNOWN 'the resolver 127.0.0.1:1 cannot be reached' 'U;;;0;3\.2'
}

@test "check waits for a settle time that is longer than the timeout" {
	run check -H 127.0.0.1 -p "${OPEN#*:}" -t 100 --settle 5000
	[ "$status" = 0 ]
	plugin_line OK open '0\.[0-9]*s;;;0;0\.1'
}

@test "a probe with close half says that no handshake was completed" {
	run "$PORTWATCH" probe "$OPEN" --close half -o ndjson
	[ "$status" = 0 ]
	jq -e '.verdict == "open" and (.detail | contains("the handshake was not completed"))' <<<"$output"
}

@test "check judges the round trip by ranges" {
	local at=(-H 127.0.0.1 -p "${OPEN#*:}")
	run check "${at[@]}" -w @0:60s
	[ "$status" = 1 ]
	plugin_line WARNING 'against the warning range @0:60s' '0\.[0-9]*s;@60;;0;3\.2'
	run check "${at[@]}" -w @0:60s -c 60s:
	[ "$status" = 2 ]
	run check "${at[@]}" -w '~:60s' -c 1m -t 5s
	[ "$status" = 0 ]
	plugin_line OK open '0\.[0-9]*s;~:60;60;0;5'
}

@test "a wrong command line of check, its help and its version are UNKNOWN" {
	local wrong
	for wrong in "" "-H 127.0.0.1" "-H 127.0.0.1 -p 99999" "-H a:b -p 1" "-H 127.0.0.1 -p 1 -w x" \
		"-H 127.0.0.1 -p 1 -c 5:1" "-H 127.0.0.1 -p 1 -t 0" "--nonsense"; do
		run check $wrong
		[ "$status" = 3 ]
		[[ $output == "TCP UNKNOWN - "* ]]
		[ "${#lines[@]}" = 1 ]
	done
	run check --help
	[ "$status" = 3 ]
	[[ $output == *Examples:* ]]
	run check -V
	[ "$status" = 3 ]
	[[ $output == "portwatch check "[0-9]* ]]
}

@test "called as check_portwatch it is the plugin" {
	ln -s "$PORTWATCH" check_portwatch
	run ./check_portwatch -H 127.0.0.1 -p "${OPEN#*:}"
	[ "$status" = 0 ]
	plugin_line OK open '.*'
}

# ---------------------------------------------------------------- the rest of the command

@test "help, version and what is not a command" {
	run --separate-stderr "$PORTWATCH" help
	[ "$status" = 0 ]
	[[ $output == *"Examples:"*"Commands:"* ]]
	for command in probe check jobs tail doctor version; do
		run --separate-stderr "$PORTWATCH" help $command
		[ "$status" = 0 ]
		[[ $output == *"Usage: portwatch $command"* ]]
	done
	run "$PORTWATCH" --version
	[[ $output =~ ^portwatch\ [0-9]+\. ]]
	[ "$("$PORTWATCH" version -o json | jq -r .schema)" = portwatch.version/1 ]
	run --separate-stderr "$PORTWATCH"
	[ "$status" = 3 ]
	run --separate-stderr "$PORTWATCH" doktor
	[ "$status" = 3 ]
	[[ $stderr == *'did you mean "doctor"?' ]]
	run --separate-stderr "$PORTWATCH" porbe
	[ "$status" = 3 ]
	[[ $stderr == *'did you mean "probe"?' ]]
	run --separate-stderr "$PORTWATCH" pro
	[ "$status" = 3 ]
}

@test "portwatch engine runs the engine beside it, and says so when there is none" {
	if [ -x "$(dirname "$PORTWATCH")/portwatch-engine" ]; then
		run "$PORTWATCH" engine --help
		[ "$status" = 0 ]
		[[ $output == *"Usage: portwatch-engine"* ]]
	fi
	cp "$PORTWATCH" alone
	PATH=/nonexistent run ./alone engine --help
	[ "$status" = 4 ]
	[[ $output == *"neither beside portwatch nor in PATH"* ]]
}

@test "doctor looks at this machine" {
	run --separate-stderr "$PORTWATCH" doctor -o json
	[ "$status" = 0 ] || [ "$status" = 1 ]
	[ "$(valid doctor-1.json <<<"$output")" = 1 ]
	[ "$(jq -r '[.checks[].verdict == "bad"] | any' <<<"$output")" = "$([ "$status" = 1 ] && echo true || echo false)" ]
	run --separate-stderr "$PORTWATCH" doctor
	[[ $output == *"io_uring"*"RLIMIT_NOFILE"*"tcp_mem"* ]]
}

@test "doctor says what a small machine lacks" {
	run --separate-stderr prlimit --nofile=512:512 -- "$PORTWATCH" doctor -o json
	[ "$status" = 1 ]
	[ "$(jq -r '.checks[] | select(.name == "RLIMIT_NOFILE") | .verdict, .mend' <<<"$output" | xargs)" = \
		"bad ulimit -n 16484 # as root, in the shell that starts it; in a unit: LimitNOFILE=16484" ]
}

@test "the command that doctor shows a container's user makes Docker's profile allow io_uring, and nothing else" {
	local mend
	run --separate-stderr "$DENY_SYSCALL" io_uring_setup -- "$PORTWATCH" doctor -o json
	mend=$(jq -r '.checks[] | select(.name == "io_uring") | .mend' <<<"$output")
	echo "$mend"
	# Neither the profile is fetched nor a container run: both are played.
	mkdir bin
	cat >bin/curl <<-'END'
		#!/bin/sh
		[ "$*" = "-fsSL https://raw.githubusercontent.com/moby/profiles/main/seccomp/default.json" ] &&
			echo '{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}'
	END
	printf '#!/bin/sh\necho "$@"\n' >bin/docker
	chmod +x bin/*
	PATH=$PWD/bin:$PATH run bash -c "$mend"
	[ "$output" = "run --security-opt seccomp=portwatch-seccomp.json IMAGE" ]
	jq -e '.defaultAction == "SCMP_ACT_ERRNO" and (.syscalls | length == 2) and .syscalls[1].action == "SCMP_ACT_ALLOW" and
		(.syscalls[1].names | sort) == ["io_uring_enter", "io_uring_register", "io_uring_setup"]' portwatch-seccomp.json
}

@test "doctor's mend is for who forbids io_uring, not for the filter that is there anyway" {
	local errno mend
	for errno in EMFILE ENOMEM; do
		run --separate-stderr "$DENY_SYSCALL" io_uring_setup --errno $errno -- "$PORTWATCH" doctor -o json
		mend=$(jq -r '.checks[] | select(.name == "io_uring") | .mend' <<<"$output")
		echo "$errno: $mend"
		[[ $mend == "ulimit -"* ]]
		bash -n <<<"$mend"
	done
}

# ---------------------------------------------------------------- with Redis

tail_it() { "$PORTWATCH" tail --redis "$REDIS_URL" "$@"; }
push() { "$PORTWATCH" jobs push --region t1 --redis "$REDIS_URL" "$@"; }

@test "doctor asks Redis and finds what is set wrong" {
	skip_without redis
	redis_start
	run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL" -o json
	[ "$(valid doctor-1.json <<<"$output")" = 1 ]
	[ "$(jq -r '.checks[] | select(.name == "maxmemory-policy" or .name == "redis rights") | .verdict' <<<"$output" |
		xargs)" = "ok ok" ]
	rcli config set maxmemory-policy allkeys-lru
	run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL" -o json
	[ "$status" = 1 ]
	# The mend is a command: it is run as it stands.
	bash -c "$(jq -r '.checks[] | select(.name == "maxmemory-policy") | .mend' <<<"$output")"
	[ "$(rcli config get maxmemory-policy | tail -1)" = noeviction ]
}

@test "doctor tells which commands a user may not run, and leaves nothing behind" {
	skip_without redis
	redis_start
	rcli acl setuser narrow on '>secret' '~pw:*' +@all -xadd -xautoclaim -config
	run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL?user=narrow&password=secret" -o json
	[ "$status" = 1 ]
	[[ $(jq -r '.checks[] | select(.name == "redis rights") | .found' <<<"$output") == *": xadd, xautoclaim" ]]
	[[ $output != *secret* ]]
	[ "$(rcli dbsize)" = 0 ]
}

@test "doctor misses each command that engine, push or tail need, alone, and its mend brings it back" {
	skip_without redis
	redis_start
	[[ $(rcli info server) == *redis_version:[7-9]* ]] || skip "sub-commands cannot be taken away before Redis 7"
	local right found verdict
	for right in xadd xack xrange xrevrange xread xreadgroup 'xgroup|create' 'xgroup|delconsumer' xautoclaim xclaim xpending \
		'xinfo|groups' 'xinfo|consumers' xtrim set get hget hscan hmget hset hdel blpop eval watch unwatch scan time info exec multi; do
		rcli acl setuser narrow reset on '>secret' '~pw:*' +@all "-$right"
		run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL?user=narrow&password=secret" -o json
		[ "$(valid doctor-1.json <<<"$output")" = 1 ]
		found=$(jq -r '.checks[] | select(.name == "redis rights") | .found' <<<"$output")
		verdict=$(jq -r '.checks[] | select(.name == "redis rights") | .verdict' <<<"$output")
		[[ "$found " == "not allowed on pw:*: $right "* ]]
		[ "$verdict" = "$([ $right = info ] && echo warn || echo bad)" ]
		bash -c "$(jq -r '.checks[] | select(.name == "redis rights") | .mend' <<<"$output")"
		run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL?user=narrow&password=secret" -o json
		[ "$(jq -r '.checks[] | select(.name == "redis rights") | .verdict' <<<"$output")" = ok ]
	done
	rcli acl setuser narrow reset on '>secret'
	run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL?user=narrow&password=secret" -o json
	bash -c "$(jq -r '.checks[] | select(.name == "redis rights") | .mend' <<<"$output")"
	run --separate-stderr "$PORTWATCH" doctor --redis "$REDIS_URL?user=narrow&password=secret" -o json
	[ "$(jq -r '.checks[] | select(.name == "redis rights") | .verdict' <<<"$output")" = ok ]
	[ "$(rcli dbsize)" = 0 ]
}

@test "doctor tries every command that the sources send" {
	skip_without redis
	redis_start
	"$PORTWATCH" doctor --redis "$REDIS_URL" >report || true
	rcli info commandstats | sed -n 's/^cmdstat_\([^:]*\):.*/\1/p' >tried
	# Commands are the first words of formats and of argument lists; the greeting is proven by being connected.
	find "$PW_ROOT"/engine "$PW_ROOT"/wire "$PW_ROOT"/cli -name '*.c' ! -name doctor_redis.c |
		xargs grep -hoE '(redis_(ask|appendf)\([^"]*|= \{ |word\[0\] = )"[A-Z]{3,}( [A-Z]{3,})?["% ]' |
		sed -E 's/.*"([A-Z]+ ?[A-Z]*)["% ]$/\L\1/; s/ $//; s/ /|/' | grep -vxE 'auth|select|client.*|ping' | sort -u >sent
	[ "$(wc -l <sent)" -ge 15 ]
	local command
	while read -r command; do
		grep -qxF -e "$command" -e "${command%|*}" tried || { echo "doctor does not try $command"; return 1; }
	done <sent
}

@test "doctor and push say when Redis is not there" {
	run --separate-stderr "$PORTWATCH" doctor --redis "unix://$BATS_TEST_TMPDIR/none" -o json
	[ "$status" = 1 ]
	[ "$(jq -r '.checks[] | select(.name == "redis") | .verdict' <<<"$output")" = bad ]
	run --separate-stderr "$PORTWATCH" jobs push --region t1 --redis "unix://$BATS_TEST_TMPDIR/none" "$OPEN"
	[ "$status" = 4 ]
	[[ $stderr == *"$BATS_TEST_TMPDIR/none"* ]]
}

@test "pushed jobs are entries that a person can read, and the engines' group is there" {
	skip_without redis
	redis_start
	many 200 "$OPEN" | sed 's/^/m /; n' >list
	run --separate-stderr push -f list
	[ "$status" = 0 ]
	[ "$stderr" = "200 jobs in 4 entries went to pw:{t1.0}:jobs" ]
	[ "$(rcli xlen 'pw:{t1.0}:jobs')" = 4 ]
	[ "$(rcli xinfo groups 'pw:{t1.0}:jobs' | sed -n 2p)" = engine ]
	rcli xrange 'pw:{t1.0}:jobs' - + count 1 | head -7 | grep -A1 -x n | grep -qx 64
	run --separate-stderr push --hot --shard 3 --prefix x "$OPEN"
	[ "$stderr" = "1 job in 1 entry went to x:{t1.3}:hot" ]
}

@test "what Redis refuses ends push with its sentence and an advice, status 4" {
	skip_without redis
	redis_start
	rcli acl setuser narrow on '>secret' '~pw:*' +@all -xadd
	run --separate-stderr "$PORTWATCH" jobs push --region t1 --redis "$REDIS_URL?user=narrow&password=secret" "$OPEN"
	[ "$status" = 4 ]
	[[ $stderr == *NOPERM*xadd*ACL* ]]
	rcli set 'pw:{t1.0}:hot' text
	run --separate-stderr push --hot "$OPEN"
	[ "$status" = 4 ]
	[[ $stderr == *WRONGTYPE* ]]
	push "$OPEN"
	rcli config set maxmemory 1
	run --separate-stderr push "$OPEN"
	[ "$status" = 4 ]
	[[ $stderr == *OOM*maxmemory* ]]
}

@test "a wrong command line of jobs and tail is status 3 and reaches no Redis" {
	local wrong
	for wrong in "jobs" "jobs pull" "jobs push $OPEN" "jobs push --region t1 $OPEN" \
		"jobs push --region t1 --redis nonsense $OPEN" "jobs push --region a{b --redis redis://127.0.0.1:1 $OPEN" \
		"jobs push --region eu:1 --redis redis://127.0.0.1:1 $OPEN" "tail --redis redis://127.0.0.1:1 --region e/u" \
		"jobs push --region t1 --prefix p:w --redis redis://127.0.0.1:1 $OPEN" \
		"jobs push --region t1 --redis redis://127.0.0.1:1 nonsense" "jobs push --region t1 --redis redis://127.0.0.1:1" \
		"tail" "tail --redis redis://127.0.0.1:1 --from x" "tail --redis redis://127.0.0.1:1 --fields x"; do
		run --separate-stderr "$PORTWATCH" $wrong
		[ "$status" = 3 ]
		[ -z "$output" ]
		[ -n "$stderr" ]
	done
}

@test "jobs go in, results come out as words" {
	skip_without redis
	[ -x "$PORTWATCH_ENGINE" ] || skip "portwatch-engine is not built"
	redis_start
	engine_start --resolver 127.0.0.1:1
	printf '%s\n' "web $OPEN" "gone $CLOSED" "quiet $SILENT" "named db.test:1" >jobs
	push -f jobs --timeout 300ms
	run --separate-stderr tail_it --from start --count 4 --timeout 10s -o ndjson
	[ "$status" = 0 ]
	[ "$(valid result-1.json <<<"$output")" = 4 ]
	[ "$(jq -r '[.monitor, .verdict, .region] | join(" ")' <<<"$output" | sort | xargs -d '\n' printf '%s, ')" = \
		"gone closed t1, named resolver t1, quiet filtered t1, web open t1, " ]
	run --separate-stderr tail_it --from start --count 1 --timeout 10s --monitor quiet --region t1 --fields monitor,verdict -o csv
	[ "$output" = "monitor,verdict"$'\n'"quiet,filtered" ]
	run --separate-stderr tail_it --from start --count 4 --timeout 10s
	[[ ${lines[0]} =~ ^SLOT\ +REGION\ +MONITOR\ +TARGET\ +VERDICT ]]
	[ "${#lines[@]}" = 5 ]
}

@test "tail without results ends by its time, with status 1 if some were asked for" {
	skip_without redis
	redis_start
	run --separate-stderr tail_it --timeout 300ms
	[ "$status" = 0 ]
	run --separate-stderr tail_it --timeout 300ms --count 1
	[ "$status" = 1 ]
	run --separate-stderr tail_it --region nowhere --shard 7 --timeout 300ms --count 1
	[ "$status" = 1 ]
}

@test "tail says once that there are more streams than it reads" {
	skip_without redis
	redis_start
	rcli eval 'for i = 1, 1030 do redis.call("xadd", "pw:{r" .. i .. ".0}:res", "*", "v", "1") end' 0
	run --separate-stderr tail_it --timeout 700ms
	[ "$status" = 0 ]
	[[ $stderr == "portwatch tail: there are more than 1024 result streams"*"--region"* ]]
	[ "${#stderr_lines[@]}" = 1 ]
	rcli eval 'for i = 1025, 1030 do redis.call("del", "pw:{r" .. i .. ".0}:res") end' 0
	run --separate-stderr tail_it --timeout 700ms
	[ -z "$stderr" ]
}

@test "tail that has a stream walks over the keys at the beginning and not every other second" {
	skip_without redis
	redis_start
	rcli xadd 'pw:{t1.0}:res' '*' v 1
	tail_it --timeout 4500ms
	rcli info commandstats | grep -q '^cmdstat_scan:calls=1,'
}

@test "tail goes on after a restart of Redis, finds new streams, and Ctrl-C ends it with status 0" {
	skip_without redis
	[ -x "$PORTWATCH_ENGINE" ] || skip "portwatch-engine is not built"
	redis_start --aof
	"$PORTWATCH" tail --redis "$REDIS_URL" -o ndjson >results 2>errors 3>&- &
	local pid=$!
	note_process $pid
	wait_for 10 eval 'rcli client list | grep -q name=portwatch-tail'
	engine_start
	echo "one $OPEN" | push -f -
	wait_for 10 grep -q '"monitor":"one"' results
	redis_kill9
	wait_for 10 grep -q 'redis lost' errors
	redis_restart
	echo "two $OPEN" | push -f -
	wait_for 20 grep -q '"monitor":"two"' results
	[ "$(jq -r .monitor results | xargs)" = "one two" ]
	is_running $pid
	kill -INT $pid
	await_exit $pid 5
	run -0 wait $pid
}

@test "tail says what it may not read and ends with status 4" {
	skip_without redis
	redis_start
	rcli acl setuser narrow on '>secret' '~other:*' +@all -scan
	run --separate-stderr "$PORTWATCH" tail --redis "$REDIS_URL?user=narrow&password=secret" --timeout 5s
	[ "$status" = 4 ]
	[[ $stderr == *NOPERM* ]]
}
