#!/usr/bin/env bats
# prober_trouble.bats - what this machine cannot do is this machine's trouble: class unknown, never a target's fault, and
# every job still has its result.

load lib.bash

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make trouble
	veth_pair
	peer_start 1000=open 1001=rst 1002=silent 1003=icmp=3/13,icmp6=1/1 1004=open,drop=1 1021=reset 1040=open
	in_ns ip addr add 198.18.1.201/24 dev pwv0
	in_ns ip addr add 198.18.1.202/24 dev pwv0
	in_ns ip addr add fd00:18:1::201/64 dev pwv0 nodad
	redis_start
}

setup() {
	skip_if_lacking
	rcli FLUSHALL >/dev/null
}

teardown() {
	cleanup_all
	in_ns sysctl -qw net.ipv4.ip_local_port_range='32768 60999'
}

teardown_file() {
	cleanup_all
}

connectors() {
	echo epoll
	if have_right io_uring; then echo io_uring; fi
}

# Counts "class verdict" of the results in FILE.
tally() {
	jq -r '"\(.class) \(.verdict)"' "$1" | sort | uniq -c | awk '{ print $1, $2, $3 }'
}

# N targets on PORT, over both families.
mixed() { # N PORT
	awk -v n="$1" -v port="$2" 'BEGIN { for (i = 0; i < n; i++)
		printf i % 2 ? "m%d 198.18.%d.7:%d\n" : "m%d [fd00:18::%x]:%d\n", i, 4 + i % 250, port }'
}

# ---------------------------------------------------------------- descriptors

@test "with 64 descriptors an engine answers 500 targets, all of them up" {
	local connector
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		local ENGINE_UNDER=(prlimit --nofile=64 --)
		engine_start --connector "$connector"
		grep -q 'msg="fewer slots than asked for: descriptors are limited" .*RLIMIT_NOFILE=64' "$ENGINE_LOG"
		mixed 500 1000 | jobs_push -f -
		results 500 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "500 up open" ]
		[ "$(jq -r .monitor "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" = 500 ]
		engine_stop
	done
}

@test "with 64 descriptors probe answers 500 targets, all of them up" {
	local connector
	for connector in $(connectors); do
		mixed 500 1000 | sed 's/.* //' >"$BATS_TEST_TMPDIR/targets"
		in_ns prlimit --nofile=64 "$PORTWATCH" probe --connector "$connector" -o ndjson -f "$BATS_TEST_TMPDIR/targets" \
			>"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "500 up open" ]
	done
}

# Opens descriptors that the engine does not know of until 20 of the 64 are left, whatever this shell inherited, and
# becomes COMMAND: the engine keeps six for itself, so that 14 sockets stand against the 24 slots it believes in.
under_clutter='until open=(/proc/$$/fd/*); [ ${#open[@]} -ge 44 ]; do exec {fd}</dev/null; done; exec "$@"'

@test "when descriptors really run out no target is down for it and the engine lives" {
	local connector
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		local ENGINE_UNDER=(prlimit --nofile=64 -- bash -c "$under_clutter" --)
		engine_start --connector "$connector"
		mixed 100 1002 | jobs_push -t 300ms -f - # silent: all slots are wanted at once
		mixed 400 1000 | sed 's/^/open-/' | jobs_push -f -
		results 500 >"$BATS_TEST_TMPDIR/out"
		tally "$BATS_TEST_TMPDIR/out"
		jq -se 'map(select(.monitor | startswith("open-"))) | length == 400 and all(.class != "down")' "$BATS_TEST_TMPDIR/out"
		jq -se 'map(select(.class == "unknown")) | all(.verdict == "local" and .errno == "EMFILE")' "$BATS_TEST_TMPDIR/out"
		jq -se 'map(select(.verdict == "local")) | length >= 1' "$BATS_TEST_TMPDIR/out"
		# With room again it goes on as before.
		mixed 1 1000 | sed 's/^/again-/' | jobs_push -f -
		results 501 | tail -n 1 | jq -e '.verdict == "open"'
		engine_stop
	done
}

# ---------------------------------------------------------------- ports, routes, rules, addresses

