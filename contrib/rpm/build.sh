#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh FOLDER VERSION TIME: what is committed as an RPM package. `make rpm` calls it.
set -eu
folder=$1 version=$2
export SOURCE_DATE_EPOCH=$3 LC_ALL=C.UTF-8 TZ=UTC
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL # O= and others are of the make that called this
top=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder/SOURCES"
folder=$(cd "$folder" && pwd)
git -C "$top" archive --prefix="tcplife-fsm-$version/" HEAD | gzip -n >"$folder/SOURCES/tcplife-fsm-$version.tar.gz"
umask 022
# --nodeps: on Debian what is needed has other names; tests/install-deps.sh has looked.
rpmbuild -bb --nodeps --define "_topdir $folder" --define "package_version $version" \
	--define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
	"$top/contrib/rpm/tcplife-fsm.spec" >"$folder/build.log" 2>&1 || { tail -40 "$folder/build.log" >&2; exit 1; }
rm -rf "$folder/BUILD" "$folder/BUILDROOT"
find "$folder/RPMS" -name '*.rpm'
