#!/bin/sh
# build: the native core, put where the platform package has it. lint, test: what it says.
set -eu
cd "$(dirname "$0")/.."

say() { echo "holdall: $*" >&2; }
if ! cargo --version >/dev/null 2>&1; then
  if command -v rustup >/dev/null; then
    say "no Rust toolchain is chosen (RUSTUP_HOME, CARGO_HOME?); install one: rustup default stable"
  else
    say "cargo is missing; install Rust as https://rustup.rs says"
  fi
  exit 1
fi
if ! command -v cc >/dev/null; then
  say "a C compiler is missing; install one: apt-get install gcc libc6-dev"
  exit 1
fi

WHERE="--manifest-path native/Cargo.toml --target-dir .build/cargo"
HOW="--release --quiet --locked $WHERE"

case "$1" in
  build)
    # shellcheck disable=SC2086
    cargo build $HOW
    # A running process keeps the file it has mapped: the new one takes its name.
    for pair in libholdall_addon.so:holdall.node holdall-watchdog:holdall-watchdog; do
      made=.build/cargo/release/${pair%%:*}
      there=native/npm/linux-x64/${pair##*:}
      cmp -s "$made" "$there" || { cp "$made" "$there.new" && mv "$there.new" "$there"; }
    done
    ;;
  lint)
    for part in fmt clippy; do
      if ! cargo "$part" --version >/dev/null 2>&1; then
        say "cargo $part is not installed, its check is left out; install: rustup component add rustfmt clippy"
        [ "${HOLDALL_CI:-}" = "" ] || exit 1
      elif [ "$part" = fmt ]; then
        cargo fmt --manifest-path native/Cargo.toml --all --check
      else
        # shellcheck disable=SC2086
        cargo clippy $HOW --workspace --lib --tests -- -D warnings
      fi
    done
    ;;
  test)
    # shellcheck disable=SC2086
    cargo test $HOW
    ;;
  *)
    say "usage: native/make.sh build|lint|test"
    exit 2
    ;;
esac
