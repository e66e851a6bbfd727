#!/usr/bin/env bats
# peer.bats - the scripted peer itself, judged by plain sockets: if it lies, no other story means anything.

load lib.bash

setup_file() {
	file_needs netns tun python || return 0
	netns_make peer
	peer_start \
		1000-1999=open 2000=open,after=200ms 2001=open,drop=1 2002=rst 2003=rst,after=200ms 2004=silent \
		2005=reset 2006=reset,after=200ms 2007=synack+rst 2008=badrst 2009=banner 2010=fin \
		3000=icmp=3/0,icmp6=1/0 3001=icmp=3/1,icmp6=1/3 3003=icmp=3/3,icmp6=1/4 3013=icmp=3/13,icmp6=1/1 \
		3110=icmp=11/0,icmp6=3/0 3120=icmp=12/0,icmp6=4/0 3004=icmp=3/4,icmp6=2/0 3040=icmp=4/0 3111=icmp=11/1 \
		3200=icmp=3/3,icmp6=1/4,from=target 3201=icmp=3/3,icmp6=1/4,from=198.18.9.9,from=fd00:18::99 \
		3202=icmp=3/3,icmp6=1/4,after=200ms
}

setup() {
	skip_if_lacking
}

teardown_file() {
	cleanup_all
}

# connect [--wait MS] [--hold MS] HOST PORT: one blocking connect in the namespace.  Prints what became of it:
# the errno or `ESTABLISHED`, `offender=`ADDRESS of an ICMP error, then `recv=` if anything came within `hold`.
connect() {
	in_ns timeout 20 "$PYTHON" - "$@" <<-'END'
		import argparse, errno, socket, struct, time
		p = argparse.ArgumentParser()
		p.add_argument('--wait', type=int, default=400)
		p.add_argument('--hold', type=int, default=0)
		p.add_argument('--fin', action='store_true')
		p.add_argument('host'); p.add_argument('port', type=int)
		a = p.parse_args()
		v6 = ':' in a.host
		s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET)
		s.setsockopt(41 if v6 else 0, 25 if v6 else 11, 1)
		s.settimeout(a.wait / 1000)
		begin = time.monotonic()
		try:
		    s.connect((a.host, a.port))
		    said = 'ESTABLISHED'
		except TimeoutError as e:
		    said = 'TIMEOUT'
		except OSError as e:
		    said = errno.errorcode[e.errno]
		ms = (time.monotonic() - begin) * 1000
		s.setblocking(False)
		try:
		    _, extra, _, _ = s.recvmsg(64, 512, socket.MSG_ERRQUEUE)
		    for _, _, data in extra:
		        kind = data[5:7]
		        offender = socket.inet_ntop(socket.AF_INET6, data[24:40]) if v6 else socket.inet_ntoa(data[20:24])
		        said += f' icmp={kind[0]}/{kind[1]} offender={offender}'
		except BlockingIOError:
		    pass
		info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
		said += f' state={info[0]} retrans={struct.unpack_from("I", info, 100)[0]}'
		if a.hold or a.fin:
		    s.settimeout(max(a.hold, 300) / 1000)
		    try:
		        if a.fin: s.shutdown(socket.SHUT_WR)
		        got = s.recv(100)
		        said += ' recv=' + (got.decode().split()[0] if got else 'EOF')
		        if got and a.fin: said += ' then=' + (s.recv(100).decode() or 'EOF')
		    except TimeoutError:
		        said += ' recv=nothing'
		    except OSError as e:
		        said += ' recv=' + errno.errorcode[e.errno]
		print(said, 'slow' if ms >= 150 else 'fast')
	END
}

# Runs connect ARGS.  Where WHAT wants a fast answer a slow one is asked for again, four times: a busy machine makes some slow,
# a peer that delays makes all slow.
asked() { # WHAT ARGS...
	local want=$1 try
	for try in 1 2 3 4 5; do
		run connect "${@:2}"
		[[ $want == *fast && $output == *slow ]] || return 0
	done
}

