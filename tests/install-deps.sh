#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what is missing of what the build and the tests need, from the distribution's packages (apt-get or dnf).
# Asks for things (a command, a library), not for packages, so that what came another way counts too, and calls the
# package manager only if something is missing: a second run needs neither network nor root.
#
# usage: install-deps.sh [--static] build [check] [style] [fuzz] [cost] [journal] [vm] [pipelines] [fleet] [chroot] [languages] [packages] [container] [service] [report]
#        install-deps.sh --bpftool    print the bpftool that works here
set -euo pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin$(printf ':%s' /usr/lib/postgresql/*/bin) # Debian keeps the server's programs out of the way

# Ubuntu's bpftool in the path is a script that refuses to run under a kernel other than the packaged one (a container, a
# newer kernel), while the program behind it would do.
find_bpftool()
{
	local tool
	for tool in bpftool /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
		if "$tool" version >/dev/null 2>&1; then
			echo "$tool"
			return
		fi
	done
	return 1
}

has()
{
	local kind=${1%%:*} name=${1#*:}
	case $kind in
	command) command -v "$name" >/dev/null ;;
	library) command -v pkg-config >/dev/null && pkg-config --exists "$name" ;;
	file) compgen -G "$name" >/dev/null ;;
	python) [ -x /usr/bin/python3 ] && /usr/bin/python3 -c "import importlib.util as u; exit(not u.find_spec('$name'))" 2>/dev/null ;;
	bpftool) find_bpftool >/dev/null ;;
	fuzzer) echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -x c - -fsanitize=fuzzer,address -o /dev/null 2>/dev/null ;;
	esac
}

# thing, Debian's and Ubuntu's packages (the first that exists), Fedora's
list_build()
{
	cat <<-END
	command:make       make                       make
	command:gcc        gcc                        gcc
	file:/usr/include/stdio.h libc6-dev           glibc-devel
	command:pkg-config pkg-config|pkgconf         pkgconf-pkg-config
	command:clang      clang                      clang
	command:llvm-strip llvm                       llvm
	bpftool:bpftool    bpftool|linux-tools-generic bpftool
	library:libbpf     libbpf-dev                 libbpf-devel
	library:libelf     libelf-dev                 elfutils-libelf-devel
	library:libdw      libdw-dev                  elfutils-devel
	library:zlib       zlib1g-dev                 zlib-devel
	library:libcap-ng  libcap-ng-dev              libcap-ng-devel
	library:libseccomp libseccomp-dev             libseccomp-devel
	library:jansson    libjansson-dev             jansson-devel
	library:ncursesw   libncurses-dev             ncurses-devel
	library:rdkafka    librdkafka-dev             librdkafka-devel
	library:libcurl    libcurl4-openssl-dev       libcurl-devel
	library:libmicrohttpd libmicrohttpd-dev       libmicrohttpd-devel
	file:/usr/include/libiberty/demangle.h libiberty-dev binutils-devel
	END
}

# Debian's -dev packages bring the static libraries.
list_static()
{
	cat <<-END
	file:/usr/lib*/**/libbpf.a    libbpf-dev      libbpf-static
	file:/usr/lib*/**/libelf.a    libelf-dev      elfutils-libelf-devel-static
	file:/usr/lib*/**/libdw.a     libdw-dev       elfutils-devel-static
	file:/usr/lib*/**/libz.a      zlib1g-dev      zlib-static
	file:/usr/lib*/**/libbz2.a    libbz2-dev      bzip2-static
	file:/usr/lib*/**/liblzma.a   liblzma-dev     xz-static
	file:/usr/lib*/**/libcap-ng.a libcap-ng-dev   libcap-ng-static
	file:/usr/lib*/**/libseccomp.a libseccomp-dev libseccomp-static
	file:/usr/lib*/**/libjansson.a libjansson-dev jansson-static
	file:/usr/lib*/**/libncursesw.a libncurses-dev ncurses-static
	END
}

list_check()
{
	cat <<-END
	library:cmocka     libcmocka-dev              libcmocka-devel
	file:/usr/bin/python3 python3                 python3
	python:pytest      python3-pytest             python3-pytest
	python:scapy       python3-scapy              python3-scapy
	python:jsonschema  python3-jsonschema         python3-jsonschema
	python:xdist       python3-pytest-xdist       python3-pytest-xdist
	python:fusepy      python3-fusepy             python3-fusepy
	command:nft        nftables                   nftables
	command:tcpdump    tcpdump                    tcpdump
	command:ip         iproute2                   iproute
	command:ss         iproute2                   iproute
	command:tc         iproute2                   iproute-tc
	command:ps         procps                     procps-ng
	command:curl       curl                       curl
	command:tmux       tmux                       tmux
	END
}

list_style()
{
	echo "command:clang-format clang-format clang-tools-extra"
}

list_fuzz()
{
	echo "fuzzer:libFuzzer   libclang-rt-dev|libclang-rt-14-dev|libclang-common-14-dev compiler-rt"
}

list_cost()
{
	echo "command:valgrind   valgrind                   valgrind"
}

# A journal of the test's own.
list_journal()
{
	cat <<-END
	command:journalctl systemd                    systemd
	command:nsenter    util-linux                 util-linux
	END
}

# Another Debian in a folder.
list_chroot()
{
	echo "command:mmdebstrap mmdebstrap                 mmdebstrap"
}

