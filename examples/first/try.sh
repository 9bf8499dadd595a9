#!/bin/sh
# Runs a log through girok and counts; then again with kill -9 in the middle.
#
#   examples/first/try.sh [LOG]        LOG is /var/log/dpkg.log if absent
#
# The rows go into DuckDB; into SQLite where there is no C++ compiler.
set -eu
cd "$(dirname "$0")/../.."
log=${1:-/var/log/dpkg.log}
out=examples/first/out
command -v g++ > /dev/null || export CGO_ENABLED=0
rm -rf "$out"
mkdir -p "$out"
go build -o "$out/girok" ./cmd/girok
girok() { "$out/girok" "$@"; }
config=examples/first/config.yaml
if girok version | grep -q duckdb; then config=examples/first/duckdb.yaml; fi
line="cast(json_extract(attributes, '\$.line') as integer)"
lines="select count(*) as \"rows\", count(distinct $line) as different, min($line) as first, max($line) as last from logs"

echo "== $log, $config"
girok run -c "$config" < "$log" > "$out/console"
echo "lines in the log: $(wc -l < "$log"), on the console: $(wc -l < "$out/console"), in the file: $(wc -l < "$out/first.log")"
girok query -c "$config" "$lines"

echo
echo "== the same, much longer, with kill -9 in the middle"
rm -rf "$out"/first.* "$out/spool"
i=0
: > "$out/long.log"
while [ "$(wc -l < "$out/long.log")" -lt 1000000 ] && [ $i -lt 1000000 ]; do
  cat "$log" "$out/long.log" > "$out/longer.log" && mv "$out/longer.log" "$out/long.log"
  cat "$out/long.log" "$out/long.log" > "$out/longer.log" && mv "$out/longer.log" "$out/long.log"
  i=$((i + 1))
done
echo "lines in the long log: $(wc -l < "$out/long.log")"
"$out/girok" run -c "$config" < "$out/long.log" > "$out/console" &
pid=$!
sleep 1
kill -9 $pid
wait $pid || echo "killed"
girok spool ls -c "$config" || true
echo "-- a second start, with nothing to read, delivers what the first one left"
girok run -c "$config" < /dev/null
echo "lines that the first one wrote to its file in the call: $(wc -l < "$out/first.log")"
girok query -c "$config" "$lines"
rm -f "$out/long.log"
echo "(where there is a row more than lines, the kill came between the spool and the file)"