# both WHAT ARGS... PORT: the connect answers WHAT (a pattern) in both families.
both() {
	local want=$1 host
	shift
	for host in 198.18.77.7 fd00:18::77; do
		asked "$want" "${@:1:$#-1}" "$host" "${@: -1}"
		[[ $output == $want ]] || { echo "$host ${*: -1}: got '$output', want '$want'"; return 1; }
	done
}

# Field FIELD of the counters of the rule for PORTS.
count() { # PORTS FIELD
	peer_counts | jq -r ".rules[] | select(.ports == \"$1\") | .$2"
}

@test "open answers the handshake at once, on every port of its range and every address" {
	both 'ESTABLISHED state=1 retrans=0 fast' 1000
	both 'ESTABLISHED state=1 retrans=0 fast' 1999
	asked '* fast' 198.19.255.1 1500
	[ "$output" = 'ESTABLISHED state=1 retrans=0 fast' ]
}

@test "open answers FIN with FIN" {
	both 'ESTABLISHED state=1 retrans=0 recv=EOF fast' --fin 1001
}

@test "after= delays the SYN-ACK without delaying others" {
	both 'ESTABLISHED state=1 retrans=0 slow' 2000
	both 'ESTABLISHED state=1 retrans=0 fast' 1002
}

@test "drop=1 ignores the first SYN and answers the second" {
	both 'ESTABLISHED state=1 retrans=1 slow' --wait 1500 2001
}

@test "rst refuses, at once or later" {
	both 'ECONNREFUSED state=7 retrans=0 fast' 2002
	both 'ECONNREFUSED state=7 retrans=0 slow' 2003
}

@test "silent and unlisted ports say nothing" {
	both 'TIMEOUT state=2 retrans=0 slow' 2004
	both 'TIMEOUT state=2 retrans=0 slow' 9
}

@test "reset completes the handshake and then breaks it" {
	both '*ECONNRESET*' --hold 300 2005 # who is first, the RST or the caller, is open
	both 'ESTABLISHED state=1 retrans=0 recv=ECONNRESET fast' --hold 300 2006
}

@test "synack+rst breaks the connection at once" {
	both '*ECONNRESET*' --hold 300 2007
}

@test "a bare RST with a wrong number is ignored by the kernel" {
	both 'TIMEOUT state=2 retrans=0 slow' 2008
	[ "$(count 2008 sent)" -ge 2 ]
}

@test "banner sends a line and then answers FIN with FIN" {
	both 'ESTABLISHED state=* retrans=0 recv=220 then=EOF fast' --fin 2009
}

@test "fin ends the stream from the peer's side" {
	both 'ESTABLISHED state=* retrans=0 recv=EOF fast' --hold 300 2010
	both 'ESTABLISHED state=* retrans=0 recv=EOF fast' --fin 2010
}

