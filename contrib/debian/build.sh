#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh FOLDER VERSION TIME: what is committed as a Debian package. `make deb` calls it. debian/ stands here, and in the source
# of the package only, so that the top level of the tree has no folder of one distribution.
set -eu
folder=$1 version=$2
export SOURCE_DATE_EPOCH=$3 LC_ALL=C.UTF-8 TZ=UTC
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL # O= and others are of the make that called this
top=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
source=$folder/tcplife-fsm-$version
git -C "$top" archive --prefix="tcplife-fsm-$version/" HEAD | tar -x -C "$folder"
cp -r "$source/contrib/debian" "$source/debian"
rm "$source/debian/build.sh"
cat >"$source/debian/changelog" <<END
tcplife-fsm ($version) unstable; urgency=medium

  * See /usr/share/doc/tcplife-fsm/CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' "$source/debian/control")  $(date -R -d "@$SOURCE_DATE_EPOCH")
END
cd "$source"
umask 022
# -d: what is needed may have come another way than as a package; tests/install-deps.sh has looked.
dpkg-buildpackage -us -uc -b -d >"$folder/build.log" 2>&1 || { tail -40 "$folder/build.log" >&2; exit 1; }
cd "$folder"
rm -rf "$source"
ls -1 ./*.deb
