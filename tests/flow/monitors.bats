#!/usr/bin/env bats
# monitors.bats - the story of a file of monitors: what is wrong with it, what it means, how it comes into Redis, and how others
# write monitors there.  One Redis for the file; each test begins with an empty one.

load lib.bash

setup_file() {
	file_needs redis python || return 0
	redis_start
}

setup() {
	skip_if_lacking
	rcli FLUSHALL >/dev/null
	cd "$BATS_TEST_TMPDIR" || return
	cat >m.yaml <<-'END'
		regions: [eu, us]
		defaults: {interval: 60s, timeout: 1s}
		monitors:
		  - {name: db, target: "192.0.2.1:5432", labels: {team: core}}
		  - {name: web, target: "192.0.2.2:80", parents: [db]}
	END
}

teardown() {
	cleanup_all
}

teardown_file() {
	cleanup_all
}

monitors() { # VERB...
	"$PORTWATCH" monitors "$@" --redis "$REDIS_URL"
}

# The monitor as it stands in Redis.
stored() { # NAME
	rcli HGET pw:monitors "$1"
}

# What the log says, one change a line.
logged() {
	rcli --json XRANGE pw:monitors:log - + | jq -r '.[][1] | if type == "array" then . else [to_entries[] | .key, .value] end | join(" ")'
}

python_has() { # MODULE
	"$PYTHON" -c "import $1" 2>/dev/null || skip "python3-$1 is not installed"
}

# ---------------------------------------------------------------- config

@test "config check finds all errors in one reading, each with its place, line and caret" {
	cd "$PW_ROOT/tests/flow/config"
	run -3 env -u NOPE "$PORTWATCH" config check bad.yaml
	diff bad.expected - <<<"$output"
	[ "$(grep -cE '^bad.yaml:[0-9]+:[0-9]+: ' bad.expected)" = 35 ]
}

