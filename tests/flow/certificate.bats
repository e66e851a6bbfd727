#!/usr/bin/env bats
# certificate.bats - the story of a certificate: real TLS servers with every fault, mail and databases behind STARTTLS,
# peers that are no TLS at all; by hand, as a plugin, and through Redis.

load lib.bash

setup_file() {
	file_needs python netns || return 0
	export CERTS=$BATS_FILE_TMPDIR/certs
	mkdir "$CERTS"
	"$PW_ROOT/tests/flow/certificates.sh" "$CERTS" || return
	netns_make cert
	start_ready peers become_in_ns "$PYTHON" "$PW_ROOT/tests/flow/tls_peers.py" "$CERTS" || return
	export PEERS_OUT=$STARTED_OUT SCRIPT=$BATS_FILE_TMPDIR/names
	printf 'a.example a-127-0-0-1\nb.example a-127-0-0-1\nboth.example a-127-0-0-1.aaaa---1\n' >"$SCRIPT"
	start_ready dns become_in_ns "$PYTHON" "$PW_ROOT/tests/peer/dns_server.py" 127.0.0.1 5300 "$SCRIPT" || return
	nginx_start
}

# One server a certificate, on ports 2001 and up in this order.
KINDS="good expired future wrong short soon unknown bare self"

nginx_start() {
	local kind port=2001 dir=$BATS_FILE_TMPDIR/nginx
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || return 0
	mkdir -p "$dir"
	{
		echo "daemon off; master_process off; pid $dir/pid; error_log $dir/log info; events {}"
		echo "http { access_log off; client_body_temp_path $dir/1; proxy_temp_path $dir/2; fastcgi_temp_path $dir/3;"
		echo "uwsgi_temp_path $dir/4; scgi_temp_path $dir/5;"
		for kind in $KINDS; do
			echo "server { listen 127.0.0.1:$port ssl; ssl_certificate $CERTS/$kind.pem; ssl_certificate_key $CERTS/$kind.key; }"
			port=$((port + 1))
		done
		echo "}"
	} >"$dir/conf"
	become_in_ns env PATH="$PATH:/usr/sbin" nginx -c "$dir/conf" -e "$dir/log" >"$dir/out" 2>&1 3>&- &
	note_process $!
	export NGINX_LOG=$dir/log
	wait_for 20 in_ns "$PYTHON" -c 'import socket; socket.create_connection(("127.0.0.1", 2009))' 2>/dev/null || { cat "$dir/out" "$dir/log" >&2; return 1; }
}

setup() { skip_if_lacking; }
teardown() { cleanup_all; }
teardown_file() { cleanup_all; }

# Looks at ports of 127.0.0.1; prints "verdict: detail" for each.
look() { # OPTION... PORT...
	local args=() targets=()
	for arg in "$@"; do
		case $arg in 1 | [0-9][0-9][0-9][0-9]) targets+=("127.0.0.1:$arg") ;; *) args+=("$arg") ;; esac
	done
	in_ns "$PORTWATCH" probe --ca "$CERTS/ca.pem" --server-name a.example -o json "${args[@]}" "${targets[@]}" 2>/dev/null |
		jq -r '.results[] | "\(.verdict): \(.detail)"'
}

# The lines of the output are those of standard input; # stands for any number, @ for any date.
says() {
	diff <(sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}/@/g' <<<"$output") -
}

each_fault() { # CONNECTOR
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	run look --connector "$1" --tls 2001 2002 2003 2004 2005 2006 2007 2008 2009
	says <<-'END'
		open: certificate: expires in 90 days (@)
		certificate: expired 3 days ago (@)
		certificate: not valid before 2 days from now (@)
		certificate: wrong name: has b.example, c.example; wants a.example
		certificate: expires in 2 days (@), wanted at least 3 days
		open: certificate: expires in 10 days (@)
		certificate: unknown issuer "Nobody's Root" (the server sends no intermediate certificate)
		certificate: unknown issuer "Test Intermediate" (the server sends no intermediate certificate)
		certificate: self-signed
	END
	run ! grep -iE "error|SSL_" "$NGINX_LOG" # nothing that its owner would have to read
}

@test "each fault of a certificate is told by its own sentence, through epoll (nginx)" {
	each_fault epoll
}

@test "each fault of a certificate is told by its own sentence, through io_uring (nginx)" {
	have_right io_uring || skip "io_uring is not allowed here"
	each_fault io_uring
}

