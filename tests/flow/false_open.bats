#!/usr/bin/env bats
# false_open.bats - a completion code of 0 is not a connection.
# When an ICMP error reaches a socket while connect() still holds its lock, as it does over a veth to a port behind
# `reject`, the kernel may complete the connect with 0 and the socket still in SYN_SENT.  Of 10,000 none may be
# called open, and none may be called anything but what the firewall said.  That the kernel does lie is shown beside it,
# by the bare loop; whether it lies in a given run is a race that nobody can force, so it is counted and not asked for.

load lib.bash

setup_file() {
	file_needs netns nft python || return 0
	netns_make falseopen
	veth_pair
	# The neighbours are known beforehand: 500 SYNs at once to an address that is still being looked up may see the look-up
	# fail, and then the answer is not the firewall's.
	local i mac
	mac=$(in_far ip -o link show pwv0 | grep -oE 'link/ether [0-9a-f:]+' | cut -d' ' -f2)
	for i in {2..21}; do
		printf 'neigh replace 198.18.1.%d lladdr %s dev pwv0 nud permanent\n' "$i" "$mac"
		printf 'neigh replace fd00:18:1::%x lladdr %s dev pwv0 nud permanent\n' "$i" "$mac"
	done | in_ns ip -batch -
	nft_far meta nfproto ipv4 tcp dport 10000-19999 reject with icmp type port-unreachable
	nft_far meta nfproto ipv6 tcp dport 10000-19999 reject with icmpv6 type port-unreachable
	# 20 addresses with 500 ports each: no two probes are the same, none of them queues behind a limit for one address.
	"$PYTHON" - "$BATS_FILE_TMPDIR" <<-'END'
		import sys
		with open(sys.argv[1] + '/v4', 'w') as v4, open(sys.argv[1] + '/v6', 'w') as v6:
		    for n in range(10000):
		        print(f'198.18.1.{2 + n % 20}:{10000 + n // 20}', file=v4)
		        print(f'[fd00:18:1::{2 + n % 20:x}]:{10000 + n // 20}', file=v6)
	END
}

setup() {
	skip_if_lacking
}

teardown_file() {
	cleanup_all
}

# all_rejected CONNECTOR FAMILY: prints the count of each verdict, and fails unless it is 10,000 times `rejected`.
all_rejected() {
	local out=$BATS_TEST_TMPDIR/out
	in_ns timeout 120 "$PORTWATCH" probe -o ndjson --connector "$1" --timeout 3s -f "$BATS_FILE_TMPDIR/$2" >"$out" ||
		[ $? = 1 ] # 1: some are down, as they have to be
	jq -r '"\(.verdict) \(.errno)"' "$out" | sort | uniq -c | tee "$out.counts"
	jq -r 'select(.verdict != "rejected") | "\(.address) \(.verdict) \(.detail)"' "$out" | sort | uniq -c | head -n 20
	[ "$(sed 's/^ *//' "$out.counts")" = "10000 rejected ECONNREFUSED" ]
}

# Prints how many of 10,000 bare IPv4 connects the ring completed with 0 while TCP_INFO knew of no handshake.
kernels_lies() {
	in_ns timeout 120 "$BENCH_LIMIT" --count 10000 --inflight 500 --socket fresh --timeout 3s \
		198.18.1.2-198.18.1.21:10000-10499 | tee "$BATS_TEST_TMPDIR/limit" | jq .false_open
}

@test "of 10,000 IPv4 probes to a rejecting port io_uring calls none open, however often the kernel says 0" {
	local lies
	skip_without io_uring
	lies=$(kernels_lies)
	jq -e '.count == 10000 and .open == 0' "$BATS_TEST_TMPDIR/limit"
	all_rejected io_uring v4
	if [ "$lies" -gt 0 ]; then
		echo "# bare io_uring: $lies of 10,000 connects completed with 0 and no handshake; the engine called 0 of 10,000 open" >&3
	else
		echo "# bare io_uring: the race did not come up in 10,000 connects of this run; the engine called 0 of 10,000 open" >&3
	fi
}

@test "of 10,000 IPv6 probes to a rejecting port io_uring calls none open" {
	skip_without io_uring
	all_rejected io_uring v6
}

@test "of 10,000 IPv4 probes to a rejecting port epoll calls none open" {
	all_rejected epoll v4
}

@test "of 10,000 IPv6 probes to a rejecting port epoll calls none open" {
	all_rejected epoll v6
}