@test "config check says what a good file holds, and every example is good" {
	run -0 "$PORTWATCH" config check m.yaml
	[ "$output" = "ok: 2 monitors, 2 regions, 0 channels" ]
	local file
	for file in "$PW_ROOT"/examples/*.yaml; do
		(cd /; "$PORTWATCH" config check "$file")
	done
}

@test "a directory is one configuration, whatever stands in which file" {
	mkdir d
	printf 'monitors:\n  - {name: a, target: "192.0.2.1:1", parents: [b]}\n' >d/1.yaml
	printf 'regions: [eu]\ndefaults: {interval: 5s}\nmonitors: [{name: b, target: "192.0.2.1:2"}]\n' >d/2.yml
	echo 'this is no: [yaml' >d/.hidden.yaml
	echo nor this >d/README
	run -0 "$PORTWATCH" config show d
	[[ $output == *'name: "a", target: "192.0.2.1:1", interval: 5s,'* ]]
	printf 'defaults: {interval: 6s}\nmonitors: [{name: a, target: "192.0.2.1:3"}]\n' >d/3.yaml
	run -3 "$PORTWATCH" config check d
	[[ $output == *'d/3.yaml:1:12: defaults: interval is set in d/2.yml already'* ]]
	[[ $output == *'d/3.yaml:2:19: name: there is a monitor "a" already, at d/1.yaml:2'* ]]
	mkdir empty
	run -3 "$PORTWATCH" config check empty
	[[ $output == "empty: holds no file *.yaml or *.yml"* ]]
}

@test "secrets come from files and variables, and are not shown" {
	printf 'whsec_sesame11sesame11sesame11sesame11\n' >hook.key
	cat >s.yaml <<-'END'
		notify:
		  - {name: a, type: webhook, url: "http://u:sesame-2@example.net/sesame-3", secret_file: hook.key}
		  - {name: b, type: pagerduty, routing_key: "${SESAME}"}
		  - {name: c, type: smtp, url: "smtp://example.net", from: a@b, to: c@d, user: u, password: "${SESAME}"}
		dead_man: {url: "https://example.net/${SESAME}"}
	END
	SESAME=sesame-4 run -0 "$PORTWATCH" config show s.yaml
	[[ $output != *sesame* ]]
	[ "$(grep -o '(redacted)' <<<"$output" | wc -l)" = 6 ]
	run -3 env -u SESAME "$PORTWATCH" config show s.yaml
	[ "$(grep -c 'the environment has no variable SESAME' <<<"$output")" = 3 ]
	rm hook.key
	SESAME=x run -3 "$PORTWATCH" config check s.yaml
	[[ $output == *'s.yaml:2:90: secret_file: hook.key cannot be read: No such file or directory'* ]]
}

@test "what config show prints is a configuration that means the same" {
	"$PORTWATCH" config show "$PW_ROOT/examples/portwatch.yaml" | sed 's/, secret: "(redacted)"//' >shown.yaml
	monitors apply -f "$PW_ROOT/examples/portwatch.yaml" >/dev/null
	run -0 monitors diff -f shown.yaml
	[ "$output" = "would be: 0 added, 0 changed, 0 removed, 12 as they were" ]
}

@test "an editor's schema and config check judge alike" {
	python_has jsonschema
	python_has yaml
	CASE_SHARDS=2 CASE_NAME=eu CASE_TARGET=192.0.2.1:5 CASE_TIME=10s "$PYTHON" "$PW_ROOT/tests/flow/config/agree.py" "$PORTWATCH" \
		"$PW_ROOT/docs/schema/config-1.json" "$PW_ROOT/tests/flow/config/cases.txt" . "$PW_ROOT"/examples/*.yaml
}

# ---------------------------------------------------------------- apply

@test "apply writes what differs and nothing else, and says it" {
	run -1 monitors diff -f m.yaml
	[ "$(rcli DBSIZE)" = 0 ]
	run -0 monitors apply -f m.yaml --dry-run
	[ "$(rcli DBSIZE)" = 0 ]
	run -0 --separate-stderr monitors apply -f m.yaml
	diff - <(printf '%s\n' "${lines[@]}") <<-'END'
		+ the settings
		+ db 192.0.2.1:5432
		+ web 192.0.2.2:80
	END
	[ "$stderr" = "2 added, 0 changed, 0 removed, 0 as they were" ]
	run -0 --separate-stderr monitors apply -f m.yaml
	[ "$output" = "" ]
	run -0 monitors diff -f m.yaml
	sed -i 's/timeout: 1s/timeout: 2s/; s/team: core/team: db/; /name: web/d; s/eu, us/eu/' m.yaml
	echo '  - {name: new, target: "[2001:db8::1]:53"}' >>m.yaml
	run -0 --separate-stderr monitors apply -f m.yaml
	diff - <(printf '%s\n' "${lines[@]}") <<-'END'
		~ the settings: regions ["eu","us"] -> ["eu"]
		~ db: timeout_ms 1000 -> 2000, labels {"team":"core"} -> {"team":"db"}
		+ new [2001:db8::1]:53
		- web
	END
	diff - <(logged) <<-'END'
		op settings
		op set name db
		op set name web
		op settings
		op set name db
		op set name new
		op del name web
	END
}

@test "a monitor that means the same is not written again, however its JSON looks" {
	monitors apply -f m.yaml >/dev/null
	rcli HSET pw:monitors db '{ "labels": {"team":"core"}, "timeout_ms":1000, "target":"192.0.2.1:5432", "close":"rst", "mine": 7 }' >/dev/null
	run -0 monitors diff -f m.yaml
	[ "$(stored db | jq .mine)" = 7 ]
}

@test "a monitor that was paused by hand stays paused, unless the file says otherwise" {
	monitors apply -f m.yaml >/dev/null
	run -0 monitors pause web db
	[ "${lines[*]}" = '"db" paused "web" paused' ]
	run -0 monitors pause web
	[ "$output" = '"web" was paused already' ]
	sed -i 's/timeout: 1s/timeout: 2s/; s/target: "192.0.2.2:80"/paused: no, &/' m.yaml
	monitors apply -f m.yaml >/dev/null
	[ "$(stored db | jq -c '[.paused, .timeout_ms]')" = '[true,2000]' ]
	[ "$(stored web | jq -c '[.paused, .timeout_ms]')" = '[null,2000]' ]
	run -0 monitors resume db
	[ "$(stored db | jq .paused)" = null ]
}

@test "pause keeps the members it does not know" {
	rcli HSET pw:monitors x '{"target":"192.0.2.1:1","owner":{"id":7}}' >/dev/null
	monitors pause x >/dev/null
	[ "$(stored x)" = '{"target":"192.0.2.1:1","owner":{"id":7},"paused":true}' ]
}

@test "a slip in one name leaves all alone and is answered with what was meant" {
	monitors apply -f m.yaml >/dev/null
	run -3 monitors remove db wbe
	[ "$output" = 'portwatch monitors remove: there is no monitor "wbe", did you mean "web"?' ]
	[ "$(rcli HLEN pw:monitors)" = 2 ]
	run -3 monitors show nothing-like-it
	[[ $output == *"there is no monitor \"nothing-like-it\"; 'portwatch monitors list' tells which there are" ]]
	run -0 monitors remove db
	[ "$(rcli HKEYS pw:monitors)" = web ]
}

@test "a file with errors, or without monitors, changes nothing" {
	monitors apply -f m.yaml >/dev/null
	echo 'regions: [eu]' >empty.yaml
	echo 'regions: [e u]' >bad.yaml
	run -3 monitors apply -f bad.yaml
	run -3 monitors apply -f empty.yaml
	[[ $output == *"empty.yaml has no monitors, and 2 would be removed; if that is meant, say --remove-all" ]]
	[ "$(rcli HLEN pw:monitors)" = 2 ]
	run -0 monitors apply -f empty.yaml --remove-all
	[ "$(rcli EXISTS pw:monitors)" = 0 ]
}

@test "another number of shards is refused while something was decided, unless it is meant" {
	{ cat m.yaml; printf '  - {name: m%d, target: "192.0.2.3:1"}\n' {1..20}; } >one.yaml
	{ cat one.yaml; echo 'shards: 4'; } >four.yaml
	monitors apply -q -f one.yaml
	monitors apply -q -f four.yaml # nobody has decided anything yet: nothing is lost
	monitors apply -q -f one.yaml
	rcli HSET 'pw:{alerts.0}:state' db '{}' >/dev/null
	run --separate-stderr -1 monitors diff -f four.yaml
	[[ $stderr == "shards go from 1 to 4: "*" monitors move to another shard"*"would be: "*"; other settings" ]]
	run -3 monitors apply -f four.yaml
	[[ $output == *"DOWN is told again"*"say --reshard"* ]]
	[[ $(rcli GET pw:settings) != *'"shards":4'* ]]
	run -0 monitors apply -q --reshard -f four.yaml
	[[ $(rcli GET pw:settings) == *'"shards":4'* ]]
}

@test "a full Redis is said with what to do" {
	monitors apply -q -f m.yaml
	echo '  - {name: one-more, target: "192.0.2.4:1"}' >>m.yaml
	rcli CONFIG SET maxmemory 1 >/dev/null
	run -1 "$PORTWATCH" explain db --redis "$REDIS_URL"
	[[ $output == *'"db" cannot be asked about: OOM command not allowed'* ]]
	run -4 monitors apply -f m.yaml
	rcli CONFIG SET maxmemory 0 >/dev/null
	rcli SET 'pw:{alerts.0}:state' text >/dev/null
	[[ $("$PORTWATCH" status --redis "$REDIS_URL" 2>&1) == *'pw:{alerts.0}:state: WRONGTYPE'* ]]
	[[ $output == *"OOM command not allowed"*"raise it (CONFIG SET maxmemory)"* ]]
}

@test "--state names the Redis of a portwatch up that is not there, too" {
	run -3 "$PORTWATCH" monitors list --state "$PWD/none"
	[[ $output == *"nothing answers at $PWD/none/redis.sock"* ]]
}

@test "explain says that a monitor is broken" {
	monitors apply -q -f m.yaml
	rcli HSET pw:monitors db '{' >/dev/null
	run -1 "$PORTWATCH" explain db --redis "$REDIS_URL"
	[[ $output == *"monitor db: byte 1: "*"broken in Redis"* ]]
}

@test "a monitor that another writer broke is shown with the reason, and does not hide the others" {
	monitors apply -f m.yaml >/dev/null
	rcli HSET pw:monitors broke '{"target":5}' half '{"target":' >/dev/null
	rcli HSET pw:monitors $'\xff\x01' '{"target":"192.0.2.1:1"}' >/dev/null
	run -0 monitors list
	[[ ${lines[1]} == 'broke '*' broken: target is not a text of at most'* ]]
	[[ ${lines[2]} == 'db '*' active' ]]
	[[ ${lines[3]} == 'half '*' broken: byte '* ]]
	[[ ${lines[5]} == *'\u0001'*' broken: its name is not 1 to 64 bytes of UTF-8'* ]]
	[ "$(monitors list -o json | jq -c 'map(.broken != null)')" = '[true,false,true,false,true]' ]
	[ "$(monitors list -o ndjson | jq -s length)" = 5 ]
	[ "$(monitors list -o csv | head -n 3 | tail -n 1)" = 'db,192.0.2.1:5432,60s,all,team=core,active' ]
	run -1 monitors show broke
	[[ $output == *'{"target":5}'* ]]
	run -3 monitors pause broke
	[[ $output == *'monitor broke: target is not'*'mend it with apply, or remove it' ]]
	run -0 monitors apply -f m.yaml
	[ "$(rcli HLEN pw:monitors)" = 2 ]
}

@test "a list fits its schema" {
	python_has jsonschema
	monitors apply -f "$PW_ROOT/examples/portwatch.yaml" >/dev/null
	rcli HSET pw:monitors broke '{"target":5}' >/dev/null
	monitors list -o json >list.json
	"$PYTHON" -c 'import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
for one in json.load(open("list.json")): jsonschema.Draft202012Validator(schema).validate(one)' "$PW_ROOT/docs/schema/monitor-1.json"
}

@test "without Redis, or with a key of another type, it says so and what to try" {
	run -4 "$PORTWATCH" monitors list --redis unix:///nowhere/sock
	[[ $output == *redis-cli\ PING* ]]
	rcli SET pw:monitors x >/dev/null
	run -4 monitors apply -f m.yaml
	[[ $output == *WRONGTYPE* ]]
	run -3 monitors list --prefix 'p w'
	run -3 monitors aply
	[[ $output == *'did you mean "apply"?' ]]
}

@test "two who apply at the same time do not lose a pause in between" {
	awk 'BEGIN { print "regions: [eu]\nmonitors:"; for (i = 0; i < 3000; i++) printf "  - {name: m%d, target: \"192.0.2.1:%d\"}\n", i, i + 1 }' >many.yaml
	monitors apply -q -f many.yaml
	sed 's/regions/defaults: {timeout: 1s}\nregions/' many.yaml >other.yaml
	monitors apply -q -f other.yaml & # in chunks, while one after the other is paused
	local i
	for i in 7 707 1707 2907; do
		monitors pause "m$i"
	done
	wait $!
	for i in 7 707 1707 2907; do
		[ "$(stored "m$i" | jq -c '[.paused, .timeout_ms]')" = '[true,1000]' ]
	done
}

# ---------------------------------------------------------------- a control plane that is not ours

@test "the example in docs/wire.md writes monitors that portwatch reads, and logs them" {
	sed -n '/^### Monitors in Python$/,/^## /p' "$PW_ROOT/docs/wire.md" | sed -n '/^```python$/,/^```$/p' | sed '1d;$d' >example.py
	run -0 "$PYTHON" example.py "$REDIS_SOCK" db=192.0.2.10:5432 'old=[2001:db8::1]:53'
	[ "$(sort <<<"$output")" = $'db 192.0.2.10:5432\nold [2001:db8::1]:53' ]
	run -0 "$PYTHON" example.py "$REDIS_SOCK" old= web=192.0.2.10:80
	[ "$(monitors list -o ndjson | jq -r 'select(.broken == null) | "\(.name) \(.target) \(.interval_ms) \(.labels.by)"')" = \
		$'db 192.0.2.10:5432 30000 example\nweb 192.0.2.10:80 30000 example' ]
	[ "$(logged | tail -n 2)" = $'op del name old\nop set name web' ]
}

@test "every member in docs/wire.md is one that monitors are made of" {
	local member
	sed -n '/^## Monitors$/,/^`pw:settings`/p' "$PW_ROOT/docs/wire.md" | sed -nE 's/^\| `([a-z_]+)` \|.*/\1/p' | sort >written
	grep -ohE 'json_object_set_new\(o, "[a-z_]+"|set_number\(o, "[a-z_]+"' "$PW_ROOT/wire/monitor.c" | grep -oE '"[a-z_]+' | tr -d '"' | sort -u >known
	diff written known
}