@test "names, wildcards and addresses are found in the certificate, and nothing else is" {
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	for name in a.example A.Example x.wild.example 127.0.0.1; do
		run look --tls --server-name "$name" 2001
		[[ $output == open:* ]]
	done
	for name in b.example x.y.wild.example wild.example 127.0.0.2; do
		run look --tls --server-name "$name" 2001
		[[ $output == "certificate: wrong name: has a.example, *.wild.example, 127.0.0.1; wants $name"* ]]
	done
	run in_ns "$PORTWATCH" probe --tls 127.0.0.1:2001 -o ndjson
	[ "$(jq -r .detail <<<"$output")" = 'unknown issuer: the chain ends at "Test Root", which is not trusted here' ] ||
		[ "$(jq -r .detail <<<"$output")" = 'unknown issuer "Test Root"' ]
	[ "$(jq -r .issuer <<<"$output")" = "Test Root" ]
	[[ $(jq -r .not_after <<<"$output") == 20*T*Z ]]
}

@test "how long it has to hold can be said" {
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	run look --tls --tls-down 100d 2001
	[[ $output == "certificate: expires in 90 days "*", wanted at least 100 days" ]]
	run look --tls --tls-down 1d --tls-warn 0 2005
	[[ $output == "open: certificate: expires in 2 days "* ]]
}

# s_server PORT NAME OPTION...: on 127.0.0.1, with the certificate of that name.
s_server() {
	become_in_ns openssl s_server -www -accept "127.0.0.1:$1" "${@:3}" -cert "$CERTS/$2.pem" -cert_chain "$CERTS/$2.pem" \
		-key "$CERTS/$2.key" >"$BATS_TEST_TMPDIR/s$1" 2>&1 3>&- &
	note_process $!
	await_line 20 $! '^ACCEPT' "$BATS_TEST_TMPDIR/s$1"
}

@test "openssl s_server: the same faults" {
	local port=2111 kind
	for kind in good expired wrong short self; do
		s_server $port $kind
		port=$((port + 1))
	done
	run look --tls 2111 2112 2113 2114 2115
	says <<-'END'
		open: certificate: expires in 90 days (@)
		certificate: expired 3 days ago (@)
		certificate: wrong name: has b.example, c.example; wants a.example
		certificate: expires in 2 days (@), wanted at least 3 days
		certificate: self-signed
	END
}

@test "openssl s_server: a server that wants a certificate of ours, and one that speaks only TLS 1.0, are seen as they are" {
	local port=2101 mode
	for mode in "-tls1_2 -Verify 1" "-tls1_3 -Verify 1" "-tls1 -cipher ALL:@SECLEVEL=0"; do
		s_server $port good $mode
		port=$((port + 1))
	done
	run look --tls 2101 2102 2103
	says <<-'END'
		open: certificate: expires in 90 days (@)
		open: certificate: expires in 90 days (@)
		open: certificate: expires in 90 days (@)
	END
}

@test "behind STARTTLS: smtp (aiosmtpd), imap, pop3, ldap and postgres" {
	local proto port=3001
	for proto in imap pop3 ldap postgres; do
		run look --starttls $proto $port
		[[ $output == "open: certificate: expires in 90 days"* ]]
		port=$((port + 1))
	done
	run ! grep -E "wrongly|application" "$PEERS_OUT"
	grep -q "no aiosmtpd" "$PEERS_OUT" && skip "aiosmtpd is not installed"
	run look --starttls smtp 3005 3006
	says <<-'END'
		open: certificate: expires in 90 days (@)
		certificate: expired 3 days ago (@)
	END
}