@test "ICMP errors arrive as the errno the kernel gives them" {
	local port want host rest
	while read -r port rest; do
		for host in 198.18.77.7 fd00:18::77; do
			want=${rest%% | *}
			[ "$host" = fd00:18::77 ] && want=${rest##* | }
			asked "$want fast" "$host" "$port"
			[ "$output" = "$want fast" ] || { echo "$host $port: got '$output', want '$want fast'"; return 1; }
		done
	done <<-END
		3000 ENETUNREACH icmp=3/0 offender=198.18.255.254 state=7 retrans=0 | ENETUNREACH icmp=1/0 offender=fd00:18::fffe state=7 retrans=0
		3001 EHOSTUNREACH icmp=3/1 offender=198.18.255.254 state=7 retrans=0 | EHOSTUNREACH icmp=1/3 offender=fd00:18::fffe state=7 retrans=0
		3003 ECONNREFUSED icmp=3/3 offender=198.18.255.254 state=7 retrans=0 | ECONNREFUSED icmp=1/4 offender=fd00:18::fffe state=7 retrans=0
		3013 EHOSTUNREACH icmp=3/13 offender=198.18.255.254 state=7 retrans=0 | EACCES icmp=1/1 offender=fd00:18::fffe state=7 retrans=0
		3110 EHOSTUNREACH icmp=11/0 offender=198.18.255.254 state=7 retrans=0 | EHOSTUNREACH icmp=3/0 offender=fd00:18::fffe state=7 retrans=0
		3120 EPROTO icmp=12/0 offender=198.18.255.254 state=7 retrans=0 | EPROTO icmp=4/0 offender=fd00:18::fffe state=7 retrans=0
		3200 ECONNREFUSED icmp=3/3 offender=198.18.77.7 state=7 retrans=0 | ECONNREFUSED icmp=1/4 offender=fd00:18::77 state=7 retrans=0
		3201 ECONNREFUSED icmp=3/3 offender=198.18.9.9 state=7 retrans=0 | ECONNREFUSED icmp=1/4 offender=fd00:18::99 state=7 retrans=0
	END
}

@test "after= delays an ICMP error" {
	both 'ECONNREFUSED icmp=* slow' 3202
}

@test "fragmentation needed, source quench, reassembly timeout and packet too big are ignored by the kernel" {
	local host
	for host in 198.18.77.8 198.18.77.9 fd00:18::78; do
		run connect "$host" 3004
		[ "$output" = 'TIMEOUT state=2 retrans=0 slow' ]
	done
	for port in 3040 3111; do
		run connect 198.18.77.8 "$port"
		[ "$output" = 'TIMEOUT state=2 retrans=0 slow' ]
		[ "$(count "$port" sent)" = 1 ]
	done
}

@test "the counters tell a full handshake from a refused one" {
	local before after
	before=$(count 1000-1999 ack)
	connect 198.18.77.7 1234
	after=$(count 1000-1999 ack)
	[ $((after - before)) = 1 ]
	[ "$(count 2002 ack)" = 0 ]
	peer_counts | jq -e '.syn >= 1 and .unlisted >= 0 and .delays_lost == 0'
}

@test "a bad rule is refused with a sentence that says what and where" {
	local rule want
	while read -r rule want; do
		run -3 "$TUN_PEER" 80=open "$rule"
		[[ $output == *"$want"* ]] || { echo "$rule: got '$output', want '$want'"; return 1; }
	done <<-END
		1000 there is no \`=\`
		0=open neither a port nor a range
		70000=open neither a port nor a range
		20-10=open neither a port nor a range
		81=opne at \`opne\`: this word is not
		81=open,rst at \`rst\`: a rule has one action
		81=open,after=20 at \`after=20\`: after= wants
		81=icmp=3 at \`icmp=3\`: an ICMP answer is TYPE/CODE
		81=icmp=3/999 an ICMP answer is TYPE/CODE
		81=open,drop=x drop= wants a number
		81=open,from=1.2.3.4 from= belongs to icmp=
		81=icmp=3/1,from=moon from= wants
		80=rst port 80 is already taken
		81=after=1ms no action
	END
}

@test "deny-syscall makes exactly the named call fail with the errno asked for" {
	local call='import ctypes; c = ctypes.CDLL(None, use_errno=True); r = c.syscall(425, 1, 0); print(r, ctypes.get_errno())'
	run -0 "$DENY_SYSCALL" io_uring_setup -- "$PYTHON" -c "$call"
	[ "$output" = "-1 1" ]
	run -0 "$DENY_SYSCALL" io_uring_setup --errno ENOSYS -- "$PYTHON" -c "$call"
	[ "$output" = "-1 38" ]
	run -0 "$DENY_SYSCALL" epoll_pwait2 -- "$PYTHON" -c "$call"
	[[ $output != "-1 1" && $output != "-1 38" ]] # EFAULT or whatever this machine says, but not ours
	run -3 "$DENY_SYSCALL" open -- true
	[[ $output == *"not in the list"* ]]
}
