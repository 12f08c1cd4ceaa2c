#!/usr/bin/env bash
# Thousands of windows that wait for jobs in one process, against the simulator on the same machine: all are begun, the
# process is killed while they wait, and the next one takes them all up and delivers them. Says how many jobs there were,
# how evenly they were asked, and what memory that took. Needs jq and a release build.
#
#   windows.sh [WINDOWS] [SECONDS THAT A JOB TAKES] [PROFILE]        5000 300 release
set -euo pipefail
windows=${1:-5000} seconds=${2:-300} profile=${3:-release}
root=$(cd "$(dirname "$0")/../.." && pwd)
target=$(cd "$root" && cargo metadata --format-version 1 --no-deps --offline | jq -r .target_directory)
host=${HOST:-$target/$profile/host}
(cd "$root" && cargo build --quiet --locked --profile plugin --target wasm32-unknown-unknown --package any-day --target-dir "$target/plugins")
folder=$(mktemp -d)
cd "$folder"
"$host" simulate --scenario "rows=2,plain-names,retention=65000,job-time=$seconds,slow-job=0" >url 2>simulator.log &
simulator=$!
child=
trap 'kill $simulator $child 2>/dev/null; rm -rf "$folder"' EXIT
until [ -s url ]; do sleep 0.1; done
cat >host.toml <<END
[connections.epm]
kind = "epm"
url = "$(tr -d '\n' <url)"
allow-private-addresses = true
auth = { kind = "basic", username = "demo.user", password = { env = "PASSWORD" } }
[plugins.any-day]
path = "$target/plugins/wasm32-unknown-unknown/plugin/any_day.wasm"
[fetch]
job-timeout = "10h"
END
export HOME=$folder PASSWORD=demo-password
last=$(date -u -d "2010-01-01 + $((windows - 1)) days" +%F)
backfill() {
  exec "$host" backfill any-day --from 2010-01-01 --to "$last" --windows-ahead "$windows" --sink stdout \
    --summary "$1.json" -vv --log-format json >>events.ndjson 2>"$1.log"
}
waiting() {
  "$host" ledger show any-day 2>/dev/null |
    jq '[.windows[] | select(.state == "submitted" or .state == "waiting")] | length' || echo 0
}
answered() { # LOG PATTERN: when requests with such a path were answered, in whole seconds
  jq -rR --arg path "$2" 'fromjson? | select(.message == "answered" and (.path | test($path))) | .timestamp[:19]' "$1"
}
spread() { # one second a line; the first and the last are not whole
  sort | uniq -c | sed '1d;$d' | awk '
    { n++; sum += $1; squares += $1 * $1; if (n == 1 || $1 < min) min = $1; if ($1 > max) max = $1 }
    END { if (n) { mean = sum / n; printf "%d s, a second: mean %.0f, min %d, max %d, standard deviation %.0f\n", n, mean, min, max, sqrt(squares / n - mean * mean) } }'
}

begun=$(date +%s)
backfill first &
child=$!
until [ "$(waiting)" -eq "$windows" ]; do sleep 1; done
echo "$windows windows begun and waiting after $(($(date +%s) - begun)) s"
from=$(date -u +%FT%T)
sleep 30
memory=$(awk '/VmHWM/ { print int($2 / 1024) }' /proc/$child/status)
kill -9 $child
wait $child 2>/dev/null || true
echo "first run, killed: peak $memory MiB"
echo "polls while all wait: $(answered first.log '/jobs/' | awk -v from="$from" '$0 >= from' | spread)"

begun=$(date +%s)
backfill second &
child=$!
wait $child
child=
first_done=$(answered second.log "/contents$" | sed -n 1p)
echo "second run: $(($(date +%s) - begun)) s, $(jq -r '"\(.ledger.windows) windows, \(.ledger.resumed) resumed, \(.ledger.unsure) unsure, peak \(.usage.peak_bytes / 1048576 | floor) MiB"' second.json)"
echo "polls until the first job is done: $(answered second.log '/jobs/' | awk -v to="$first_done" '$0 < to' | spread)"
echo "jobs created: $(cat first.log second.log | jq -rR 'fromjson? | select(.message == "answered" and .method == "POST" and (.path | test("invalidloginreport"))) | .timestamp' | wc -l)"
echo "events: $(wc -l <events.ndjson), of these different: $(jq -r .metadata.uid events.ndjson | sort -u | wc -l)"
echo "gaps: $("$host" gaps any-day --from 2010-01-01 --to "$last")"
