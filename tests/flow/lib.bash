# lib.bash - what the stories need: a network namespace, a scripted peer, a Redis and an engine of their own.
# In: sourced by a .bats file.  Out: functions; everything they start is written down and ended by cleanup_all.
# Why so: the notes of what was started are files, because bats runs setup_file, every test and teardown_file as
# different processes.  Waiting is always for an event (a line in a log), bounded by `timeout`; never a sleep.
#
#   setup_file()    { file_needs tun netns || return 0; netns_make verdicts; peer_start 1000=open; }
#   setup()         { skip_if_lacking; }
#   teardown_file() { cleanup_all; }
#   @test "a listening port is open" { run in_ns "$PORTWATCH" probe 198.18.7.7:1000; [ "$status" = 0 ]; }
#
# What is started in setup_file is ended by cleanup_all in teardown_file; what is started in a test, by cleanup_all
# in teardown.  Variables for the stories: PW_NS, PW_FAR, PEER_PID, REDIS_SOCK, REDIS_URL, REDIS_PID, ENGINE_PID,
# ENGINE_LOG.

bats_require_minimum_version 1.5.0

PW_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${PW_BUILD:=$PW_ROOT/build}"
: "${PORTWATCH:=$PW_BUILD/portwatch}"
: "${PORTWATCH_ENGINE:=$PW_BUILD/portwatch-engine}"
: "${TUN_PEER:=$PW_BUILD/tests/tun-peer}"
: "${DENY_SYSCALL:=$PW_BUILD/tests/deny-syscall}"
: "${BENCH_LIMIT:=$PW_BUILD/bench/limit}"
# The system's own interpreter starts three times faster than a version manager's wrapper around another.
[ -x /usr/bin/python3 ] && : "${PYTHON:=/usr/bin/python3}"
: "${PYTHON:=python3}"
export PYTHON PW_ROOT PW_BUILD PORTWATCH PORTWATCH_ENGINE TUN_PEER DENY_SYSCALL BENCH_LIMIT

# The stories probe themselves on loopback, and many count the connects of jobs that are all the same; policy.bats says
# itself what it means.
: "${PORTWATCH_ENGINE_POLICY:=any}" "${PORTWATCH_ENGINE_COALESCE:=no}"
export PORTWATCH_ENGINE_POLICY PORTWATCH_ENGINE_COALESCE

# ---------------------------------------------------------------- notes of what was started

# Prints the directory of this test, or of the file when called from setup_file; it lives as long as they do.
scope() {
	local dir=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/pw
	mkdir -p "$dir"
	echo "$dir"
}

# Prints when process PID was started, in ticks since boot: together they name one process for ever.
started_at() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) }
	set -- $stat
	echo "${20}"
}

# Notes that process PID belongs to this test.
note_process() {
	echo "$1 $(started_at "$1")" >>"$(scope)/processes"
}

# True while PID runs (a zombie has ended).
is_running() {
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}