@test "behind a real postgres" {
	local bin kind sentence dir=$BATS_TEST_TMPDIR/pg as=()
	bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	[ -x "$bin/initdb" ] || skip "postgresql is not installed"
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
		chmod o+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")" "$BATS_TEST_TMPDIR" 2>/dev/null || true
	fi
	mkdir "$dir"
	[ "$(id -u)" = 0 ] && chown nobody:nogroup "$dir"
	"${as[@]}" test -w "$dir" || skip "an unprivileged user cannot reach $dir"
	"${as[@]}" "$bin/initdb" -D "$dir/data" -A trust -U pw --no-sync >/dev/null 2>&1 || skip "initdb does not work here"
	cp "$CERTS/good.pem" "$CERTS/good.key" "$dir/" && chmod 600 "$dir/good.key"
	[ "$(id -u)" = 0 ] && chown nobody "$dir"/good.*
	become_in_ns "${as[@]}" "$bin/postgres" -D "$dir/data" -p 3301 -k "$dir" -c ssl=on -c fsync=off -c ssl_cert_file="$dir/good.pem" \
		-c ssl_key_file="$dir/good.key" -c listen_addresses=127.0.0.1 >"$dir/log" 2>&1 3>&- &
	local server=$!
	note_process "$server"
	await_line 30 "$server" 'ready to accept connections' "$dir/log" || { cat "$dir/log" >&2; return 1; }
	run look --starttls postgres 3301
	[[ $output == "open: certificate: expires in 90 days"* ]]
	for kind in expired wrong self; do # it reads them again when it is told to
		cat "$CERTS/$kind.pem" >"$dir/good.pem"
		cat "$CERTS/$kind.key" >"$dir/good.key"
		kill -HUP "$server"
		case $kind in
		expired) sentence="expired 3 days ago" ;;
		wrong) sentence="wrong name: has b.example, c.example; wants a.example" ;;
		self) sentence="self-signed" ;;
		esac
		wait_for 20 eval '[[ $(look --starttls postgres 3301) == "certificate: $sentence"* ]]' || { look --starttls postgres 3301; return 1; }
	done
}

@test "a peer that is silent, slow, endless or something else gets one sentence, in time" {
	run look --tls --tls-timeout 400ms 3101 3103 3104 3105 3106 3107 3108 1
	says <<-'END'
		certificate: no TLS here: the handshake did not end for 0.4 s
		certificate: no TLS here: the handshake did not end for 0.4 s
		certificate: no TLS here: the answer is something else
		certificate: no TLS here: the answer is something else
		certificate: no TLS here: the answer is something else
		certificate: no TLS here: the server closed the connection
		certificate: no TLS here: the server reset the connection
		closed: nothing listens: reset in answer to the SYN
	END
	run look --starttls smtp --tls-timeout 400ms 3101 3102 3104 3105 3201
	says <<-'END'
		certificate: no TLS here: the server said nothing for 0.4 s
		certificate: no TLS here: the handshake did not end for 0.4 s
		certificate: no TLS here: smtp: the server sent more than 1024 bytes without an end
		certificate: no TLS here: smtp: not a greeting of smtp: "SSH-2.0-OpenSSH_9.2"
		certificate: no TLS here: the server said nothing for 0.4 s
	END
	run look --starttls pop3 3109
	[ "$output" = "certificate: no TLS here: pop3: the server went on in plain text after it agreed to TLS" ]
	run look --starttls postgres 3201
	[ "$output" = "certificate: no TLS here: postgres: the server does not offer TLS (ssl is off)" ]
}

@test "the plugin speaks of days" {
	local check=(in_ns "$PORTWATCH" check -H 127.0.0.1 --ca "$CERTS/ca.pem" --server-name a.example)
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	run "${check[@]}" --tls -p 2001
	[ "$status" = 0 ]
	[[ $output == "TLS OK - 127.0.0.1:2001 open: certificate: expires in 90 days ("*"'days'=90;21:;3:" ]]
	run "${check[@]}" --tls -p 2001 -w 100
	[ "$status" = 1 ]
	run "${check[@]}" --tls -p 2001 -c 100d
	[ "$status" = 2 ]
	run "${check[@]}" --tls -p 2002
	[ "$status" = 2 ]
	[[ $output == "TLS CRITICAL - 127.0.0.1:2002 certificate: expired 3 days ago ("* ]]
	run "${check[@]}" --tls -p 2001 -w 1.5
	[ "$status" = 3 ]
}

@test "a CA file that cannot be read is the prober's trouble, and nothing is sent" {
	run in_ns "$PORTWATCH" probe --tls --ca "$CERTS/good.key" -o ndjson 127.0.0.1:3106
	[ "$status" = 2 ]
	[ "$(jq -r '.verdict, .wall_us' <<<"$output" | xargs)" = "local null" ]
	[[ $(jq -r .detail <<<"$output") == "the CA file "*" holds no certificate in PEM" ]]
	run in_ns env SSL_CERT_FILE=/nowhere SSL_CERT_DIR=/nowhere "$PORTWATCH" probe --tls -o ndjson 127.0.0.1:3106
	[ "$(jq -r .detail <<<"$output")" = "this prober has no certificates to trust (package ca-certificates)" ]
	run in_ns "$PORTWATCH" probe --tls --ca /nowhere 127.0.0.1:3106
	[ "$status" = 3 ]
}

