#!/usr/bin/env bats
# names.bats - host names: what is asked, what is believed, what is said when nobody knows.
# An authoritative resolver of our own (tests/peer/dns_server.py) does what a name tells it to; in one test a real unbound
# stands between.  The scripted peer answers behind the addresses; port 1000 is open, 1001 resets, 1002 is silent.

load lib.bash

DNS=127.0.0.1:5300

setup_file() {
	file_needs netns tun redis python || return 0
	netns_make names
	peer_start 1000=open 1001=rst 1002=silent
	SCRIPT=$BATS_FILE_TMPDIR/names
	: >"$SCRIPT"
	start_ready dns become_in_ns "$PYTHON" "$PW_ROOT/tests/peer/dns_server.py" 127.0.0.1 5300 "$SCRIPT"
	start_ready dns53 become_in_ns "$PYTHON" "$PW_ROOT/tests/peer/dns_server.py" 127.0.0.1 53
	export SCRIPT
	redis_start
}

setup() {
	skip_if_lacking
	cd "$BATS_TEST_TMPDIR"
	rcli FLUSHALL >/dev/null
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

probe() { # ARGS...
	in_ns "$PORTWATCH" probe --resolver "$DNS" "$@"
}

# "address verdict" of each row, in order.
rows() {
	probe "$@" -o ndjson 2>/dev/null | jq -r '"\(.address) \(.verdict)"'
}

# What names mean from now on: NAME INSTRUCTIONS lines on standard input.
script() {
	cat >"$SCRIPT.new"
	mv "$SCRIPT.new" "$SCRIPT"
}

a_name_is_resolved_and_its_time_is_its_own() { # CONNECTOR
	run --separate-stderr probe --connector "$1" -o ndjson a-198-18-0-7.slow-300.test:1000 a-198-18-0-7.aaaa-fd00-18--7.test:1001
	[ "$status" = 1 ]
	[ "$(jq -r '"\(.target) \(.address) \(.verdict)"' <<<"$output" | sort)" = "a-198-18-0-7.aaaa-fd00-18--7.test:1001 198.18.0.7 closed
a-198-18-0-7.slow-300.test:1000 198.18.0.7 open" ]
	jq -e 'select(.verdict == "open") | .dns_us >= 300000 and .wall_us < 250000 and .rtt_us < 250000' <<<"$output"
	[ "$(rows --connector "$1" aaaa-fd00-18--7.test:1000 198.18.0.9:1000)" = "198.18.0.9 open
fd00:18::7 open" ] || [ "$(rows --connector "$1" aaaa-fd00-18--7.test:1000)" = "fd00:18::7 open" ]
}

@test "a name is resolved, and its time is part of no other, through epoll" {
	a_name_is_resolved_and_its_time_is_its_own epoll
}

@test "a name is resolved, and its time is part of no other, through io_uring" {
	have_right io_uring || skip "io_uring is not allowed here"
	a_name_is_resolved_and_its_time_is_its_own io_uring
}

@test "a literal has no time for its name" {
	run --separate-stderr probe 198.18.0.7:1000 -o ndjson
	[ "$(jq .dns_us <<<"$output")" = null ]
}

@test "a name that is not there is down, and says who says so" {
	run --separate-stderr probe nxdomain.test:1000
	[ "$status" = 1 ]
	[[ ${lines[1]} == *no-name*"there is no name nxdomain.test (NXDOMAIN, says $DNS)" ]]
	run --separate-stderr probe nodata.test:1000
	[ "$status" = 1 ]
	[[ ${lines[1]} == *no-name*"nodata.test has no IPv4 and no IPv6 address (says $DNS)" ]]
	run --separate-stderr probe a-198-18-0-7.test:1000 --ip v6
	[[ ${lines[1]} == *no-name*"a-198-18-0-7.test has no IPv6 address (says $DNS)" ]]
}

@test "a resolver that does not know is not held against the name, and says what it said" {
	run --separate-stderr probe servfail.test:1000 refused.test:1000 dead.test:1000 --timeout 700ms
	[ "$status" = 2 ]
	[[ ${lines[1]} == *resolver*"$DNS answered SERVFAIL for servfail.test" ]]
	[[ ${lines[2]} == *resolver*"$DNS answered REFUSED for refused.test" ]]
	[[ ${lines[3]} == *resolver*"no answer from $DNS about dead.test within 0.7 s" ]]
	run --separate-stderr probe garbage.test:1000 --timeout 700ms # alone: c-ares 1.34 takes it out on all that share its socket
	[ "$status" = 2 ]
	[[ ${lines[1]} == *resolver*"garbage.test"* ]]
	run --separate-stderr in_ns "$PORTWATCH" probe --resolver 127.0.0.1:1 db.test:1000
	[ "$status" = 2 ]
	[[ ${lines[1]} == *"the resolver 127.0.0.1:1 cannot be reached"* ]]
}

@test "where one resolver fails the next is asked, and who was asked is said" {
	run --separate-stderr in_ns "$PORTWATCH" probe --resolver 127.0.0.1:1 --resolver "$DNS" a-198-18-0-7.test:1000
	[ "$status" = 0 ]
	run --separate-stderr probe --resolver 127.0.0.1:1 servfail.test:1000
	[[ ${lines[1]} == *resolver*"one of $DNS, 127.0.0.1:1 answered SERVFAIL for servfail.test" ]]
}

@test "an answer too long for UDP comes by TCP, and CNAMEs are followed" {
	[ "$(rows a-198-18-0-7.truncated.test:1000)" = "198.18.0.7 open" ]
	grep -q '^tcp A a-198-18-0-7.truncated.test' "$BATS_FILE_TMPDIR/pw/dns.out"
	[ "$(rows many-200.test:1001 --addresses all | wc -l)" = 16 ]
	[ "$(rows a-198-18-0-7.cname-4.test:1000)" = "198.18.0.7 open" ]
}

@test "both families and all addresses are a row each" {
	local name=a-198-18-0-8.a-198-18-0-7.aaaa-fd00-18--9.test
	[ "$(rows $name:1000)" = "198.18.0.7 open" ]
	[ "$(rows $name:1000 --ip v6)" = "fd00:18::9 open" ]
	[ "$(rows $name:1000 --ip both | sort)" = "198.18.0.7 open
fd00:18::9 open" ]
	[ "$(rows $name:1000 --ip both --addresses all | sort)" = "198.18.0.7 open
198.18.0.8 open
fd00:18::9 open" ]
	[ "$(rows a-198-18-0-8.test:1000 --ip both | sort)" = "198.18.0.8 open
null no-name" ]
	run --separate-stderr in_ns "$PORTWATCH" check --resolver "$DNS" -H a-198-18-0-8.test --ip both -p 1000
	[ "$status" = 2 ]
	[[ $output == "TCP CRITICAL"*no-name* ]]
}

@test "no packet goes to an address that is not expected" {
	local before
	before=$(peer_counts | jq .syn)
	run --separate-stderr probe a-198-18-0-7.a-198-19-0-7.test:1000 198.19.0.8:1000 --expect-address 198.18.0.0/24,192.0.2.1
	[ "$status" = 1 ]
	[[ ${lines[1]} == *wrong-address*"leads to 198.19.0.7, expected is 198.18.0.0/24,192.0.2.1; it was not probed" ]]
	[[ ${lines[2]} == *wrong-address* ]]
	[ "$(peer_counts | jq .syn)" = "$before" ]
	[ "$(rows a-198-18-0-7.a-198-19-0-7.test:1000 --expect-address 198.18.0.0/24 --addresses all)" = "198.18.0.7 open
198.19.0.7 wrong-address" ]
	[ "$(peer_counts | jq .syn)" = "$((before + 1))" ]
}

@test "the hosts file goes before resolvers, and the system's resolvers are asked where none are given" {
	echo "198.18.0.5 From-File.test" >hosts
	echo "nameserver 127.0.0.1" >resolv
	run --separate-stderr in_ns unshare -m sh -c 'mount --bind hosts /etc/hosts && mount --bind resolv /etc/resolv.conf &&
		exec "$0" probe from-file.test:1000 a-198-18-0-7.test:1000 nodata.test:1000 -o ndjson' "$PORTWATCH"
	[ "$(jq -r '"\(.target) \(.address)"' <<<"$output" | sort)" = "a-198-18-0-7.test:1000 198.18.0.7
from-file.test:1000 198.18.0.5
nodata.test:1000 null" ]
	[[ $output == *"(says 127.0.0.1)"* ]]
	! grep -q from-file "$BATS_FILE_TMPDIR/pw/dns53.out"
}

@test "a real resolver in between changes nothing" {
	command -v unbound >/dev/null || skip "unbound is not installed"
	cat >unbound.conf <<-END
		server:
			interface: 127.0.0.1@5301
			username: ""
			chroot: ""
			directory: "$PWD"
			pidfile: ""
			use-syslog: no
			do-daemonize: no
			do-not-query-localhost: no
			module-config: "iterator"
			local-zone: "test." nodefault
			verbosity: 1
		remote-control:
			control-enable: no
		stub-zone:
			name: "test"
			stub-addr: 127.0.0.1@5300
	END
	(become_in_ns unbound -d -c unbound.conf) >unbound.log 2>&1 3>&- &
	note_process $!
	await_line 10 $! 'start of service' unbound.log
	DNS=127.0.0.1:5301
	run --separate-stderr probe a-198-18-0-7.test:1000 nxdomain.test:1000 servfail.test:1000 many-200.test:1001 -o ndjson
	echo "$output $(cat unbound.log)"
	[ "$(jq -r .verdict <<<"$output" | sort | xargs)" = "closed no-name open resolver" ]
}

@test "jobs push says which addresses of a name are meant, and which are expected" {
	engine_start --resolver "$DNS"
	jobs_push --ip both --addresses all --expect-address 198.18.0.0/24,fd00::/16 a-198-18-0-7.a-198-19-0-7.aaaa-fd00-18--7.test:1000
	[ "$(results 3 | jq -r '"\(.address) \(.verdict)"' | sort)" = "198.18.0.7 open
198.19.0.7 wrong-address
fd00:18::7 open" ]
	run -3 jobs_push --expect-address 198.18.0.1/24 x.test:1
}

@test "one entry: what is known leaves at once, rows are counted as the jobs they came from" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	batch_add jobs "$(jq -nc '[{timeout_ms: 1500, addresses: "all"}, [
		["lit", "198.18.77.7", 1000],
		["dead", "dead.test", 1000],
		["two", "a-198-18-0-7.a-198-18-0-8.test", 1000],
		["bad", "198.18.77.7", 99999],
		["six", "aaaa-fd00-18--7.test", 1000, {ip: "both"}],
		["else", "a-198-19-0-8.test", 1000, {expect_address: "198.18.0.0/16"}]]]')"
	results 8 | jq -r '"\(.monitor) \(.address) \(.verdict)"' | diff - <(sed 's/^\t*//' <<-'END'
		lit 198.18.77.7 open
		dead null resolver
		two 198.18.0.7 open
		two 198.18.0.8 open
		bad 198.18.77.7 local
		six fd00:18::7 open
		six null no-name
		else 198.19.0.8 wrong-address
		END
		)
	results_there | jq -e 'select(.monitor == "lit" or .monitor == "two") | .late_us < 1000000' | sort -u | xargs | grep -qx true
	[[ $(results_there | jq -r 'select(.monitor == "bad").detail') == *"(index 3 in its batch)" ]]
	wait_for 5 nothing_pending
	[ "$(metric jobs_taken_total) $(metric jobs_published_total) $(metric jobs_in_flight)" = "6 6 0" ]
	[ "$(metric connects_total)" = 4 ]
	metrics | promtool check metrics || ! command -v promtool
}

@test "a job of type dns is answered by what the resolver says, in one row, and nothing is connected to" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	batch_add jobs "$(jq -nc '[{timeout_ms: 1500, type: "dns"}, [
		["a", "a-198-18-0-8.a-198-18-0-7.test", 53],
		["mx", "mx-10-mail--test.mx-20-mx2--test.test", 53, {record: "MX", expect_answer: "mx2.test\n10 MAIL.test."}],
		["less", "mx-10-mail--test.test", 53, {record: "MX", expect_answer: "10 mail.test\n20 mx2.test"}],
		["ns", "ns-ns1--test.test", 53, {record: "NS", expect_answer: "ns1.test"}],
		["txt", "txt-hello.txt-world.test", 53, {record: "TXT", expect_answer: "hello"}],
		["cname", "alias-www--test.test", 53, {record: "CNAME", expect_answer: "www.test"}],
		["six", "aaaa-2001-db8--1.test", 53, {record: "AAAA", expect_answer: "2001:db8:0::1"}],
		["range", "a-198-18-0-8.test", 53, {expect_address: "198.19.0.0/16"}],
		["long", "a-198-18-0-8.truncated.test", 53],
		["none", "nxdomain.test", 53, {record: "MX"}],
		["else", "a-198-18-0-8.test", 53, {record: "MX"}],
		["fails", "servfail.test", 53, {record: "MX"}],
		["dead", "dead.test", 53, {record: "NS"}],
		["own", "a-198-18-0-9.test", 53, {resolver: "127.0.0.1"}],
		["gone", "a-198-18-0-9.test", 53, {resolver: "[::1]:5300"}],
		["lit", "192.0.2.1", 53]]]')"
	results 16 | jq -r '"\(.monitor) \(.address) \(.verdict) \(.dns_us > 0): \(.detail)"' | diff - <(sed "s/^\t*//; s/DNS/$DNS/" <<-'END'
		a null open true: a-198-18-0-8.a-198-18-0-7.test A is 198.18.0.8, 198.18.0.7 (says DNS)
		mx null open true: mx-10-mail--test.mx-20-mx2--test.test MX is 10 mail.test, 20 mx2.test (says DNS)
		less null wrong-address true: mx-10-mail--test.test MX is 10 mail.test (says DNS), expected is 10 mail.test, 20 mx2.test
		ns null open true: ns-ns1--test.test NS is ns1.test (says DNS)
		txt null open true: txt-hello.txt-world.test TXT is hello, world (says DNS)
		cname null open true: alias-www--test.test CNAME is www.test (says DNS)
		six null open true: aaaa-2001-db8--1.test AAAA is 2001:db8::1 (says DNS)
		range null wrong-address true: a-198-18-0-8.test A is 198.18.0.8 (says DNS), expected is 198.19.0.0/16
		long null open true: a-198-18-0-8.truncated.test A is 198.18.0.8 (says DNS)
		none null no-name true: there is no name nxdomain.test (NXDOMAIN, says DNS)
		else null no-name true: a-198-18-0-8.test has no MX record (says DNS)
		fails null resolver true: DNS answered SERVFAIL for servfail.test
		dead null resolver true: no answer from DNS about dead.test within 1.5 s
		own null open true: a-198-18-0-9.test A is 198.18.0.9 (says 127.0.0.1)
		gone null resolver true: the resolver [::1]:5300 cannot be reached: nothing listens there, or there is no route
		lit 192.0.2.1 local false: bad job: host is an address: type dns asks for names (index 15 in its batch)
		END
		)
	wait_for 5 nothing_pending
	[ "$(metric jobs_taken_total) $(metric jobs_published_total) $(metric jobs_in_flight) $(metric connects_total)" = "16 16 0 0" ]
}

@test "what the policy forbids is neither asked nor told of a name" {
	PORTWATCH_ENGINE_POLICY=public engine_start --resolver "$DNS"
	batch_add jobs "$(jq -nc '[{timeout_ms: 1500, type: "dns"}, [
		["inner", "a-10-1-2-3.test", 53],
		["text", "txt-hello.test", 53, {record: "TXT"}],
		["own", "txt-hello.test", 53, {record: "TXT", resolver: "10.1.2.3"}]]]')"
	results 3 | jq -r '"\(.monitor) \(.verdict)"' | xargs | grep -qx 'inner denied text open own denied'
}

@test "resolvers that jobs name may be dead: neither other names nor the engine's slots wait for them" {
	engine_start --resolver "$DNS" --slots 1000 --metrics 127.0.0.1:0
	awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%s[\"d" i "\", \"dead.r" i ".test\", 53]", i % 60 ? "," : (i ? "]]\n" : "") \
		"[{\"type\": \"dns\", \"timeout_ms\": 2000, \"resolver\": \"'"$DNS"'\"}, ["; print "]]" }' |
		while read -r batch; do batch_add jobs "$batch"; done >/dev/null
	wait_for 20 metric_is jobs_taken_total -eq 3000
	batch_add hot '[{}, [["named", "a-198-18-0-7.test", 1000]]]'
	wait_for 60 metric_is jobs_published_total -eq 3001
	[ "$(results_there | jq -r 'select(.monitor == "named").verdict')" = open ]
	# how many are not asked at all depends on how fast they came
	[ "$(results_there | jq -r 'select(.monitor != "named") | "\(.verdict) \(.class)"' | grep -vcxE '(local|resolver) unknown')" = 0 ]
}

@test "names of type dns wait for no other, and an engine that leaves answers them" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	awk 'BEGIN { for (i = 0; i < 3000; i++) printf "%s%s", i % 60 ? "," : i ? "]]\n[{\"type\": \"dns\", \"timeout_ms\": 60000}, [" : "[{\"type\": \"dns\", \"timeout_ms\": 60000}, [",
		"[\"d" i "\", \"dead.q" i ".test\", 53]"; print "]]" }' | while read -r batch; do batch_add jobs "$batch"; done >/dev/null
	wait_for 60 metric_is jobs_taken_total -eq 3000
	batch_add hot '[{}, [["lit", "198.18.0.7", 1000]]]'
	wait_for 20 metric_is connects_total -eq 1
	batch_add jobs '[{"type": "dns", "timeout_ms": 60000}, [["last", "dead.last.test", 53]]]'
	wait_for 20 metric_is jobs_taken_total -eq 3002
	engine_stop
	[ "$(results_there | jq -r .monitor | sort -u | wc -l) $(results_there | wc -l)" = "3002 3002" ]
	[ "$(results_there | jq -r 'select(.monitor != "lit").verdict' | grep -vcxE 'shutdown|resolver')" = 0 ]
}