@test "without a free local port a job is local, and the port is used again when it is free" {
	local connector
	in_ns sysctl -qw net.ipv4.ip_local_port_range='40000 40003'
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		engine_start --connector "$connector"
		batch_add jobs "$(jq -nc '[{timeout_ms: 500}, [range(20) | ["m\(.)", "198.18.77.7", 1002]]]')"
		results 20 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "$(printf '4 down filtered\n16 unknown local')" ]
		jq -se 'map(select(.verdict == "local")) | all(.errno == "EADDRNOTAVAIL" and (.detail | contains("ip_local_port_range")))' \
			"$BATS_TEST_TMPDIR/out"
		for i in 1 2 3 4 5 6; do
			batch_add jobs '[{}, [["again", "198.18.77.7", 1000]]]'
			results $((20 + i)) | tail -n 1 | jq -e '.verdict == "open"'
		done
		engine_stop
	done
}

@test "a route that goes away is local and comes back by itself" {
	local connector
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		engine_start --connector "$connector"
		in_ns ip route del 198.18.0.0/15 dev pw0
		batch_add jobs "$(jq -nc '[{}, [range(20) | ["m\(.)", "198.18.77.7", 1000]]]')"
		results 20 >"$BATS_TEST_TMPDIR/out"
		in_ns ip route add 198.18.0.0/15 dev pw0 src 198.18.0.1
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "20 unknown local" ]
		jq -se 'all(.errno == "ENETUNREACH" and (.detail | contains("ip route get")))' "$BATS_TEST_TMPDIR/out"
		batch_add jobs "$(jq -nc '[{}, [range(20) | ["again\(.)", "198.18.77.7", 1000]]]')"
		results 40 | tail -n 20 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "20 up open" ]
		engine_stop
	done
}

# cgroup_deny.py DIRECTORY PORT COMMAND...: makes the cgroup, forbids connect(2) to that port in it (a BPF program at
# connect4, as container policies have it: EPERM) and becomes COMMAND in it.
cgroup_deny='
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
path, port = sys.argv[1], int(sys.argv[2])
def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr, 128)
    got = libc.syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], command, buffer, 128)
    if got < 0:
        sys.exit(77)
    return got
def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, dst | src << 4, off, imm)
network = int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)
program = ctypes.create_string_buffer(
    insn(0x61, 2, 1, 24) +            # r2 = ctx->user_port
    insn(0xb7, 0, imm=1) +            # r0 = allowed
    insn(0x55, 2, off=1, imm=network) +
    insn(0xb7, 0, imm=0) +
    insn(0x95))
licence = ctypes.create_string_buffer(b"GPL")
os.makedirs(path, exist_ok=True)
SOCK_ADDR, INET4_CONNECT = 18, 10
fd = bpf(5, struct.pack("<IIQQIIQII16sII", SOCK_ADDR, 5, ctypes.addressof(program), ctypes.addressof(licence),
                        0, 0, 0, 0, 0, b"", 0, INET4_CONNECT))
group = os.open(path, os.O_RDONLY)
bpf(8, struct.pack("<IIII", group, fd, INET4_CONNECT, 0))
os.close(fd)
os.close(group)
with open(path + "/cgroup.procs", "w") as f:
    f.write(str(os.getpid()))
os.execvp(sys.argv[3], sys.argv[3:])
'

@test "a connect that a policy of this host forbids is local" {
	local connector status root group
	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$root" ] && [ -w "$root/cgroup.procs" ] || skip "no cgroup2 tree to write to here"
	group=$root/pwtest-$BASHPID
	for connector in $(connectors); do
		status=0
		in_ns "$PYTHON" -c "$cgroup_deny" "$group" 1040 "$PORTWATCH" probe --connector "$connector" -o ndjson \
			198.18.77.7:1040 198.18.77.8:1040 198.18.77.7:1000 >"$BATS_TEST_TMPDIR/out" || status=$?
		rmdir "$group"
		[ "$status" != 77 ] || skip "BPF programs cannot be loaded and attached to a cgroup here"
		[ "$status" = 2 ]
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "$(printf '2 unknown local\n1 up open')" ]
		jq -se 'map(select(.verdict == "local")) | all(.errno == "EPERM" and .port == 1040)' "$BATS_TEST_TMPDIR/out"
	done
}

# Says from which address each connection came.
listener='
import os, socket, threading
def serve(family, host):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, 2301))
    s.listen(128)
    def run():
        while True:
            peer, address = s.accept()
            os.write(1, b"from %s\n" % address[0].encode())  # in one piece, from either thread
            peer.close()
    threading.Thread(target=run).start()
serve(socket.AF_INET, "198.18.1.2")
serve(socket.AF_INET6, "fd00:18:1::2")
print("ready", flush=True)
'

