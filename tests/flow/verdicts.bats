#!/usr/bin/env bats
# verdicts.bats - whatever the network does to a handshake, both connectors give it the same, right name.
# One row is one target and what has to be said of it.  All targets are probed together, once a connector: the
# answers of a scripted peer behind a TUN device come from afar, those of nft over a veth arrive while connect() is
# still at work, which is where completion codes lie.

load lib.bash

# GROUP TARGET CLASS VERDICT ERRNO SYN_RETRANS.  `-`: none; `*`: any, but the same for both connectors; `~`: any.
# Times: a row is probed with --timeout 800ms; group names that begin with `late-` with 3600ms, with `settle-` with
# 800ms and --settle 200ms.
rows() {
	sed 's/#.*//; /^[[:space:]]*$/d' <<-'END'
		open 198.18.77.7:1000        up   open     - 0
		open [fd00:18::77]:1000      up   open     - 0
		open 198.18.77.7:1010        up   open     - 0   # sends a banner
		open [fd00:18::77]:1010      up   open     - 0
		open 198.18.77.7:1011        up   open     - 0   # sends FIN
		open [fd00:18::77]:1011      up   open     - 0
		open 198.18.77.7:1012        up   open     - 0   # answers after 300 ms
		open [fd00:18::77]:1012      up   open     - 0
		open 198.18.1.2:2301         up   open     - 0   # a real listener
		open [fd00:18:1::2]:2301     up   open     - 0

		closed 198.18.77.7:1001      down closed ECONNREFUSED 0
		closed [fd00:18::77]:1001    down closed ECONNREFUSED 0
		closed 198.18.1.2:2302       down closed ECONNREFUSED 0   # nobody listens
		closed [fd00:18:1::2]:2302   down closed ECONNREFUSED 0
		closed 198.18.1.2:2310       down closed ECONNREFUSED 0   # reject with tcp reset
		closed [fd00:18:1::2]:2310   down closed ECONNREFUSED 0

		rejected 198.18.77.7:3003    down rejected ECONNREFUSED 0
		rejected [fd00:18::77]:3003  down rejected ECONNREFUSED 0
		rejected 198.18.1.2:2311     down rejected ECONNREFUSED 0   # reject with port-unreachable
		rejected [fd00:18:1::2]:2311 down rejected ECONNREFUSED 0
		rejected 198.18.77.7:3203    down rejected ECONNREFUSED 0   # said by the target itself
		rejected [fd00:18::77]:3203  down rejected ECONNREFUSED 0
		rejected 198.18.77.7:3303    down rejected ECONNREFUSED 0   # 200 ms later
		rejected [fd00:18::77]:3303  down rejected ECONNREFUSED 0

		prohibited 198.18.77.7:3009    down rejected ENETUNREACH  0
		prohibited 198.18.77.7:3010    down rejected EHOSTUNREACH 0
		prohibited 198.18.77.7:3013    down rejected EHOSTUNREACH 0
		prohibited [fd00:18::77]:3009  down rejected EACCES       0   # 1/1
		prohibited [fd00:18::77]:3010  down rejected EACCES       0   # 1/5
		prohibited [fd00:18::77]:3013  down rejected EACCES       0   # 1/6
		prohibited 198.18.1.2:2312     down rejected EHOSTUNREACH 0   # reject with admin-prohibited
		prohibited [fd00:18:1::2]:2312 down rejected EACCES       0
		prohibited 198.18.1.2:2313     down rejected ENETUNREACH  0   # net-prohibited, policy-fail
		prohibited [fd00:18:1::2]:2313 down rejected EACCES       0
		prohibited 198.18.1.2:2314     down rejected EHOSTUNREACH 0   # host-prohibited, reject-route
		prohibited [fd00:18:1::2]:2314 down rejected EACCES       0

		unreachable 198.18.77.7:3000    down unreachable ENETUNREACH  0
		unreachable 198.18.77.7:3001    down unreachable EHOSTUNREACH 0
		unreachable 198.18.77.7:3002    down unreachable ENOPROTOOPT  0
		unreachable 198.18.77.7:3005    down unreachable EOPNOTSUPP   0
		unreachable 198.18.77.7:3006    down unreachable ENETUNREACH  0
		unreachable 198.18.77.7:3007    down unreachable EHOSTDOWN    0
		unreachable 198.18.77.7:3008    down unreachable ENONET       0
		unreachable 198.18.77.7:3011    down unreachable ENETUNREACH  0
		unreachable 198.18.77.7:3012    down unreachable EHOSTUNREACH 0
		unreachable 198.18.77.7:3014    down unreachable EHOSTUNREACH 0
		unreachable 198.18.77.7:3015    down unreachable EHOSTUNREACH 0
		unreachable 198.18.77.7:3120    down unreachable EPROTO       0
		unreachable [fd00:18::77]:3000  down unreachable ENETUNREACH  0   # 1/0
		unreachable [fd00:18::77]:3001  down unreachable EHOSTUNREACH 0   # 1/2
		unreachable [fd00:18::77]:3002  down unreachable EHOSTUNREACH 0   # 1/3
		unreachable [fd00:18::77]:3005  down unreachable *            0   # 1/7
		unreachable [fd00:18::77]:3120  down unreachable EPROTO       0   # 4/0
		unreachable 198.18.1.2:2315     down unreachable ENETUNREACH  0   # net-unreachable, no-route
		unreachable [fd00:18:1::2]:2315 down unreachable ENETUNREACH  0
		unreachable 198.18.1.2:2316     down unreachable EHOSTUNREACH 0   # host-unreachable, addr-unreachable
		unreachable [fd00:18:1::2]:2316 down unreachable EHOSTUNREACH 0

		loop 198.18.77.7:3110       down unreachable EHOSTUNREACH 0
		loop [fd00:18::77]:3110     down unreachable EHOSTUNREACH 0

		ignored 198.18.77.9:3004    down filtered * 0   # fragmentation needed, packet too big
		ignored [fd00:18::79]:3004  down filtered * 0
		ignored 198.18.77.9:3040    down filtered * 0   # source quench
		ignored 198.18.77.9:3111    down filtered * 0   # reassembly time exceeded

		silent 198.18.77.7:1002     down filtered * 0
		silent [fd00:18::77]:1002   down filtered * 0
		silent 198.18.77.7:1003     down filtered * 0   # a bare RST with a wrong number
		silent [fd00:18::77]:1003   down filtered * 0
		silent 198.18.1.2:2317      down filtered * 0   # nft drop
		silent [fd00:18:1::2]:2317  down filtered * 0
		silent 198.18.1.2:2303      down filtered * 0   # accept queue full
		silent [fd00:18:1::2]:2303  down filtered * 0

		own-firewall 198.18.1.2:2320     unknown local ECONNREFUSED 0   # port-unreachable
		own-firewall [fd00:18:1::2]:2320 unknown local ECONNREFUSED 0
		own-firewall 198.18.1.2:2321     unknown local EHOSTUNREACH 0   # admin-prohibited
		own-firewall [fd00:18:1::2]:2321 unknown local EACCES       0
		own-firewall 198.18.1.2:2322     unknown local EHOSTUNREACH 0   # host-unreachable, addr-unreachable
		own-firewall [fd00:18:1::2]:2322 unknown local EHOSTUNREACH 0
		own-drop 198.18.1.2:2323         down filtered * 0
		own-drop [fd00:18:1::2]:2323     down filtered * 0

		no-route 203.0.113.1:80         unknown local ENETUNREACH  0
		no-route [2001:db8::1]:80       unknown local ENETUNREACH  0
		no-route 198.18.2.1:80          unknown local EACCES       0   # prohibit
		no-route [fd00:18:2::1]:80      unknown local EACCES       0
		no-route 198.18.2.2:80          unknown local EINVAL       0   # blackhole
		no-route [fd00:18:2::2]:80      unknown local EINVAL       0
		no-route 198.18.2.3:80          unknown local EHOSTUNREACH 0   # unreachable
		no-route [fd00:18:2::3]:80      unknown local EHOSTUNREACH 0

		late-lost 198.18.77.7:1004      up   open     - 1   # the first SYN is lost
		late-lost [fd00:18::77]:1004    up   open     - 1
		late-lost 198.18.77.7:1005      up   open     - 2   # the first two
		late-lost [fd00:18::77]:1005    up   open     - 2
		late-lost 198.18.77.7:1006      down closed   ECONNREFUSED 1
		late-lost [fd00:18::77]:1006    down closed   ECONNREFUSED 1
		late-lost 198.18.77.7:1007      down rejected ECONNREFUSED 1
		late-lost [fd00:18::77]:1007    down rejected ECONNREFUSED 1
		late-silent 198.18.77.7:1002    down filtered * 3
		late-silent [fd00:18::77]:1002  down filtered * 3
		late-nobody 198.18.1.99:80      down unreachable EHOSTUNREACH ~   # no answer to ARP
		late-nobody [fd00:18:1::99]:80  down unreachable EHOSTUNREACH ~   # none to neighbour discovery
		late-nobody 198.18.1.99:81      down unreachable EHOSTUNREACH ~
		late-nobody [fd00:18:1::99]:81  down unreachable EHOSTUNREACH ~

		settle-reset 198.18.77.7:1020   down reset ECONNRESET 0   # RST in the same burst as the SYN-ACK
		settle-reset [fd00:18::77]:1020 down reset ECONNRESET 0
		settle-reset 198.18.77.7:1021   down reset ECONNRESET 0   # RST to the handshake's ACK
		settle-reset [fd00:18::77]:1021 down reset ECONNRESET 0
		settle-reset 198.18.77.7:1022   down reset ECONNRESET 0   # RST 20 ms later
		settle-reset [fd00:18::77]:1022 down reset ECONNRESET 0
		settle-open 198.18.77.7:1000    up   open  - 0
		settle-open [fd00:18::77]:1000  up   open  - 0
		settle-open 198.18.77.7:1010    up   open  - 0   # sends a banner
		settle-open [fd00:18::77]:1010  up   open  - 0
		settle-open 198.18.77.7:1011    up   open  - 0   # sends FIN
		settle-open [fd00:18::77]:1011  up   open  - 0
		settle-open 198.18.77.7:1001    down closed ECONNREFUSED 0
	END
}