# Some hundred MB: what the tests of --stacks and of docs/leaks.md run. Debian starts servers as it installs them.
list_languages()
{
	cat <<-END
	command:g++        g++                        gcc-c++
	command:rustc      rustc                      rust
	command:go         golang-go                  golang-bin
	command:javac      openjdk-17-jdk-headless|default-jdk-headless java-17-openjdk-devel
	command:node       nodejs                     nodejs
	command:nginx      nginx-light|nginx-core|nginx nginx
	command:redis-server redis-server             redis
	command:initdb     postgresql                 postgresql-server
	command:psql       postgresql-client          postgresql
	python:psycopg2    python3-psycopg2           python3-psycopg2
	python:redis       python3-redis              python3-redis
	python:requests    python3-requests           python3-requests
	command:openssl    openssl                    openssl
	END
}

# Kernels for the guests come as Debian packages: with Debian's and Ubuntu's tools only.
list_vm()
{
	cat <<-END
	command:qemu-system-x86_64 qemu-system-x86    qemu-system-x86-core
	file:/usr/bin/busybox busybox-static          busybox
	command:setpriv    util-linux                 util-linux
	command:dpkg-deb   dpkg                       dpkg
	END
}

# Packages for Debian and for Fedora, built on either.
list_packages()
{
	cat <<-END
	command:git        git                        git
	command:dpkg-buildpackage dpkg-dev            dpkg-dev
	command:dh         debhelper                  debhelper
	command:fakeroot   fakeroot                   fakeroot
	command:lintian    lintian                    lintian
	command:rpmbuild   rpm                        rpm-build
	python:yaml        python3-yaml               python3-pyyaml
	END
}

# An image, in a Debian of mmdebstrap's.
list_container()
{
	cat <<-END
	command:buildah    buildah                    buildah
	command:mmdebstrap mmdebstrap                 mmdebstrap
	END
}

# The service in a guest whose first process is systemd; its kernel comes as list_vm's.
list_service()
{
	cat <<-END
	command:systemd-analyze systemd               systemd
	command:mmdebstrap mmdebstrap                 mmdebstrap
	command:cpio       cpio                       cpio
	END
}

# The system loggers are not here: a host has one, and to install another removes it. tests/pipelines/peers.py unpacks them.
list_pipelines()
{
	cat <<-END
	command:logrotate  logrotate                  logrotate
	command:initdb     postgresql                 postgresql-server
	command:psql       postgresql-client          postgresql
	python:google.protobuf python3-protobuf       python3-protobuf
	command:openssl    openssl                    openssl
	command:dpkg-deb   dpkg                       dpkg
	command:kcat       kcat                       kcat
	command:node       nodejs                     nodejs
	command:npm        npm                        nodejs-npm
	END
}

# The engine itself comes from npm: tests/fleet/engine.py.
list_fleet()
{
	cat <<-END
	command:npm        npm                        npm
	command:kcat       kcat                       kcat
	file:/usr/lib*/**/librdkafka.so.1 librdkafka1 librdkafka
	END
}

# The page of `report` in a browser.
list_report()
{
	cat <<-END
	command:chromium   chromium|chromium-browser  chromium
	command:chromedriver chromium-driver|chromium-chromedriver chromedriver
	python:selenium    python3-selenium           python3-selenium
	python:PIL         python3-pil                python3-pillow
	python:pytest      python3-pytest             python3-pytest
	END
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "install-deps.sh: this needs root, and there is no sudo: $*" >&2
		exit 1
	fi
}

apt_candidate()
{
	[[ $(apt-cache policy "$1" 2>/dev/null) == *'Candidate: '[!\(]* ]]
}

# Of "a|b" the first that apt knows.
apt_names()
{
	local alternatives name
	for alternatives in "$@"; do
		for name in ${alternatives//|/ }; do
			if apt_candidate "$name"; then
				echo "$name"
				continue 2
			fi
		done
		echo "install-deps.sh: apt knows no package $alternatives" >&2
		return 1
	done
}

apt_install()
{
	local -a names
	local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)

	# Lists that are missing or old show themselves by an unknown name or a failed download: only then are new ones fetched.
	if apt_names "$@" >/dev/null 2>&1; then
		mapfile -t names < <(apt_names "$@")
		! as_root "${get[@]}" install --no-install-recommends "${names[@]}" || return 0
	fi
	as_root "${get[@]}" update
	apt_names "$@" >/dev/null
	mapfile -t names < <(apt_names "$@")
	as_root "${get[@]}" install --no-install-recommends "${names[@]}"
}

main()
{
	local thing apt dnf
	local -a missing=() apt_missing=() dnf_missing=()

	if [ "${1:-}" = --bpftool ]; then
		find_bpftool || echo bpftool
		return
	fi
	[ "${1:-}" != --static ] || set -- "${@:2}" static

	shopt -s globstar
	while read -r thing apt dnf; do
		has "$thing" || { missing+=("$thing"); apt_missing+=("$apt"); dnf_missing+=("$dnf"); }
	done < <(for list in "$@"; do "list_$list"; done)
	[ ${#missing[@]} -gt 0 ] || return 0

	echo "Missing: ${missing[*]#*:}"
	if command -v apt-get >/dev/null; then
		apt_install "${apt_missing[@]}"
	elif command -v dnf >/dev/null; then
		as_root dnf -y install "${dnf_missing[@]}"
	else
		echo "install-deps.sh: neither apt-get nor dnf is here: install the above yourself" >&2
		exit 1
	fi
}

main "$@"