@test "who needs the same name waits for the same question" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	for i in {1..64}; do echo "m$i a-198-18-0-7.slow-400.same.test:1000"; done | jobs_push -f -
	for i in {1..64}; do echo "n$i A-198-18-0-7.Slow-400.same.TEST:1000"; done | jobs_push -f -
	[ "$(results 128 | jq -r .verdict | sort | uniq -c | xargs)" = "128 open" ]
	[ "$(metric dns_questions_total) $(grep -ci ' A .*same.test' "$BATS_FILE_TMPDIR/pw/dns.out")" = "1 1" ]
}

@test "5,000 names that fail at once are each unknown, none is down" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	awk 'BEGIN { for (i = 0; i < 5000; i++) printf "m%d %s.n%d.test:1000\n", i, i % 2 ? "dead" : "servfail", i }' | jobs_push --timeout 1s -f -
	results 5000 | jq -r .verdict | sort | uniq -c | xargs | grep -qx '5000 resolver'
	wait_for 5 nothing_pending
	[ "$(metric jobs_taken_total) $(metric jobs_published_total) $(metric jobs_in_flight)" = "5000 5000 0" ]
}

# True when all 640 literals are answered.
literals_are_answered() {
	[ "$(results_there | grep -c '"monitor":"lit.*"verdict":"open"')" = 640 ]
}

@test "50,000 names that nobody knows yet do not keep literals waiting" {
	engine_start --resolver "$DNS" --slots 1000 --metrics 127.0.0.1:0
	awk 'BEGIN { for (i = 0; i < 50000; i++) printf "n%d a-198-18-0-7.slow-2000.c%d.test:1000\n", i, i }' | jobs_push --timeout 5s --expires 10m -f -
	wait_for 60 metric_is jobs_taken_total -eq 50000
	targets lit 640 1000 | jobs_push -f -
	wait_for 60 literals_are_answered
	[ "$(metric jobs_resolving)" -ge 40000 ] # whoever waited for them would have waited for these
	engine_stop
}

@test "an engine that leaves answers the jobs that wait for names" {
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	batch_add jobs '[{"timeout_ms": 60000}, [["a", "dead.drain.test", 1000], ["b", "198.18.0.7", 1000]]]'
	wait_for 5 metric_is connects_total -ge 1
	engine_stop
	[ "$(results_there | jq -r '"\(.monitor) \(.verdict)"' | xargs)" = "a shutdown b open" ]
}

@test "an old answer serves while the resolver fails, other addresses are said, names in use are asked in time" {
	local job
	script <<-'END'
		moves.test a-198-18-0-7.ttl-5
		dies.test a-198-18-0-7.ttl-5
		busy.test a-198-18-0-7.ttl-6
	END
	engine_start --resolver "$DNS" --metrics 127.0.0.1:0
	job='[{}, [["m", "moves.test", 1000], ["d", "dies.test", 1000], ["b", "busy.test", 1000]]]'
	batch_add jobs "$job"
	results 3 | jq -r .verdict | sort -u | grep -qx open
	script <<-'END'
		moves.test a-198-18-0-9.ttl-5
		dies.test dead
		busy.test a-198-18-0-7.ttl-6
	END
	wait_for 10 metric_is dns_prefetches_total -ge 3
	wait_for 20 metric_is dns_answers_total -ge 6 # the third is silence
	rcli DEL "$(stream res)" >/dev/null
	batch_add jobs "$job"
	results 3 >second
	[ "$(jq -r '"\(.monitor) \(.address) \(.verdict)"' second | xargs)" = "m 198.18.0.9 open d 198.18.0.7 open b 198.18.0.7 open" ]
	[[ $(jq -r 'select(.monitor == "m").detail' second) == *"the IPv4 address of moves.test changed from 198.18.0.7 to 198.18.0.9" ]]
	[[ $(jq -r 'select(.monitor == "d").detail' second) == *"the address is an old answer, expired "*" s ago: no answer from $DNS about dies.test"* ]]
	[ "$(metric name_changes_total) $(metric name_stale_total)" = "1 1" ]
}