# Ends PID: SIGTERM, and SIGKILL when it still runs after SECONDS (default 10).  Returns its exit status if it is ours.
end_process() {
	# In this order: a SIGCONT during the exit of a build with sanitizers makes its leak check wait for ever.
	kill -CONT "$1" 2>/dev/null || true
	kill -TERM "$1" 2>/dev/null || true
	await_exit "$1" "${2:-10}" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# Waits until PID has ended, at most SECONDS; returns 1 when it has not.
await_exit() {
	is_running "$1" || return 0
	timeout "$2" tail -f -s 0.02 --pid="$1" /dev/null 3>&- || ! is_running "$1"
}

# Waits for a line that matches the extended regular expression in FILE, written by PID; at most SECONDS.
await_line() { # SECONDS PID REGEX FILE
	timeout "$1" grep -m1 -qE -- "$3" < <(exec tail -n +1 -f -s 0.05 --pid="$2" "$4" 2>/dev/null 3>&-)
}

# Runs COMMAND every 50 ms until it succeeds, at most SECONDS; only for what announces itself in no log.
wait_for() { # SECONDS COMMAND...
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Ends every process and removes every namespace that this scope started, last first.  For teardown(_file).
cleanup_all() {
	local dir pid began name
	dir=$(scope)
	if [ -e "$dir/processes" ]; then
		while read -r pid began; do
			[ "$(started_at "$pid")" = "$began" ] && end_process "$pid" 5
		done < <(tac "$dir/processes")
		rm "$dir/processes"
	fi
	if [ -e "$dir/namespaces" ]; then
		while read -r name; do
			ip netns del "$name" 2>/dev/null
		done < <(tac "$dir/namespaces")
		rm "$dir/namespaces"
	fi
	return 0
}

# ---------------------------------------------------------------- rights

# True when this machine lets us make tun devices, nft rules, network namespaces (netns), use io_uring, or has
# redis or python.
have_right() {
	case $1 in
	tun) [ -c /dev/net/tun ] && unshare -n ip tuntap add dev pwtest mode tun 2>/dev/null ;;
	nft) command -v nft >/dev/null && unshare -n nft add table inet pwtest 2>/dev/null ;;
	netns) ip netns add "pwtest-$$" 2>/dev/null && ip netns del "pwtest-$$" ;;
	io_uring) io_uring_works ;;
	redis) command -v redis-server >/dev/null && command -v redis-cli >/dev/null ;;
	python) command -v "$PYTHON" >/dev/null ;;
	*) echo "have_right: what is $1?" >&2; return 2 ;;
	esac
}

# Prints why the first missing right of those named is missing; returns 1 when all are there.
lacking() {
	local right
	for right in "$@"; do
		have_right "$right" && continue
		case $right in
		tun) echo "this machine does not let us create a TUN device (/dev/net/tun, CAP_NET_ADMIN)" ;;
		nft) echo "nft rules cannot be set here (nftables missing or no CAP_NET_ADMIN)" ;;
		netns) echo "network namespaces cannot be made here (ip netns add)" ;;
		io_uring) echo "io_uring is refused here (seccomp, kernel.io_uring_disabled or no support)" ;;
		*) echo "$right is not installed" ;;
		esac
		return 0
	done
	return 1
}

# Skips this test and says why when one of the rights named is missing.
skip_without() {
	local why
	if why=$(lacking "$@"); then skip "$why"; fi
}

# For setup_file, where bats 1.8 cannot skip: returns 1 and notes the reason, which skip_if_lacking in setup() tells.
file_needs() {
	lacking "$@" >"$BATS_FILE_TMPDIR/lacking" && return 1
	rm "$BATS_FILE_TMPDIR/lacking"
}

# Skips this test when file_needs missed something.
skip_if_lacking() {
	if [ -e "$BATS_FILE_TMPDIR/lacking" ]; then skip "$(cat "$BATS_FILE_TMPDIR/lacking")"; fi
}

# ---------------------------------------------------------------- namespaces and links

# Makes a network namespace with nothing but a loopback, and calls it $PW_NS.  NAME: a few letters.
netns_make() {
	export PW_NS=pw-$1-$$
	namespace_add "$PW_NS"
}

# Makes the namespace of that name, without ICMP rate limits: the stories want every error the kernel owes them.
namespace_add() {
	ip netns add "$1" || return
	echo "$1" >>"$(scope)/namespaces"
	enter "$1" ip link set lo up
	enter "$1" sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratemask=200
}

# Runs COMMAND in namespace NAME.
enter() { # NAME COMMAND...
	local name=$1
	shift
	nsenter --net="/run/netns/$name" -- "$@"
}

# Runs COMMAND in our namespace; where none was made, here.
in_ns() {
	if [ -n "${PW_NS:-}" ]; then enter "$PW_NS" "$@"; else "$@"; fi
}

# Becomes COMMAND in our namespace: for the background, where $! must be COMMAND itself and not a shell around it.
# In a session of its own: a stopped process in a group that becomes an orphan (a run without a terminal) is woken by the
# kernel with SIGHUP and SIGCONT, and a story that stops an engine would see it go on.
become_in_ns() {
	if [ -n "${PW_NS:-}" ]; then exec setsid nsenter --net="/run/netns/$PW_NS" -- "$@"; else exec setsid "$@"; fi
}

