# Debian 13 with an arm64 C toolchain and the development files that AMSLPR links against. cross brings Rust itself.
FROM debian:trixie

RUN dpkg --add-architecture arm64 \
 && apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates crossbuild-essential-arm64 libclang-dev pkgconf:arm64 \
      libavcodec-dev:arm64 libavformat-dev:arm64 libavutil-dev:arm64 \
      libtesseract-dev:arm64 libleptonica-dev:arm64 \
      libsqlite3-dev:arm64 libsystemd-dev:arm64 \
 && rm -rf /var/lib/apt/lists/*

ENV CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
    CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++ \
    PKG_CONFIG=aarch64-linux-gnu-pkg-config \
    PKG_CONFIG_ALLOW_CROSS=1 \
    BINDGEN_EXTRA_CLANG_ARGS=--target=aarch64-linux-gnu
