#!/usr/bin/env bash
# A run of some 600,000 events from the simulator to nginx over HTTP, without a ledger and with one (synchronous=FULL), in
# turn: events, ms, events a second. Needs nginx, jq and a release build.
set -euo pipefail
host=$(cd "$(dirname "$0")/../.." && pwd)/target/release/host
folder=$(mktemp -d)
cd "$folder"
cat >nginx.conf <<END
worker_processes 1; daemon off; pid $folder/nginx.pid; error_log $folder/nginx.log;
events { worker_connections 64; }
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path $folder/a; proxy_temp_path $folder/b; fastcgi_temp_path $folder/c; uwsgi_temp_path $folder/d; scgi_temp_path $folder/e;
  server { listen 127.0.0.1:8097; location / { return 200; } }
}
END
/usr/sbin/nginx -c "$folder/nginx.conf" &
nginx=$!
"$host" simulate --port 8096 --scenario rows=20000,plain-names >simulator.log 2>&1 &
simulator=$!
trap 'kill $nginx $simulator; rm -rf "$folder"' EXIT
sleep 1
cat >host.toml <<'END'
[connections.epm]
kind = "epm"
url = "http://127.0.0.1:8096"
allow-private-addresses = true
auth = { kind = "basic", username = "demo.user", password = { env = "PASSWORD" } }
[sinks.web]
kind = "http"
endpoint = { url = "http://127.0.0.1:8097/", allow-private-addresses = true }
END
export HOME=$folder PASSWORD=demo-password
for round in 1 2 3; do
  for ledger in none "ledger-$round.db"; do
    "$host" run invalid-login --since 30d --sink web --ledger "$ledger" --summary - -q 2>&1 | tail -1 |
      jq -r --arg ledger "$ledger" '[$ledger, .events, .duration_ms, (.events * 1000 / .duration_ms | floor)] | @tsv'
  done
done