@test "--source chooses the addresses that targets see, each of them" {
	local connector seen
	start_ready listener become_in_far "$PYTHON" -c "$listener"
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		seen=$(wc -l <"$STARTED_OUT")
		engine_start --connector "$connector" --source 198.18.1.201 --source 198.18.1.202 --source fd00:18:1::201
		batch_add jobs "$(jq -nc '[{close: "fin"}, [range(20) | ["m\(.)", (if . % 2 == 0 then "198.18.1.2" else "fd00:18:1::2" end), 2301]]]')"
		results 20 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "20 up open" ]
		wait_for 5 lines_are $((seen + 20)) "$STARTED_OUT"
		tail -n 20 "$STARTED_OUT" | sort -u | diff - <(printf 'from %s\n' 198.18.1.201 198.18.1.202 fd00:18:1::201)
		engine_stop
	done
}

lines_are() { # N FILE
	[ "$(wc -l <"$2")" = "$1" ]
}

@test "a --source that is no address of this host is status 3 and a sentence" {
	run in_ns timeout 10 "$PORTWATCH_ENGINE" --region t1 --redis "$REDIS_URL" --source 198.18.1.250
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *'--source: "198.18.1.250"'*'assign requested address'* ]]
}

@test "a --source that this host loses makes every job from it local, and not the others" {
	local connector
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		in_ns ip addr add 198.18.1.203/24 dev pwv0
		engine_start --connector "$connector" --source 198.18.1.203
		in_ns ip addr del 198.18.1.203/24 dev pwv0
		batch_add jobs '[{}, [["a", "198.18.77.7", 1000], ["b", "198.18.77.7", 1001], ["six", "fd00:18::77", 1000]]]'
		results 3 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "$(printf '2 unknown local\n1 up open')" ]
		jq -se 'map(select(.verdict == "local")) | all(.errno == "EADDRNOTAVAIL")' "$BATS_TEST_TMPDIR/out"
		engine_stop
	done
}

@test "no more connections begin than --rate allows, and not many fewer" {
	local connector before began elapsed syns last
	for connector in $(connectors); do
		rcli FLUSHALL >/dev/null
		before=$(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn')
		engine_start --connector "$connector" --rate 100
		began=${EPOCHREALTIME/./}
		mixed 320 1040 | jobs_push -f -
		last=0
		while [ "$last" -lt 320 ]; do
			syns=$(($(peer_counts | jq '.rules[] | select(.ports == "1040") | .syn') - before))
			elapsed=$((${EPOCHREALTIME/./} - began))
			# A delay anywhere makes for fewer at a time, never for more.
			[ "$syns" -le $((elapsed * 100 / 1000000 + 5)) ]
			[ "$elapsed" -lt 20000000 ]
			last=$syns
		done
		echo "$connector: $syns SYNs in $elapsed us"
		[ "$elapsed" -ge 3100000 ]
		results 320 >"$BATS_TEST_TMPDIR/out"
		[ "$(tally "$BATS_TEST_TMPDIR/out")" = "320 up open" ]
		engine_stop
	done
}

# ---------------------------------------------------------------- connection tracking

# Entries that this namespace holds.
tracked() {
	in_ns cat /proc/sys/net/netfilter/nf_conntrack_count
}

# The mend for a table of 65,536 entries, which this machine seems to have while doctor looks.
conntrack_mend() {
	echo 65536 >"$BATS_TEST_TMPDIR/max"
	unshare -m sh -c 'mount --bind "$1" /proc/sys/net/netfilter/nf_conntrack_max && exec "$2" doctor -o json' \
		sh "$BATS_TEST_TMPDIR/max" "$PORTWATCH" | jq -r '.checks[] | select(.name == "nf_conntrack") | .mend'
}

@test "the nft commands that doctor shows keep probes out of the connection table, and they are answered as before" {
	skip_without nft
	local before
	nft_near ct state new counter # who asks for the state is tracked
	in_ns test -e /proc/sys/net/netfilter/nf_conntrack_count || skip "connections are not tracked on this host"
	before=$(tracked)
	in_ns "$PORTWATCH" probe --source 198.18.1.201 --timeout 200ms -o ndjson 198.18.44.{1..40}:1002 >"$BATS_TEST_TMPDIR/out" || true
	[ $(($(tracked) - before)) -ge 40 ]
	conntrack_mend | tee "$BATS_TEST_TMPDIR/mend"
	grep -q '^sysctl -w net.netfilter.nf_conntrack_max=262144$' "$BATS_TEST_TMPDIR/mend"
	sed -i '/^sysctl /d' "$BATS_TEST_TMPDIR/mend" # the host's own table is not ours to change
	if in_ns bash "$BATS_TEST_TMPDIR/mend"; then false; fi # without an address nothing is done
	A=198.18.1.201 in_ns bash "$BATS_TEST_TMPDIR/mend"
	before=$(tracked)
	in_ns "$PORTWATCH" probe --source 198.18.1.201 --timeout 200ms -o ndjson 198.18.45.{1..40}:1002 198.18.45.{1..20}:1000 \
		198.18.45.{1..20}:1001 >"$BATS_TEST_TMPDIR/out" || true
	[ "$(tally "$BATS_TEST_TMPDIR/out")" = "$(printf '20 down closed\n40 down filtered\n20 up open')" ]
	[ "$(tracked)" -le "$before" ]
	in_ns nft delete table inet portwatch
	in_ns nft delete table inet pw
}

# ---------------------------------------------------------------- no io_uring

# One target for each kind of answer.
kinds() {
	printf '%s\n' 198.18.77.7:100{0..4} '[fd00:18::77]:100'{0..4} 198.18.77.7:1021
}

# What must not depend on the connector.
comparable() {
	jq -c '[.target, .address, .class, .verdict, .errno, .syn_retrans]' "$1" | sort
}

# falls_back ERRNO SYSCALL WHY: the engine works through epoll, says why in one line and in /metrics, and answers alike.
falls_back() {
	local ENGINE_UNDER=("$DENY_SYSCALL" "$2" --errno "$1" --)
	engine_start --metrics 127.0.0.1:0
	kinds | jobs_push -t 1500ms --settle 200 -f -
	results 11 >"$BATS_TEST_TMPDIR/denied"
	[ "$(grep -c 'msg="io_uring is not available, epoll does its work"' "$ENGINE_LOG")" = 1 ]
	grep 'msg="io_uring is not available' "$ENGINE_LOG"
	grep -qF "why=\"$2: $3" "$ENGINE_LOG"
	metrics | grep -F "portwatch_engine_connector_info{connector=\"epoll\",why=\"$2: $3"
	grep -q 'msg=ready.* connector=epoll' "$ENGINE_LOG"
	engine_stop
	rcli FLUSHALL >/dev/null
	engine_start
	kinds | jobs_push -t 1500ms --settle 200 -f -
	results 11 >"$BATS_TEST_TMPDIR/free"
	diff <(comparable "$BATS_TEST_TMPDIR/denied") <(comparable "$BATS_TEST_TMPDIR/free")
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/denied" | sort -u | wc -l)" -ge 4 ]
}