# Two ports at the far end: one that listens, one whose accept queue is full for as long as this runs.
listeners='
import socket, time
keep = []
for family, host in ((socket.AF_INET, "198.18.1.2"), (socket.AF_INET6, "fd00:18:1::2")):
    for port, backlog in ((2301, 128), (2303, 0)):
        s = socket.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, port))
        s.listen(backlog)
        keep.append(s)
        for _ in range(2 if backlog == 0 else 0):
            c = socket.socket(family)
            c.settimeout(0.3)
            try: c.connect((host, port))
            except TimeoutError: pass
            keep.append(c)
print("ready", flush=True)
time.sleep(300)
'

far_rules() {
	nft_far tcp dport 2310 reject with tcp reset
	local port v4 v6
	while read -r port v4 v6; do
		nft_far meta nfproto ipv4 tcp dport "$port" reject with icmp type "$v4"
		nft_far meta nfproto ipv6 tcp dport "$port" reject with icmpv6 type "$v6"
	done <<-END
		2311 port-unreachable  port-unreachable
		2312 admin-prohibited  admin-prohibited
		2313 net-prohibited    policy-fail
		2314 host-prohibited   reject-route
		2315 net-unreachable   no-route
		2316 host-unreachable  addr-unreachable
	END
	nft_far tcp dport 2317 drop
}

