#!/usr/bin/env bash
# The stream example at work, in about 15 seconds and without a terminal: a producer, three
# readers, and kill -9 for all of them. Prints what it saw; the exit code is 0 only if no
# snapshot was inconsistent, each producer went on where the one before had been, and the
# store is sound in the end.
#
#   demo.sh [--kills N] [--seconds N] [--store PATH] [BUILD]
#
# --kills: how often the producer is killed (20). --seconds: how long each of the two quiet
# parts takes (3). BUILD: the build folder (build).
set -u
export LC_ALL=C
kills=20 seconds=3 store= build=
while [ $# -gt 0 ]; do
  case $1 in
  --kills) kills=$2 && shift 2 ;;
  --seconds) seconds=$2 && shift 2 ;;
  --store) store=$2 && shift 2 ;;
  -*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
  *) build=$1 && shift ;;
  esac
done
build=${build:-${COPSE_BUILD_DIR:-$(dirname "$0")/../../build}}
programs=$build/examples
if [ ! -x "$programs/stream-producer" ]; then
  echo "demo: there is no $programs/stream-producer; run 'make build' first" >&2
  exit 2
fi

place=$(mktemp -d) || exit 1
if [ -z "$store" ]; then
  store=$place/store
  [ -w /dev/shm ] && store=/dev/shm/copse-demo-$$
fi
running=() # process ids that are to be ended whatever happens
failures=0

