#!/bin/bash
# The examples as their readers meet them: each program by itself, then a short demo with its
# kills. Asserts outcomes, never times.
set -u
build=${COPSE_BUILD_DIR:?}
source=${COPSE_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
programs=$build/examples
passed=0 failed=0
place=$(mktemp -d) || exit 1
shm=$(mktemp -d -p "${COPSE_TEST_SHM:-/dev/shm}") || exit 1
store=$shm/stream
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$place" "$shm"' EXIT

if [ -n "${COPSE_EXE_WRAPPER:-}" ]; then
  echo "skip not for a cross build"
  echo "0 passed, 0 failed, 1 skipped"
  exit 0
fi

result() { # STATUS NAME [FILE: shown when it failed]
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1)) && echo "ok   $2"
  else
    failed=$((failed + 1)) && echo "FAIL $2"
    [ -z "${3:-}" ] || sed 's/^/     /' "$3"
  fi
}

await() { # FILE PATTERN: waits until it is there, a minute at most
  local looks
  for ((looks = 0; looks < 6000; looks++)); do
    grep -q "$2" "$1" 2>/dev/null && return 0
    sleep 0.01
  done
  return 1
}

# --- hello ---------------------------------------------------------------------------

"$programs/hello-hello" "$shm/hello" >"$place/hello" 2>&1
result $? "hello ends well" "$place/hello"
grep -q 'question = who is there?' "$place/hello" &&
  grep -q 'answer = a second process' "$place/hello"
result $? "hello: each process reads what the other has written" "$place/hello"
[ -z "$(ls "$shm")" ]
result $? "hello leaves nothing behind"

# --- queue ---------------------------------------------------------------------------

"$programs/queue-queue" "$shm/queue" >"$place/queue" 2>&1 &&
  grep -q 'was killed, 1 job back' "$place/queue" &&
  grep -q '^todo 0, running 0, done 1000 of 1000$' "$place/queue"
result $? "queue: each job is done once although a worker was killed" "$place/queue"
[ -z "$(ls "$shm")" ]
result $? "queue leaves nothing behind"

# --- lease ---------------------------------------------------------------------------

COPSE_POISON=1 "$programs/lease-lease" "$shm/lease" >"$place/lease" 2>&1 &&
  grep -q '^index built, snapshot ended: 1000 leases on' "$place/lease" &&
  grep -q '^after 19 more editions: 1000 of 1000 titles are as they were$' "$place/lease" &&
  grep -q '^store closed: 1000 of 1000 titles are as they were$' "$place/lease" &&
  grep -q '^index gone: 0 leases on 0 KiB$' "$place/lease"
result $? "lease: what is leased stays as it was" "$place/lease"
[ -z "$(ls "$shm")" ]
result $? "lease leaves nothing behind"

# --- tree ----------------------------------------------------------------------------

"$programs/tree-tree" "$shm/tree" >"$place/tree" 2>&1 &&
  grep -q '^woods under oaks: a node cannot be put' "$place/tree" &&
  grep -q '^the removed chapter: the slot .* was removed' "$place/tree"
result $? "tree: what would be no tree, and what was removed, is refused" "$place/tree"
printf 'as it was:\nA book\n  Trees\n    Oaks\n  Woods\n    Coppice\n' >"$place/outline"
printf 'as another process sees it:\nA book\n  Woods\n    Coppice\n    Oaks\n' >>"$place/outline"
tail -n +3 "$place/tree" | cmp - "$place/outline"
result $? "tree: a snapshot keeps the old tree, another process sees the new one" "$place/tree"
[ -z "$(ls "$shm")" ]
result $? "tree leaves nothing behind"

# --- dom -----------------------------------------------------------------------------

"$programs/dom-dom" "$shm/dom" >"$place/dom" 2>&1 &&
  grep -q '^the list into its item: a node cannot be put' "$place/dom" &&
  grep -q '^the removed item: the slot .* was removed' "$place/dom"
result $? "dom: what would be no tree, and what another process removed, is refused" "$place/dom"
cat >"$place/list" <<'END'
as it was:
html
  h1
    To buy
  ul
    li
      bread
    li
      butter
as it is:
html
  h1
    To buy
  ul
    li (done)
      butter
    li
      salt
END
tail -n +3 "$place/dom" | cmp - "$place/list"
result $? "dom: a snapshot keeps the old document, the new one has both processes' changes" "$place/dom"
[ -z "$(ls "$shm")" ]
result $? "dom leaves nothing behind"

