#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh FOLDER VERSION TIME: what is committed as a Debian package. `make deb` calls it. debian/ stands here, and in the source
# of the package only, so that the top level of the tree has no folder of one distribution.
set -eu
. "$(dirname "$0")/../package.sh"
source=$folder/tcplife-fsm-$version
archive | tar -x -C "$folder"
cp -r "$source/contrib/debian" "$source/debian"
rm "$source/debian/build.sh"
# make deb MAINTAINER='Operations <ops@your.site>' names who answers for it at your site.
[ -z "${MAINTAINER:-}" ] || sed -i "s|^Maintainer: .*|Maintainer: $MAINTAINER|" "$source/debian/control"
cat >"$source/debian/changelog" <<END
tcplife-fsm ($version) unstable; urgency=medium

  * See /usr/share/doc/tcplife-fsm/CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' "$source/debian/control")  $(date -R -d "@$SOURCE_DATE_EPOCH")
END
cd "$source"
# -d: what is needed may have come another way than as a package; tests/install-deps.sh has looked.
logged dpkg-buildpackage -us -uc -b -d
cd "$folder"
rm -rf "$source"
ls -1 ./*.deb