# Runs COMMAND in the namespace at the other end of veth_pair.
in_far() {
	enter "$PW_FAR" "$@"
}

# Becomes COMMAND there.
become_in_far() {
	exec setsid nsenter --net="/run/netns/$PW_FAR" -- "$@"
}

# Starts COMMAND in the background (BECOME is become_in_ns or become_in_far) and waits until it prints the line
# `ready`.  Its output is the file $STARTED_OUT, its process $STARTED_PID; cleanup_all ends it.
start_ready() { # NAME BECOME COMMAND...
	local out
	out=$(scope)/$1.out
	: >"$out"
	"${@:2}" >"$out" 2>"$out.err" 3>&- &
	STARTED_PID=$! STARTED_OUT=$out
	note_process "$STARTED_PID"
	await_line 10 "$STARTED_PID" '^ready$' "$out" || { cat "$out" "$out.err" >&2; return 1; }
}

# True when io_uring can be used here at all, whatever the reason it cannot.
io_uring_works() {
	"$PYTHON" -c 'import ctypes, errno
c = ctypes.CDLL(None, use_errno=True)
c.syscall(425, 1, 0)  # io_uring_setup with no parameters: EFAULT where it is allowed
raise SystemExit(ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES))'
}

# Makes $PW_FAR and a link to it: near 198.18.1.1 and fd00:18:1::1, far 198.18.1.2 and fd00:18:1::2 (and 22 more
# far addresses, .3 and ::3 up to .24 and ::18, so that a story can give each row its own).
veth_pair() {
	local i
	export PW_FAR=$PW_NS-far
	namespace_add "$PW_FAR"
	in_ns ip link add pwv0 type veth peer name pwv0 netns "$PW_FAR"
	in_ns ip addr add 198.18.1.1/24 dev pwv0
	in_ns ip addr add fd00:18:1::1/64 dev pwv0 nodad
	for i in {2..24}; do
		printf 'addr add 198.18.1.%d/24 dev pwv0\naddr add fd00:18:1::%x/64 dev pwv0 nodad\n' "$i" "$i"
	done | in_far ip -batch -
	in_ns ip link set pwv0 up
	in_far ip link set pwv0 up
}

# Adds a rule for incoming packets at the far end, e.g. nft_far tcp dport 81 reject with icmp type port-unreachable
nft_far() {
	nft_rule in_far input "$@"
}

# Adds a rule for our own outgoing packets, e.g. nft_near tcp dport 82 reject
nft_near() {
	nft_rule in_ns output "$@"
}

nft_rule() { # in_far|in_ns input|output RULE...
	local where=$1 hook=$2
	shift 2
	"$where" nft -f - <<-END
		add table inet pw
		add chain inet pw $hook { type filter hook $hook priority 0; }
		add rule inet pw $hook $*
	END
}

# ---------------------------------------------------------------- the scripted peer

# Starts tun-peer with RULES in our namespace (device pw0, 198.18.0.1/15, fd00:18::1/64) and waits until it is ready.
peer_start() {
	start_ready peer become_in_ns "$TUN_PEER" --for 900 "$@" || return
	export PEER_PID=$STARTED_PID PEER_OUT=$STARTED_OUT
}

# Prints the peer's counters as one line of JSON.
peer_counts() {
	local lines
	lines=$(wc -l <"$PEER_OUT")
	kill -USR1 "$PEER_PID" || return
	timeout 5 head -n 1 < <(exec tail -n "+$((lines + 1))" -f -s 0.05 --pid="$PEER_PID" "$PEER_OUT" 3>&-)
}

# Ends the peer; prints its last counters.
peer_stop() {
	end_process "$PEER_PID"
	tail -n 1 "$PEER_OUT"
}

# ---------------------------------------------------------------- Redis

# Starts a private redis-server on a unix socket; --aof keeps what was written over redis_kill9.
redis_start() {
	local dir
	dir=$(scope)/redis
	mkdir -p "$dir"
	export REDIS_DIR=$dir REDIS_SOCK=$dir/sock REDIS_AOF=no
	export REDIS_URL=unix://$REDIS_SOCK
	if [ "${1:-}" = --aof ]; then REDIS_AOF=yes; fi
	redis_restart
}

