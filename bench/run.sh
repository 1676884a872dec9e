#!/bin/sh
# Runs the benchmark of a tree that was built with -Dbench=full or quick.
#
#   bench/run.sh full|html|quick [BUILD [OPTION...]]
#
# full: all engines and workloads; writes bench/results/full.json and a chart per workload.
# html: the workload html alone; writes bench/results/html.json and its charts.
# quick: Copse and LMDB, in less than 50 seconds; writes BUILD/bench-quick.json.
# BUILD: the build folder (default: build). OPTIONs go to copse-bench: see its --help.
set -eu
cd "$(dirname "$0")/.."

what=${1:-}
build=${2:-build}
[ $# -le 2 ] && set -- || shift 2
program=$build/bench/copse-bench
if [ ! -x "$program" ]; then
  echo "bench/run.sh: there is no $program; build with: meson setup -Dbench=full $build" >&2
  exit 1
fi

case $what in
full)
  mkdir -p bench/results
  "$program" --json bench/results/full.json "$@" >bench/results/full.txt
  cat bench/results/full.txt
  python3 bench/chart.py bench/results/full.json bench/results
  ;;
html)
  "$program" --workloads html --json bench/results/html.json "$@"
  python3 bench/chart.py bench/results/html.json bench/results
  ;;
quick)
  "$program" --quick --json "$build/bench-quick.json" "$@"
  ;;
*)
  echo "usage: bench/run.sh full|html|quick [BUILD [OPTION...]]" >&2
  exit 2
  ;;
esac
