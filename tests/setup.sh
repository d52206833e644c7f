#!/bin/sh
# Sets a bare Debian (12 or 13; Raspberry Pi OS too) up to build, run and test AMSLPR: packages by apt, Rust where it
# is missing or too old. Changes nothing that is already there; can be run again. Needs root or sudo for packages.
set -eu
cd "$(dirname "$0")/.."

# To build and run.
build="build-essential ca-certificates curl git pkg-config libclang-dev
  libavcodec-dev libavformat-dev libavutil-dev libleptonica-dev libtesseract-dev tesseract-ocr-eng
  libsqlite3-dev libsystemd-dev"
# For the tests: clips, a real broker and its certificates, a real RTSP server, the messages' validator, the templates,
# a real Prometheus
test="ffmpeg mosquitto openssl python3 python3-venv python3-jinja2 python3-jsonschema python3-gi gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly prometheus"

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
for package in $build $test; do
	case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
if [ -n "$missing" ]; then
	echo "setup: installing$missing"
	as_root apt-get update --quiet=2
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
fi

# Whether the Rust on the path is new enough for Cargo.toml.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
new_enough() {
	have=$(rustc --version 2>/dev/null | cut -d' ' -f2)
	[ -n "$have" ] && [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n1)" = "$wanted" ]
}

[ -d "$HOME/.cargo/bin" ] && PATH=$HOME/.cargo/bin:$PATH
if ! new_enough && ! command -v rustup >/dev/null; then
	echo "setup: installing Rust by rustup (wanted $wanted or newer)"
	curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
		sh -s -- -y --quiet --no-modify-path --profile minimal --component clippy --component rustfmt
	PATH=$HOME/.cargo/bin:$PATH
fi
if ! new_enough; then
	rustup --quiet toolchain install stable --profile minimal --component clippy --component rustfmt
	rustup --quiet default stable
fi
if ! new_enough; then
	echo "setup: Rust $wanted or newer is needed, this is $(rustc --version)" >&2
	exit 1
fi

# So that the command after this one finds cargo without a new login.
for tool in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver rustup; do
	if [ -x "$HOME/.cargo/bin/$tool" ] && [ ! -e "/usr/local/bin/$tool" ]; then
		as_root ln -s "$HOME/.cargo/bin/$tool" "/usr/local/bin/$tool"
	fi
done