# Starts the redis-server of redis_start again, with the same directory and more LINES of configuration; waits until it
# accepts connections.
redis_restart() { # [LINE]...
	local log=$REDIS_DIR/log
	: >"$log"
	become_in_ns redis-server - >"$log" 2>&1 3>&- <<-END &
		port 0
		unixsocket $REDIS_SOCK
		dir $REDIS_DIR
		save ""
		appendonly $REDIS_AOF
		maxmemory 256mb
		maxmemory-policy noeviction
		enable-debug-command local
		enable-protected-configs local
		$(printf '%s\n' "$@")
	END
	export REDIS_PID=$!
	note_process "$REDIS_PID"
	await_line 10 "$REDIS_PID" '[Rr]eady to accept connections' "$log" || { cat "$log" >&2; return 1; }
}

# Kills the redis-server as a crash would and waits until it is gone.
redis_kill9() {
	kill -KILL "$REDIS_PID"
	await_exit "$REDIS_PID" 5
	wait "$REDIS_PID" 2>/dev/null || true
}

# redis-cli on the private server.
rcli() {
	redis-cli -s "$REDIS_SOCK" "$@"
}

# ---------------------------------------------------------------- the engine

# Starts an engine for region t1 on the private Redis and waits for its `ready` line.  ARGS come after the defaults.
# ENGINE_UNDER=(prlimit --nofile=64 --) runs it under another command that execs it.
engine_start() {
	local n log
	n=$(cat "$(scope)/engines" 2>/dev/null || echo 0)
	echo $((n + 1)) >"$(scope)/engines"
	log=$(scope)/engine$n.log
	: >"$log"
	become_in_ns "${ENGINE_UNDER[@]}" "$PORTWATCH_ENGINE" --region t1 --redis "$REDIS_URL" "$@" \
		>"$log.out" 2>"$log" 3>&- &
	export ENGINE_PID=$! ENGINE_LOG=$log
	note_process "$ENGINE_PID"
	await_line 10 "$ENGINE_PID" 'msg("?[=:])"?ready"?' "$log" || { cat "$log" "$log.out" >&2; return 1; }
}

# Asks the engine (or PID) to drain and leave; waits at most 15 s and returns its exit status.  Not under `run`: a
# subshell cannot wait for it.
engine_stop() {
	end_process "${1:-$ENGINE_PID}" 15
}

# Kills the engine (or PID) as a crash would and waits until it is gone.
engine_kill9() {
	local pid=${1:-$ENGINE_PID}
	kill -KILL "$pid"
	await_exit "$pid" 5
	wait "$pid" 2>/dev/null || true
}

# Prints what the engine says of itself at /metrics; it has to run with --metrics 127.0.0.1:0.
metrics() {
	local port
	port=$(sed -nE 's/.*[ ,"]metrics_port("?[=:])([0-9]+).*/\2/p' "$ENGINE_LOG")
	in_ns curl -sSf --max-time 5 "http://127.0.0.1:$port/metrics"
}

# Prints one number of it, or the sum over its labels; NAME is what follows portwatch_engine_, LABEL a part of its labels.
metric() { # NAME [LABEL]
	metrics | awk -v name="portwatch_engine_$1" -v label="${2:-}" '
		$1 == name || index($1, name "{") == 1 && index($1, label) { sum += $NF }
		END { print sum + 0 }'
}

# True while that number compares so, e.g. metric_is connects_total -ge 5
metric_is() { # NAME OPERATOR NUMBER
	[ "$(metric "$1")" "$2" "$3" ]
}

# ---------------------------------------------------------------- jobs in, results out

# The name of a stream of region t1, shard 0.
stream() { # jobs|hot|res|dlq
	echo "pw:{t1.0}:$1"
}

# Puts targets on the engines' queue.
jobs_push() { # ARGS of portwatch jobs push
	"$PORTWATCH" jobs push --region t1 --redis "$REDIS_URL" "$@"
}