near_rules() {
	local port v4 v6
	while read -r port v4 v6; do
		nft_near meta nfproto ipv4 tcp dport "$port" reject with icmp type "$v4"
		nft_near meta nfproto ipv6 tcp dport "$port" reject with icmpv6 type "$v6"
	done <<-END
		2320 port-unreachable  port-unreachable
		2321 admin-prohibited  admin-prohibited
		2322 host-unreachable  addr-unreachable
	END
	nft_near tcp dport 2323 drop
	in_ns ip -batch - <<-END
		route add prohibit 198.18.2.1/32
		route add blackhole 198.18.2.2/32
		route add unreachable 198.18.2.3/32
	END
	in_ns ip -6 -batch - <<-END
		route add prohibit fd00:18:2::1/128
		route add blackhole fd00:18:2::2/128
		route add unreachable fd00:18:2::3/128
	END
}

# probe_all CONNECTOR: probes every row and leaves CONNECTOR.short, .late and .settle in the file's directory.
probe_all() {
	local kind status
	for kind in short late settle; do
		local how=(--timeout 800ms) mine='!/^(late|settle)-/'
		[ "$kind" = late ] && how=(--timeout 3600ms) mine='/^late-/'
		[ "$kind" = settle ] && how=(--timeout 800ms --settle 200) mine='/^settle-/'
		rows | awk "$mine"' { print $2 }' >"$BATS_FILE_TMPDIR/targets.$kind"
		status=0
		in_ns timeout 60 "$PORTWATCH" probe -o ndjson --connector "$1" "${how[@]}" \
			-f "$BATS_FILE_TMPDIR/targets.$kind" >"$BATS_FILE_TMPDIR/$1.$kind" 2>"$BATS_FILE_TMPDIR/$1.$kind.err" ||
			status=$?
		echo "$status" >"$BATS_FILE_TMPDIR/$1.$kind.status"
	done
}

