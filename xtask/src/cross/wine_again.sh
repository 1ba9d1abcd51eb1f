#!/bin/sh
# Runs a test program under Wine, and once more for each of two faults of Wine. On a busy machine its server kills a program
# that the kernel has not removed one second after its end. And a program that starts while the server ends loses it.
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
for attempt in 1 2 3; do
	code=0
	wine "$@" 2>"$errors" || code=$?
	cat "$errors" >&2
	[ "$code" -eq 137 ] || grep -q '^wine client error' "$errors" || break
	echo "attempt $attempt of 3 came to nothing" >&2
done
exit "$code"
