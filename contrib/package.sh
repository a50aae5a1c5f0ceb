# SPDX-License-Identifier: GPL-2.0-only
# Of debian/build.sh and rpm/build.sh, which read it with FOLDER VERSION TIME as their arguments: an empty folder, and what makes two
# builds of one commit the same.
folder=$1 version=$2
export SOURCE_DATE_EPOCH=$3 LC_ALL=C.UTF-8 TZ=UTC
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL # O= and others are of the make that called this
umask 022
top=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# What is committed, as a tar.
archive()
{
	git -C "$top" archive --prefix="tcplife-fsm-$version/" HEAD
}

# A command that is shown when it fails.
logged()
{
	"$@" >"$folder/build.log" 2>&1 || { tail -40 "$folder/build.log" >&2; exit 1; }
}