@test "a host name is resolved first, and is what is asked for and has to stand in the certificate" {
	run --separate-stderr in_ns "$PORTWATCH" probe --resolver 127.0.0.1:5300 --ca "$CERTS/ca.pem" --starttls imap -o ndjson \
		a.example:3001 b.example:3001 nxdomain.test:3001
	[ "$status" = 1 ]
	[ "$(jq -r '"\(.target) \(.address) \(.verdict)"' <<<"$output" | sort | xargs)" = \
		"a.example:3001 127.0.0.1 open b.example:3001 127.0.0.1 certificate nxdomain.test:3001 null no-name" ]
	[ "$(jq -r 'select(.verdict == "open") | .dns_us > 0 and .not_after != null' <<<"$output")" = true ]
	[[ $(jq -r 'select(.verdict == "certificate") | .detail' <<<"$output") == "wrong name: has a.example, "*"; wants b.example" ]]
	grep -qx "asked for a.example" "$PEERS_OUT"
	grep -qx "asked for b.example" "$PEERS_OUT"
	run look --tls --starttls imap 3001
	run ! grep -x "asked for 127.0.0.1" "$PEERS_OUT" # an address is no name to ask for
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	in_ns ip addr show dev lo | grep -q 'inet6 ::1' || skip "there is no IPv6 here"
	run --separate-stderr in_ns "$PORTWATCH" probe --resolver 127.0.0.1:5300 --tls --ca "$CERTS/ca.pem" --server-name a.example --ip both -o ndjson both.example:2001
	[ "$(jq -r '"\(.address) \(.verdict)"' <<<"$output" | sort | xargs)" = "127.0.0.1 open ::1 closed" ]
}

