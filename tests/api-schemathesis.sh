#!/bin/sh
# Schemathesis (from PyPI, in a virtual environment of its own) tries the running daemon by its OpenAPI file: whatever it
# asks, no answer may be one of ours that failed, or one that the file does not describe.
#   tests/api-schemathesis.sh [path to amslpr]
set -eu
cd "$(dirname "$0")/.."
amslpr=${1:-target/release/amslpr}
examples=${EXAMPLES:-40}
venv=${VENV:-target/schemathesis}
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" --quiet install 'schemathesis>=4,<5'; }

folder=$(mktemp -d)
daemon=
end() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
	rm -rf "$folder"
}
trap end EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
token=$(head -c 24 /dev/urandom | base64)
(umask 077 && echo "$token" >"$folder/operate")
cat >"$folder/amslpr.toml" <<END
[journal]
path = "journal.db"
[control]
socket = "run/control.sock"
[evidence]
enabled = true
path = "evidence"
[engine]
order = ["cpu"]
models = "$PWD/models"
[[camera]]
name = "demo"
[camera.replay]
path = "$PWD/config/demo/drive-by.mp4"
[[camera]]
name = "gone"
[camera.v4l2]
device = "/dev/video-not-there"
[[list]]
name = "guests"
kind = "allow"
[http]
listen = "127.0.0.1:$port"
operate-token = { file = "operate" }
rate = 10000
END
"$amslpr" run --quiet --config "$folder/amslpr.toml" >"$folder/log" 2>&1 &
daemon=$!
for _ in $(seq 300); do
	curl --silent --fail "http://127.0.0.1:$port/readyz" >"$folder/ready" && break
	kill -0 "$daemon" || { cat "$folder/log"; exit 1; }
	sleep 0.2
done
# Passages to be asked for.
for _ in $(seq 300); do
	curl --silent --header "Authorization: Bearer $token" "http://127.0.0.1:$port/api/v1/passages" | grep -q '"id"' && break
	sleep 0.2
done
# Live events have no end, and are tried by tests/api.rs.
status=0
"$venv/bin/schemathesis" run config/schemas/openapi.v1.json --url "http://127.0.0.1:$port" \
	--header "Authorization: Bearer $token" --checks all --max-examples "$examples" --seed 1 \
	--exclude-checks positive_data_acceptance,unsupported_method,ignored_auth \
	--exclude-path-regex '/events' --request-timeout 20 || status=$?
kill -0 "$daemon" || { echo "the daemon died"; tail -20 "$folder/log"; exit 1; }
if grep -i -E 'panic|this is a bug' "$folder/log"; then exit 1; fi
exit $status