@test "where a filter forbids io_uring epoll answers alike and the reason is said" {
	falls_back EPERM io_uring_setup 'Operation not permitted (a seccomp filter forbids it, as container runtimes do by default'
}

@test "where the kernel has no io_uring epoll answers alike and the reason is said" {
	falls_back ENOSYS io_uring_setup 'Function not implemented (this kernel has no io_uring or one older than 5.11, or the seccomp filter'
}

@test "where memory or descriptors are short in a container the filter is not blamed" {
	falls_back ENOMEM io_uring_setup 'Cannot allocate memory (not enough memory, or not enough of it may be locked; try a higher ulimit -l'
	rcli FLUSHALL >/dev/null
	falls_back EMFILE io_uring_setup 'Too many open files (this process has no descriptor left; try a higher ulimit -n'
}

@test "where a ring can be made but not restricted epoll answers alike" {
	skip_without io_uring
	falls_back EPERM io_uring_register 'Operation not permitted (a seccomp filter forbids it, as container runtimes do by default'
}

@test "where a ring can be made but not used epoll answers alike" {
	skip_without io_uring
	falls_back EPERM io_uring_enter 'Operation not permitted (a seccomp filter forbids it, as container runtimes do by default'
}

@test "where the newest way to wait is forbidden too, epoll waits in the old one" {
	local ENGINE_UNDER=("$DENY_SYSCALL" io_uring_setup -- "$DENY_SYSCALL" epoll_pwait2 --errno ENOSYS --)
	engine_start
	kinds | jobs_push -t 1500ms --settle 200 -f -
	results 11 >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort -u | xargs)" = "closed filtered open rejected reset" ]
}

@test "an engine that shall use io_uring and may not does not start, status 4 and the reason" {
	run timeout 10 "$DENY_SYSCALL" io_uring_setup -- "$PORTWATCH_ENGINE" --region t1 --redis "$REDIS_URL" --connector io_uring
	echo "$output"
	[ "$status" = 4 ]
	[[ $output == *'a seccomp filter forbids it'* ]]
}
