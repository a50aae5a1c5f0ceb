#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh FOLDER VERSION TIME: what is committed as an RPM package. `make rpm` calls it.
set -eu
. "$(dirname "$0")/../package.sh"
mkdir "$folder/SOURCES"
archive | gzip -n >"$folder/SOURCES/tcplife-fsm-$version.tar.gz"
# --nodeps: on Debian what is needed has other names; tests/install-deps.sh has looked.
logged rpmbuild -bb --nodeps --define "_topdir $folder" --define "package_version $version" \
	--define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
	"$top/contrib/rpm/tcplife-fsm.spec"
rm -rf "$folder/BUILD" "$folder/BUILDROOT"
find "$folder/RPMS" -name '*.rpm'
