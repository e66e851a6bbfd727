#!/usr/bin/env bats
# bench.bats - what the bench must never do, and what its figures must never hide: it sends nothing from a place that leads
# out, it counts a miss as a miss, and its page needs nothing from elsewhere.  How fast anything is is not asked here.

bats_require_minimum_version 1.5.0
bench="$BATS_TEST_DIRNAME/../../bench"
: "${PORTWATCH:=$BATS_TEST_DIRNAME/../../build/portwatch}"

# In a namespace of its own, with the bench's files at hand.
inside() {
	unshare -n env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$bench" "$@"
}

setup_file() {
	[ "$(id -u)" = 0 ] && unshare -n true || skip "no network namespace can be made here"
}

@test "a namespace with a device that leads out is no place to send from" {
	run inside sh -c 'ip link set lo up && ip link add out0 type veth peer name out1 && /usr/bin/python3 -c "import harness; harness.sealed()"'
	[ "$status" = 1 ]
	[[ "$output" == *"not a sealed namespace"*out0*"nothing was sent" ]]
}

@test "a namespace with a default route is no place to send from" {
	run inside sh -c 'ip link set lo up && ip route add default dev lo && /usr/bin/python3 -c "import harness; harness.sealed()"'
	[ "$status" = 1 ]
	[[ "$output" == *"not a sealed namespace"*"nothing was sent" ]]
	run inside sh -c 'ip link set lo up && /usr/bin/python3 -c "import harness; harness.sealed(); print(\"sealed\")"'
	[ "$output" = sealed ]
}

@test "on loopback nothing is started that has its targets elsewhere" {
	run inside /usr/bin/python3 -c '
import chain
class Loopback: kind, dir = "loopback", "/nonexistent"
chain.Product(Loopback(), ["east"], 10000)'
	[ "$status" = 1 ]
	[[ "$output" == *"nothing was sent" ]]
}

@test "an open port that is called silent is missed, a closed one that is called open is no miss but a wrong name" {
	run inside /usr/bin/python3 -c '
import field
truth = {"a:1": ("open", "open"), "a:2": ("lossy", "open"), "a:3": ("closed", "closed"), "a:4": ("rejected", "rejected"), "a:5": ("silent", "silent"), "a:6": ("silent", "silent")}
said = {"a:1": "open", "a:2": "silent", "a:3": "open", "a:4": "silent", "a:5": "down"}
t = field.score(truth, said)["total"]
print(t["found"], t["missed"], t["false_open"], t["misnamed"], t["unnamed"], t["unsaid"], t["of"])'
	[ "$output" = "1 1 1 1 1 1 6" ]
}

@test "the page and the picture of a run need nothing from elsewhere" {
	command -v redis-server || skip "redis-server is missing"
	inside /usr/bin/python3 "$bench/run.py" --build "$(dirname "$PORTWATCH")" --quick --only redis,memory --json "$BATS_TEST_TMPDIR/run.json"
	"$bench/report" "$BATS_TEST_TMPDIR/run.json" -o "$BATS_TEST_TMPDIR/run.html" --picture "$BATS_TEST_TMPDIR/run.svg"
	grep -q "What Redis takes" "$BATS_TEST_TMPDIR/run.html"
	run ! grep -oE '(src|href|url\(|@import)[^ >]*' "$BATS_TEST_TMPDIR/run.html"
	run ! grep -qE '<script|<img|<link|<iframe' "$BATS_TEST_TMPDIR/run.html" "$BATS_TEST_TMPDIR/run.svg"
}