# --- the stream, program by program --------------------------------------------------

for program in producer table watcher auditor; do
  "$programs/stream-$program" --help >"$place/help" 2>&1 && grep -q '^usage:' "$place/help"
  result $? "$program tells how it is used" "$place/help"
  "$programs/stream-$program" --no-such-option >"$place/help" 2>&1
  [ $? -eq 2 ]
  result $? "$program refuses an unknown option" "$place/help"
done

"$programs/stream-auditor" --store "$store" --seconds 100 --quiet >"$place/auditor" 2>&1 &
auditor=$!
await "$place/auditor" 'waiting for a producer to create'
result $? "a reader that is too early waits for the store" "$place/auditor"
"$programs/stream-producer" --store "$store" --seconds 100 --rate 50 >"$place/producer" 2>&1 &
producer=$!
await "$place/producer" 'begins at sample 1, event 0 (start 1)'
result $? "the producer begins" "$place/producer"
"$programs/stream-table" --store "$store" --seconds 60 --once >"$place/table" 2>&1 &&
  grep -q '^memory ' "$place/table" && grep -q '^cpu0 ' "$place/table"
result $? "the table shows a frame" "$place/table"
"$programs/stream-watcher" --store "$store" --seconds 60 --once >"$place/watcher" 2>&1 &&
  grep -q '^wake_ups 1$' "$place/watcher"
result $? "the watcher wakes when any process changes" "$place/watcher"
# A range of keys that nobody has and nobody will: it must sleep until its time is over.
"$programs/stream-watcher" --store "$store" --seconds 0.5 99999998-99999999 >"$place/watcher" 2>&1 &&
  grep -q '^wake_ups 0$' "$place/watcher"
result $? "the watcher sleeps when only others change" "$place/watcher"
kill -TERM $producer && wait $producer
result $? "the producer ends when asked to" "$place/producer"

"$programs/stream-producer" --store "$store" --seconds 100 --burst --quiet >"$place/second" 2>&1 &
producer=$!
await "$place/second" 'goes on at sample .* (start 2)$'
result $? "a second producer goes on where the first has ended" "$place/second"
pid=$BASHPID
"$programs/stream-watcher" --store "$store" --seconds 60 --once $pid >"$place/watcher" 2>&1 &&
  grep -q "^ *$pid " "$place/watcher"
result $? "the watcher wakes for the one process it asked for" "$place/watcher"
"$programs/stream-watcher" --store "$store" --seconds 60 --once --program stream-producer \
  >"$place/watcher" 2>&1 && grep -q '^  stream-producer ' "$place/watcher"
result $? "the watcher follows a program by name" "$place/watcher"
kill -KILL $producer
wait $producer 2>/dev/null
"$programs/stream-auditor" --store "$store" --seconds 60 --once --quiet >"$place/once" 2>&1 &&
  grep -q '^inconsistencies 0$' "$place/once"
result $? "a snapshot is consistent after the producer was killed" "$place/once"
kill -TERM $auditor && wait $auditor
result $? "the auditor has seen nothing inconsistent" "$place/auditor"
[ "$(awk '$1 == "snapshots_audited" { print $2 }' "$place/auditor")" -gt 1 ]
result $? "the auditor has followed both producers" "$place/auditor"

# --- the demo ------------------------------------------------------------------------

kills=5
[ "${COPSE_TEST_TIER:-check}" = check ] || kills=40
"$source/examples/stream/demo.sh" --kills $kills --seconds 1 --store "$shm/demo" "$build" \
  >"$place/demo" 2>&1
result $? "the demo ends well" "$place/demo"
grep -Eq '^ *inconsistencies +0$' "$place/demo"
result $? "the demo saw no inconsistent snapshot"
survived=$(sed -nE 's/^ *kills survived +([0-9]+):.*/\1/p' "$place/demo")
[ "${survived:-0}" -ge $((kills + 9)) ]
result $? "the demo survived all of its kills (${survived:-none})"
grep -Eq '^ *snapshots audited +[1-9]' "$place/demo"
result $? "the demo audited snapshots"
[ ! -e "$shm/demo" ] && [ ! -e "$shm/demo-readers" ] && [ ! -e "$shm/demo-writers" ]
result $? "the demo leaves nothing behind"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