setup_file() {
	file_needs netns tun nft python || return 0
	netns_make verdicts
	veth_pair
	peer_start \
		1000=open 1001=rst 1002=silent 1003=badrst 1004=open,drop=1 1005=open,drop=2 1006=rst,drop=1 \
		1007=icmp=3/3,icmp6=1/4,drop=1 1010=banner 1011=fin 1012=open,after=300ms \
		1020=synack+rst 1021=reset 1022=reset,after=20ms \
		3000=icmp=3/0,icmp6=1/0 3001=icmp=3/1,icmp6=1/2 3002=icmp=3/2,icmp6=1/3 3003=icmp=3/3,icmp6=1/4 \
		3004=icmp=3/4,icmp6=2/0 3005=icmp=3/5,icmp6=1/7 3006=icmp=3/6 3007=icmp=3/7 3008=icmp=3/8 \
		3009=icmp=3/9,icmp6=1/1 3010=icmp=3/10,icmp6=1/5 3011=icmp=3/11 3012=icmp=3/12 \
		3013=icmp=3/13,icmp6=1/6 3014=icmp=3/14 3015=icmp=3/15 3040=icmp=4/0 \
		3110=icmp=11/0,icmp6=3/0 3111=icmp=11/1 3120=icmp=12/0,icmp6=4/0 \
		3203=icmp=3/3,icmp6=1/4,from=target 3303=icmp=3/3,icmp6=1/4,after=200ms
	start_ready listeners become_in_far "$PYTHON" -c "$listeners"
	far_rules
	near_rules
	probe_all epoll
	if have_right io_uring; then probe_all io_uring; fi
}

setup() {
	skip_if_lacking
}

teardown_file() {
	cleanup_all
}

# output_of CONNECTOR GROUP: the file in which the rows of that group are answered.
output_of() {
	case $2 in
	late-*) echo "$BATS_FILE_TMPDIR/$1.late" ;;
	settle-*) echo "$BATS_FILE_TMPDIR/$1.settle" ;;
	*) echo "$BATS_FILE_TMPDIR/$1.short" ;;
	esac
}

