#!/usr/bin/env bats
# kills.bats - every process of the pipeline is killed under load, and in the end every slot is accounted for.
# KILLS: how often each (default 4; docs/notes has a run with 100).

load lib.bash

setup_file() {
	file_needs netns redis python || return 0
	netns_make kills
}

setup() {
	skip_if_lacking
}

teardown_file() {
	cleanup_all
}

@test "kill -9 of every process, again and again, loses no slot and tells the one outage once" {
	in_ns "$PYTHON" "$BATS_TEST_DIRNAME/kills.py" "$PW_BUILD" "${KILLS:-4}"
}