@test "through Redis: names, certificates and bare handshakes in one entry" {
	skip_without redis
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	redis_start
	engine_start --resolver 127.0.0.1:5300
	local ca="\"ca\":\"$CERTS/ca.pem\""
	batch_add jobs "[{}, [[\"bare\",\"127.0.0.1\",2001], [\"named\",\"a.example\",2001], [\"tls\",\"127.0.0.1\",2001,{\"tls\":{$ca}}],
		[\"both\",\"a.example\",2001,{\"tls\":{$ca}}], [\"wrong\",\"b.example\",2001,{\"tls\":{$ca}}],
		[\"gone\",\"nxdomain.test\",2001,{\"tls\":{$ca}}]]]"
	run results 6
	[ "$(jq -r '"\(.monitor) \(.verdict) \(.dns_us != null) \(.not_after != null)"' <<<"$output" | sort | paste -sd,)" = \
		"bare open false false,both open true true,gone no-name true false,named open true false,tls open false true,wrong certificate true true" ]
	nothing_pending
	engine_stop
}

@test "through Redis: what is down is said before somebody else's certificate was waited for" {
	skip_without redis
	redis_start
	engine_start
	batch_add jobs '[{}, [["slow","127.0.0.1",3101,{"tls":{"timeout_ms":2500}}], ["down","127.0.0.1",1], ["up","127.0.0.1",3101]]]'
	run results 3
	[ "$(jq -r .monitor <<<"$output" | xargs)" = "down slow up" ]
	[ "$(rcli XLEN "$(stream res)")" = 2 ]
	nothing_pending
	engine_stop
}

@test "jobs push: a certificate behind STARTTLS" {
	skip_without redis
	redis_start
	engine_start
	jobs_push --starttls imap --server-name a.example --ca "$CERTS/ca.pem" --tls-warn 100d 127.0.0.1:3001
	run results 1
	[ "$(jq -r '.verdict' <<<"$output")" = open ]
	[[ $(jq -r .detail <<<"$output") == "certificate: expires in 90 days "* ]]
	run -3 jobs_push --tls --ca own.pem 127.0.0.1:3001
	[[ $output == *"--ca: own.pem is no absolute path"* ]]
	engine_stop
}

@test "through Redis: plain and certificate jobs in one entry are all answered, once each" {
	skip_without redis
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	redis_start
	engine_start --metrics 127.0.0.1:0
	local tls="{\"tls\":{\"server_name\":\"a.example\",\"ca\":\"$CERTS/ca.pem\"}}"
	batch_add jobs "[{}, [[\"bare\",\"127.0.0.1\",2002], [\"good\",\"127.0.0.1\",2001,$tls], [\"expired\",\"127.0.0.1\",2002,$tls],
		[\"soon\",\"127.0.0.1\",2006,$tls], [\"closed\",\"127.0.0.1\",1,$tls], [\"bad\",\"127.0.0.1\",1,{\"tls\":{\"starttls\":\"gopher\"}}],
		[\"mail\",\"127.0.0.1\",3005,{\"tls\":{\"starttls\":\"smtp\",\"server_name\":\"a.example\",\"ca\":\"$CERTS/ca.pem\"}}]]]"
	run results 7
	[ "$(jq -r '"\(.monitor) \(.verdict)"' <<<"$output" | sort | xargs)" = \
		"bad local bare open closed closed expired certificate good open mail open soon open" ]
	[ "$(jq -r 'select(.monitor == "soon") | .issuer' <<<"$output")" = "Test Root" ]
	[ "$(jq -r 'select(.not_after != null) | .monitor' <<<"$output" | sort | xargs)" = "expired good mail soon" ]
	nothing_pending
	metric_is jobs_in_flight -eq 0
	[ "$(metric verdicts_total 'verdict="certificate"')" = 1 ]
	engine_stop
}

@test "400 looks at a time wait for their turn, and an engine that is told to leave answers all of them" {
	skip_without redis
	redis_start
	local i batch
	for i in {1..8}; do
		batch=$(jq -nc --arg n "$i" '[{"tls":{"timeout_ms":1500},"expires_ms":600000}, [range(50) | ["s\($n)-\(.)","127.0.0.1",3101]]]')
		batch_add jobs "$batch"
	done
	engine_start --slots 1000
	wait_for 10 eval '[ "$(pending)" = 8 ]'
	engine_stop
	results_there >"$BATS_TEST_TMPDIR/out"
	[ "$(jq -r .monitor "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" = 400 ]
	[ "$(jq -r .verdict "$BATS_TEST_TMPDIR/out" | sort -u | xargs)" = "certificate shutdown" ]
}

@test "the whole pipeline: an expired certificate is an incident of its own, one that ends soon a notice, and the ports stay up" {
	skip_without redis
	[ -n "${NGINX_LOG:-}" ] || skip "nginx is not installed"
	cd "$BATS_TEST_TMPDIR"
	cat >file.yaml <<-END
		regions: [eu, us]
		defaults: {interval: 1s, timeout: 500ms}
		monitors:
		  - {name: web, target: "127.0.0.1:2002", tls: {server_name: a.example, ca: "$CERTS/ca.pem", interval: 1s}}
		  - {name: fine, target: "127.0.0.1:2001", type: certificate, tls: {server_name: a.example, ca: "$CERTS/ca.pem"}, interval: 1s}
		  - {name: mail, target: "127.0.0.1:2006", tls: {server_name: a.example, ca: "$CERTS/ca.pem", interval: 1s}}
		notify:
		  - {name: note, type: exec, command: [tee, -a, "$PWD/told"]}
	END
	: >told
	become_in_ns "$PORTWATCH" up -c file.yaml --state "$PWD/state" >up.out 2>up.err 3>&- &
	note_process $!
	wait_for 30 grep -q '"monitor.down"' told || { cat up.out up.err >&2; return 1; }
	wait_for 30 grep -q '"monitor.degraded"' told
	jq -rc 'select(.type == "monitor.down") | .data.summary' told >downs
	[ "$(wc -l <downs)" = 1 ]
	grep -qE '^web certificate \(127.0.0.1:2002\) is DOWN: certificate: expired 3 days ago \(20..-..-..\), from both regions since' downs
	jq -rc 'select(.type == "monitor.degraded") | .data.summary' told | head -n 1 |
		grep -qE '^mail certificate \(127.0.0.1:2006\) is up, but its certificate ends soon: expires in 10 days'
	states() {
		"$PORTWATCH" status --redis "unix://$PWD/state/redis.sock" -o json |
			jq -r '.monitors | sort_by(.monitor)[] | "\(.monitor)=\(.state)"' | xargs
	}
	wait_for 20 eval '[ "$(states)" = "fine=up mail=up mail certificate=degraded web=up web certificate=down" ]' || { states; return 1; }
	run "$PORTWATCH" explain --redis "unix://$PWD/state/redis.sock" "web certificate"
	[[ $output == *"certificate"*"expired 3 days ago"* ]]
	[[ $output == *parents*"web (up)"* ]]
}