# holds GROUP: every row of the group is answered as it should be, by each connector that can run here.
holds() {
	local connector group target class verdict errno retrans want out bad=0 seen=0 got key
	for connector in epoll io_uring; do
		out=$(output_of "$connector" "$1")
		[ -e "$out" ] || continue
		local -A answers=()
		while read -r key got; do
			answers[$key]=$got
		done < <(jq -r '"\(.target) \(.class) \(.verdict) \(.errno // "-") \(.syn_retrans // 0)"' "$out")
		while read -r group target class verdict errno retrans; do
			[ "$group" = "$1" ] || continue
			want="$class $verdict $errno ${retrans/\~/*}"
			got=${answers[$target]:-}
			seen=$((seen + 1))
			[[ $got == $want ]] && continue # unquoted: the `*` of a row is a pattern
			bad=1
			echo "$connector: $target: got '$got', want '$want'"
			jq -c --arg t "$target" 'select(.target == $t)' "$out"
		done < <(rows)
		[ "$bad" = 0 ] || cat "$out.err"
	done
	[ "$seen" -gt 0 ] && [ "$bad" = 0 ]
}

@test "a completed handshake is open, whatever the application does next" {
	holds open
}

@test "a reset in answer to the SYN is closed" {
	holds closed
}

@test "port unreachable from another host is rejected" {
	holds rejected
}

@test "administratively prohibited is rejected" {
	holds prohibited
}

@test "every other destination unreachable, and a parameter problem, is unreachable" {
	holds unreachable
}

@test "time exceeded in transit is unreachable" {
	holds loop
}

@test "an ICMP error that a kernel ignores is no answer" {
	holds ignored
}

@test "silence, a full accept queue and a reset with a wrong number are filtered" {
	holds silent
}

@test "this host's own firewall is local and counts against nobody" {
	holds own-firewall
}

@test "a packet that our own firewall drops cannot be told from silence" {
	holds own-drop
}

@test "a route that is missing, prohibits or swallows is local" {
	holds no-route
}

@test "a lost SYN is counted and the answer to the next one is the verdict" {
	holds late-lost
}

@test "silence for 3.6 seconds is filtered after four SYNs" {
	[ "$(sysctl -n net.ipv4.tcp_syn_linear_timeouts 2>/dev/null)" = 4 ] ||
		skip "this kernel does not send its first SYNs a second apart (net.ipv4.tcp_syn_linear_timeouts)"
	holds late-silent
}

@test "an address that nobody on the link has is unreachable" {
	holds late-nobody
}

@test "a reset that follows the SYN-ACK within the settle time is reset" {
	holds settle-reset
}

@test "the settle time changes nothing for a connection that stays" {
	holds settle-open
}

@test "a probe of many targets answers each exactly once" {
	local kind connector
	for connector in epoll io_uring; do
		for kind in short late settle; do
			[ -e "$BATS_FILE_TMPDIR/$connector.$kind" ] || continue
			diff <(sort "$BATS_FILE_TMPDIR/targets.$kind") <(jq -r .target "$BATS_FILE_TMPDIR/$connector.$kind" | sort)
			[ "$(cat "$BATS_FILE_TMPDIR/$connector.$kind.status")" -le 2 ]
		done
	done
}

@test "both connectors say the same of every target" {
	skip_without io_uring
	local kind
	for kind in short late settle; do
		diff <(comparable epoll "$kind") <(comparable io_uring "$kind")
	done
}

# comparable CONNECTOR KIND: what must not depend on the connector.  Where a row says `~` the count is left out.
comparable() {
	local loose
	loose=$(rows | awk '$6 == "~" { print $2 }' | jq -R . | jq -sc .)
	jq -c --argjson loose "$loose" '.target as $t
		| [$t, .address, .port, .class, .verdict, .errno, if $loose | index($t) then "~" else .syn_retrans end]' \
		"$BATS_FILE_TMPDIR/$1.$2" | sort
}