clean_up() {
  for pid in "${running[@]}"; do
    kill -9 "$pid" 2>/dev/null
  done
  wait 2>/dev/null
  rm -rf "$place" "$store" "$store-readers" "$store-writers"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- helpers -------------------------------------------------------------------------

part() { printf '\n%s\n' "$*"; }
note() { printf '  %s\n' "$*"; }
fail() {
  failures=$((failures + 1))
  note "FAILED: $*"
}

start() { # LOG PROGRAM ARGUMENT...: its process id is in $pid
  local log=$place/$1 program=$2
  shift 2
  : >"$log" # here, not in the child: await must not find what an earlier one has written
  "$programs/stream-$program" --store "$store" "$@" >>"$log" 2>&1 &
  pid=$!
  running+=("$pid")
}

forget() { # PID: it has ended
  local kept=() one
  for one in "${running[@]}"; do
    [ "$one" = "$1" ] || kept+=("$one")
  done
  running=("${kept[@]}")
}

# Waits until a process has printed a line: nothing here trusts in having slept long enough.
await() { # PID LOG PATTERN
  local looks
  for ((looks = 0; looks < 3000; looks++)); do
    grep -q "$3" "$place/$2" && return 0
    kill -0 "$1" 2>/dev/null || break
    sleep 0.01
  done
  grep -q "$3" "$place/$2" && return 0
  fail "no '$3' from $2:" "$(tail -n 3 "$place/$2")"
  return 1
}

finish() { # PID LOG: asks it to end, and expects that it ends well and soon
  local looks
  kill -TERM "$1" 2>/dev/null
  for ((looks = 0; looks < 2000; looks++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.01
  done
  kill -9 "$1" 2>/dev/null && fail "$2 did not end when it was asked to"
  { wait "$1"; } 2>/dev/null || fail "$2 ended with status $?:" "$(tail -n 3 "$place/$2")"
  forget "$1"
}

kill_hard() { # PID LOG: it must have been alive until now
  kill -9 "$1" 2>/dev/null
  { wait "$1"; } 2>/dev/null
  local status=$?
  forget "$1"
  [ $status -eq 137 ] && return 0
  fail "$2 had ended before the kill, status $status:" "$(tail -n 3 "$place/$2")"
  return 1
}

pause_randomly() { sleep "$(printf '0.%03d' $((RANDOM % $1)))"; } # up to so many ms

value() { # LOG NAME: the number in a line "NAME number"; 0 when there is none
  awk -v name="$2" '$1 == name { n = $2 } END { printf "%d\n", n }' "$place/$1"
}

latency() { # LOG
  awk '$1 == "latency_p50_ns" { p50 = $2 } $1 == "latency_p99_ns" { p99 = $2 }
       $1 == "latency_count" { n = $2 }
       END { printf "p50 %.1f us, p99 %.1f us (%d commits)", p50 / 1000, p99 / 1000, n }' "$place/$1"
}

# One audited snapshot: sets now_samples, now_events, now_starts.
look() {
  "$programs/stream-auditor" --store "$store" --once --quiet >"$place/look" 2>&1 ||
    fail "a look at the store failed:" "$(cat "$place/look")"
  now_samples=$(value look samples)
  now_events=$(value look events)
  now_starts=$(value look starts)
}

audited=0 inconsistencies=0
count_audit() { # LOG of an auditor that has ended
  audited=$((audited + $(value "$1" snapshots_audited)))
  inconsistencies=$((inconsistencies + $(value "$1" inconsistencies)))
  [ "$(value "$1" commits_of_others)" = 0 ] || fail "$1 saw commits that are not the producer's"
  grep '^INCONSISTENT' "$place/$1"
}

# --- live ----------------------------------------------------------------------------

echo "Copse: one producer, three readers, no server. The store is $store"
part "Live: the machine sampled 100 times a second; readers that came before the store"
start table table && table=$pid
start watcher watcher --quiet && watcher=$pid
start live-auditor auditor --quiet && auditor=$pid
await "$auditor" live-auditor 'waiting for a producer'
start producer-live producer --rate 100 && producer=$pid
await "$producer" producer-live 'begins at sample'
sleep "$seconds"
"$programs/stream-table" --store "$store" --once | sed 's/^/  | /'
finish "$watcher" watcher
finish "$auditor" live-auditor
finish "$table" table
finish "$producer" producer-live
count_audit live-auditor
note "auditor: latency $(latency live-auditor)"
note "watcher: latency $(latency watcher), $(value watcher changes) changed keys"

# --- burst ---------------------------------------------------------------------------

part "Burst: single events, each a commit of three writes in three maps; an auditor follows"
start auditor auditor --quiet && auditor=$pid
start producer-burst producer --burst --quiet && producer=$pid
await "$producer" producer-burst 'goes on at sample'
sleep "$seconds"
finish "$producer" producer-burst
rate=$(sed -n 's/.*: \([0-9]*\) commits\/s$/\1/p' "$place/producer-burst")
note "$rate commits/s"

# --- killed readers ------------------------------------------------------------------

part "Readers killed with -9 while the producer commits in burst"
start producer-burst producer --burst --quiet && producer=$pid
await "$producer" producer-burst 'goes on at sample'
reader_kills=0
for ((round = 1; round <= 3; round++)); do
  start table table && table=$pid
  start watcher watcher 1-100000 && watcher=$pid
  start victim auditor && victim=$pid
  await "$table" table '^version'
  await "$watcher" watcher 'watching'
  pause_randomly 300
  look
  before=$now_events
  kill_hard "$victim" victim && reader_kills=$((reader_kills + 1))
  kill_hard "$watcher" watcher && reader_kills=$((reader_kills + 1))
  kill_hard "$table" table && reader_kills=$((reader_kills + 1))
  look
  for ((looks = 0; looks < 100 && now_events <= before; looks++)); do look; done # on a busy machine
  [ "$now_events" -gt "$before" ] || fail "the producer stood still while readers were killed"
done
kill -0 "$producer" || fail "the producer has ended"
note "$reader_kills readers killed; the producer took no notice"

# --- killed producers ----------------------------------------------------------------

part "The producer killed with -9 in the middle of its burst, $kills times"
producer_kills=0
for ((round = 1; round <= kills; round++)); do
  pause_randomly 100
  kill_hard "$producer" producer-burst && producer_kills=$((producer_kills + 1))
  look
  samples=$now_samples events=$now_events starts=$now_starts
  start producer-burst producer --burst --quiet && producer=$pid
  await "$producer" producer-burst 'goes on at sample' || break
  look
  [ "$now_samples" -gt "$samples" ] && [ "$now_events" -ge "$events" ] &&
    [ "$now_starts" -eq $((starts + 1)) ] ||
    fail "start $now_starts did not go on from sample $samples, event $events:" \
      "$(cat "$place/producer-burst")"
done
finish "$producer" producer-burst
finish "$auditor" auditor
count_audit auditor
look
takeovers=$(value look takeovers)
note "$producer_kills producers killed, $takeovers of them while they held the write lock"
note "the last one ended at sample $now_samples, event $now_events, start $now_starts"

# --- the end -------------------------------------------------------------------------

checked="no tool here"
if [ -x "$build/copse" ]; then
  part "copse check"
  if "$build/copse" check "$store" >"$place/check" 2>&1; then
    checked=sound
  else
    checked=faulty
    fail "copse check found faults"
  fi
  sed 's/^/  | /' "$place/check"
fi
[ "$inconsistencies" -eq 0 ] || fail "there were inconsistent snapshots"
[ "$producer_kills" -eq "$kills" ] || fail "only $producer_kills of $kills kills took place"

part "Result"
note "commits per second    $rate in burst, each visible to all readers at once"
note "latency, live         $(latency live-auditor), the reader asleep"
note "latency, burst        $(latency auditor), the reader awake"
note "snapshots audited     $audited"
note "kills survived        $((producer_kills + reader_kills)):" \
  "$producer_kills of producers ($takeovers with the write lock), $reader_kills of readers"
note "state                 went on through $now_starts starts: sample $now_samples, event $now_events"
note "store                 $checked"
note "inconsistencies       $inconsistencies"
[ "$failures" -eq 0 ] || note "failures              $failures"
[ "$failures" -eq 0 ]