# Turns JSON on standard input into msgpack.
msgpack() {
	"$PYTHON" -c '
import json, struct, sys
def pack(v):
    if v is None: return b"\xc0"
    if isinstance(v, bool): return b"\xc3" if v else b"\xc2"
    if isinstance(v, int): return struct.pack(">Bq", 0xd3, v)
    if isinstance(v, str): return struct.pack(">BH", 0xda, len(v.encode())) + v.encode()
    if isinstance(v, list): return struct.pack(">BH", 0xdc, len(v)) + b"".join(map(pack, v))
    return struct.pack(">BH", 0xde, len(v)) + b"".join(pack(x) for pair in v.items() for x in pair)
sys.stdout.buffer.write(pack(json.load(sys.stdin)))'
}

# Adds an entry as a producer that is not ours: its blob is standard input, FIELD VALUE stand before it.
entry_add() { # jobs|hot [FIELD VALUE]...
	rcli -x XADD "$(stream "$1")" '*' "${@:2}" b
}

# Adds a batch of jobs given as JSON: [{defaults}, [[monitor, host, port], ...]]
batch_add() { # jobs|hot JSON
	msgpack <<<"$2" | entry_add "$1" v 1 n 0
}

# Prints the first N results as lines of JSON and waits for them, 10 s for each; returns 1 if they do not come.
results() { # N
	# tail looks for new streams only now and then
	rcli XREAD COUNT 1 BLOCK 10000 STREAMS "$(stream res)" 0 >/dev/null
	timeout 100 "$PORTWATCH" tail --redis "$REDIS_URL" --from start -o ndjson --count "$1" --timeout 10s
}

# Prints all results there are: those that are acknowledged, for who acknowledges publishes in the same breath.
results_there() {
	"$PORTWATCH" tail --redis "$REDIS_URL" --from start -o ndjson --timeout 300ms
}

# Prints how many entries are delivered and not acknowledged, in both job streams (or by one CONSUMER).
pending() { # [CONSUMER]
	local key sum=0 n
	for key in hot jobs; do
		n=$(rcli XPENDING "$(stream $key)" engine | awk -v who="${1:-}" '
			NR == 1 && who == "" { print; exit }
			who != "" && last == who { print; exit }
			{ last = $0 }')
		sum=$((sum + ${n:-0}))
	done
	echo "$sum"
}

# True when nothing is pending.
nothing_pending() {
	[ "$(pending)" = 0 ]
}

# Lines "PREFIXi TARGET-ADDRESS:PORT" for N monitors.
targets() { # PREFIX N PORT
	awk -v p="$1" -v n="$2" -v port="$3" 'BEGIN { for (i = 0; i < n; i++) printf "%s%d 198.18.%d.7:%d\n", p, i, i % 250, port }'
}

# Two complaints a second, for each of the engine's two links to Redis, are the most that an operator is asked to read,
# however long it lasts.
quiet() {
	local link
	for link in jobs results; do # the other link's lines are left out; those of no link count with both
		grep -vE "level=info|link=[^ ]*:$([ $link = jobs ] && echo results || echo jobs)( |\$)" "$ENGINE_LOG" |
			sed -E 's,^ts=([0-9-]+)T([0-9:]+).*,\1 \2,' | awk -v link=$link '
			{ split($2, t, ":"); s = t[1] * 3600 + t[2] * 60 + t[3]; if (NR == 1) first = s; last = s }
			END { span = (last - first + 86400) % 86400 + 1; print link ":", NR, "complaints in", span, "s"; exit NR > 2 * (span + 1) }'
	done
}

# errors_of KIND: how often that kind of trouble was met, on both links.
errors_of() {
	metric redis_errors_total "kind=\"$1\""
}

errors_of_is() { # KIND OPERATOR NUMBER
	[ "$(errors_of "$1")" "$2" "$3" ]
}

# all_answered N [COMMAND]...: the results come to N different jobs, of which none is left pending.
all_answered() {
	local out=$BATS_TEST_TMPDIR/out
	results "$1" >"$out"
	if [ "$(jq -r .monitor "$out" | sort -u | wc -l)" != "$1" ]; then
		wait_for 10 nothing_pending
		results_there >"$out"
	fi
	[ "$(jq -r .monitor "$out" | sort -u | wc -l)" = "$1" ]
	wait_for 10 nothing_pending
	is_running "$ENGINE_PID"
}
