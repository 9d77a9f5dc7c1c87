#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Instructions against another implementation of A64, one at a time.
#
#   run.sh PROGRAM large [PER_ROW] [SEED]   compares (1100 per row: about a million); exit status 1 on a difference
#   run.sh PROGRAM store                    remakes tests/vectors/a64.bin.gz
#
# PROGRAM is the built insn_vectors (BUILD/tests/unit/cpu/insn_vectors). Needs aarch64-linux-gnu-gcc;
# QEMU_AARCH64 names the other side.
set -eu
program=$1 mode=$2
here=$(dirname "$0")
other=${QEMU_AARCH64:-qemu-aarch64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
aarch64-linux-gnu-gcc -O2 -static -o "$work/target" "$here/target.c"
case $mode in
large)
	"$program" requests "${3:-1100}" "${4:-1}" | "$other" -cpu max "$work/target" | "$program" check 2 ;;
store)
	"$program" requests 10 1 | "$other" -cpu max "$work/target" | gzip -9n >"$here/../../tests/vectors/a64.bin.gz"
	ls -l "$here/../../tests/vectors/a64.bin.gz" ;;
esac
