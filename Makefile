# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists the targets.

RELEASE := 0.1.0

O ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
ARGS ?=
CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
AR := $(CROSS_COMPILE)ar
LD := $(CROSS_COMPILE)ld
NM := $(CROSS_COMPILE)nm
CLANG ?= clang
CLANG_FORMAT ?= clang-format
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
CFLAGS ?= -O3 -g
CPPFLAGS ?=
LDFLAGS ?=
SANITIZE ?=
WERROR ?=
STATIC ?=
V ?=

ifeq ($(V),)
Q := @
msg = @printf '  %-7s %s\n' '$(1)' '$(2)'
else
Q :=
msg = @:
endif

arch = $(shell $(CC) -dumpmachine | sed -e 's/-.*//' -e 's/x86_64/x86/' -e 's/aarch64/arm64/' -e 's/powerpc64le/powerpc/' \
	-e 's/s390x/s390/')
warnings := -Wall -Wextra $(if $(WERROR),-Werror)
sanitize := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# What makes a memory error harder to use; `make check-hardening` reads it from the binary. A compiler is asked for each flag, since
# some know it for some processors only. The sanitizers see less with FORTIFY, which needs optimisation. Its level 3 costs a replay
# 4 % more instructions than level 2: set it by CPPFLAGS.
flag = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')
optimised := $(filter-out -O0,$(filter -O%,$(CFLAGS)))
fortify := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if $(optimised),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
harden_cflags := $(if $(SANITIZE),,-fPIE $(call flag,-fstack-protector-strong) $(call flag,-fstack-clash-protection) \
	$(call flag,-fcf-protection=full) $(call flag,-mbranch-protection=standard) $(fortify))
# STATIC=1: libbpf and those that it brings are in the program; STATIC=full: so is the C library, and the program runs where nothing is.
static_full := $(filter full,$(STATIC))
harden_ldflags := $(if $(SANITIZE),,$(if $(static_full),-static-pie,-pie) -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

# gcc optimises the program as a whole. Its objects have code of their own beside (fat): tests link that, which takes no time, and
# check-core reads it. clang would need a linker of its own.
clang := $(findstring clang,$(shell $(CC) --version))
lto := $(if $(or $(SANITIZE),$(clang),$(if $(optimised),,x)),,$(call flag,-flto=auto -ffat-lto-objects))
no_lto := $(if $(lto),-fno-lto)

# Outputs over the network, and metrics, by libraries that are loaded when someone asks for them: only their headers are needed here.
# A static program has libmicrohttpd in it, if there is an archive of it, and none for outputs. It has no TLS: the functions of the TLS
# library that the archive names, and that are never called without TLS, are all one function of ours, which fails.
library = $(shell $(PKG_CONFIG) --exists $(1) && echo yes)
http_archive := $(if $(STATIC),$(wildcard $(shell $(CC) -print-file-name=libmicrohttpd.a)))
http_libs = $(if $(http_archive),$(http_archive) $(shell $(NM) -u $(http_archive) 2>/dev/null | \
	sed -n 's/^ *U \(gnutls_.*\)/-Wl,--defsym=\1=http_no_tls/p' | sort -u))
http := $(if $(if $(STATIC),$(http_archive),$(call library,libmicrohttpd)),-DWITH_HTTP)
network := $(if $(STATIC),,$(if $(call library,rdkafka),-DWITH_KAFKA) $(if $(call library,libcurl),-DWITH_OTLP))

all_cflags := -std=gnu11 -D_GNU_SOURCE -pthread $(warnings) -Wstrict-prototypes -Wmissing-prototypes $(sanitize) $(harden_cflags) \
	-I. -I$(O) $(network) $(http) $(if $(STATIC),-DLINKED_STATIC=$(if $(static_full),2,1)) $(CPPFLAGS) $(CFLAGS)
all_ldflags := -pthread $(sanitize) $(harden_ldflags) $(CFLAGS) $(LDFLAGS)
depflags := -MMD -MP

# libiberty reads the names of C++ and Rust functions. It has no pkg-config file, and is a static library everywhere.
libs = -liberty $(shell $(PKG_CONFIG) $(if $(STATIC),--static) --libs libbpf libdw libcap-ng libseccomp zlib jansson ncursesw)
link_libs = $(if $(static_full),$(filter-out -pthread,$(libs)),$(shared_libs)) $(http_libs) -lm
shared_libs = $(if $(STATIC),-Wl$(comma)-Bstatic $(filter-out -pthread,$(libs)) -Wl$(comma)-Bdynamic,$(libs)) -ldl
comma := ,

all_obj := $(patsubst %.c,$(O)/%.o,$(wildcard src/*.c src/*/*.c))
core_obj := $(filter $(O)/src/core/%,$(all_obj))
bpf_obj := $(patsubst %.c,$(O)/%.o,$(wildcard bpf/*.bpf.c))
bpf_skel := $(bpf_obj:.bpf.o=.skel.h)
unit_bin := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/test_*.c))
pipelines_bin := $(if $(network),$(O)/tests/pipelines/relay_feed) $(if $(findstring KAFKA,$(network)),$(O)/tests/pipelines/kafka_mock) \
	$(if $(findstring OTLP,$(network)),$(O)/tests/pipelines/otlp_feed)
fuzz_src := $(wildcard tests/fuzz/fuzz_*.c)
fuzz_bin := $(fuzz_src:%.c=$(O)/%)
fuzz_replay := $(fuzz_bin:%=%_corpus)
program := $(O)/tcplife-fsm

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

all: $(program)

## Stamps: their text changes when the flags do, and what was built with other flags is built again

quoted = '$(subst ','\'',$(1))'
define stamp
$(O)/$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' $$(call quoted,$(2)) | cmp -s - $$@ || printf '%s\n' $$(call quoted,$(2)) > $$@
endef
$(eval $(call stamp,cc.stamp,$$(CC) $$(all_cflags) $$(lto)))
$(eval $(call stamp,link.stamp,$$(CC) $$(all_ldflags) $$(STATIC)))
$(eval $(call stamp,bpf.stamp,$$(CLANG) $$(bpf_cflags)))
$(eval $(call stamp,version.stamp,$$(version)))

# A tag vX.Y.Z names a release. Elsewhere the last release and the commit; outside of our own repository the release alone.
version = $(or $(shell test -e .git && git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed s/^v//),$\
	$(shell test -e .git && git describe --always --dirty --exclude '*' 2>/dev/null | sed s/^/$(RELEASE)+g/),$\
	$(RELEASE))

## Kernel side

bpf_cflags = -target bpf -mcpu=v3 -g -ffile-prefix-map=$(CURDIR)=. -O2 $(warnings) -D__TARGET_ARCH_$(arch) -Ivmlinux -I.
bpftool = $(or $(BPFTOOL),$(shell tests/install-deps.sh --bpftool))

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/bpf.stamp
	$(call msg,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_cflags) $(depflags) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(bpftool) gen skeleton $< name $(subst -,_,$*)_bpf > $@

## User side

$(O)/%.o: %.c $(O)/cc.stamp
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(lto) $(depflags) -c $< -o $@

# Order only: the skeletons must be there for the first compilation, after which the .d files say who includes which.
$(filter $(O)/src/kernel/%,$(all_obj)): | $(bpf_skel)

embedded_cflags = -DVERSION='"$(version)"' -DSCHEMA_FILE='"docs/schema.json"' \
	-DEXPLAIN_FILE='"docs/explain.txt"' -DREPORT_CSS_FILE='"$(report)/page.css"' -DREPORT_JS_FILE='"$(report)/page.js"' \
	-DREPORT_CSS_SHA256='"$(call sha256,$(report)/page.css)"' -DREPORT_JS_SHA256='"$(call sha256,$(report)/page.js)"' \
	-DLIVE_JS_FILE='"$(report)/live.js"' -DLIVE_JS_SHA256='"$(call sha256,$(report)/live.js)"'
# What a page of `report` allows of style and script. In base64, with tools of coreutils.
report := src/format/report
sha256 = $(shell sha256sum $(1) | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64)
# Without lto: the files are made by the assembler, and the archive's index of whole-program objects does not have such names.
$(O)/src/cli/embedded.o: src/cli/embedded.c docs/schema.json docs/explain.txt $(wildcard $(report)/*) $(O)/version.stamp $(O)/cc.stamp
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(embedded_cflags) $(depflags) -c $< -o $@

$(program): $(all_obj) $(O)/link.stamp
	$(call msg,LINK,$@)
	$(Q)$(CC) $(all_ldflags) $(lto) $(filter %.o,$^) $(link_libs) -o $@

-include $(all_obj:.o=.d) $(bpf_obj:.o=.d) $(unit_bin:=.d) $(fuzz_bin:=.d) $(pipelines_bin:=.d)

## Tests

# All but main(), so that a test links what it uses and no more.
archive := $(O)/tcplife-fsm.a
$(archive): $(filter-out $(O)/src/main.o,$(all_obj))
	$(call msg,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/tests/unit/test_%: tests/unit/test_%.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $@.d $< $(archive) $(no_lto) $(all_ldflags) -lcmocka $(link_libs) -o $@

# What feeds relays and transports, and a Kafka cluster for them.
$(O)/tests/pipelines/%: tests/pipelines/%.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $@.d $< $(archive) $(no_lto) $(all_ldflags) $(link_libs) $(if $(findstring kafka,$@),-lrdkafka) -o $@

check-unit: $(unit_bin)
	$(Q)failed=; for test in $^; do echo "== $$test"; $$test || failed="$$failed $$test"; done; \
		test -z "$$failed" || { echo "FAILED:$$failed" >&2; exit 1; }
	$(call msg,SCHEMA,the lines of test_json)
	$(Q)$(O)/tests/unit/test_json --lines | $(PYTHON) tests/schema.py
	$(Q)$(O)/tests/unit/test_status --document | $(PYTHON) tests/schema.py --status

# The core has no I/O, no clock and no libbpf: what its objects together leave undefined is this and nothing else.
core_symbols := malloc calloc realloc reallocarray free qsort memcpy memmove memset memcmp strlen strnlen strcmp strncmp \
	__stack_chk_fail _GLOBAL_OFFSET_TABLE_ __memcpy_chk __memmove_chk __memset_chk
check-core: $(core_obj)
	$(call msg,CHECK,src/core is pure)
	$(Q)$(LD) -r $^ -o $(O)/core.o
	$(Q)foreign=$$($(NM) -u --format=just-symbols $(O)/core.o | grep -vxF $(core_symbols:%=-e %)); \
		test -z "$$foreign" || { echo "src/core must not use:" $$foreign >&2; exit 1; }

pytest := $(PYTHON) -m pytest -q -p no:cacheprovider

# Who may include whom, how long a file or a function may be, and that these checks find what is wrong.
check-layers:
	$(call msg,CHECK,includes and sizes)
	$(Q)$(PYTHON) tests/house/layers.py
	$(Q)$(PYTHON) tests/house/sizes.py
	$(Q)$(pytest) tests/house

# Of the binary itself, by whatever flags it was built.
check-hardening: $(program)
ifneq ($(and $(harden_cflags),$(optimised)),)
	$(call msg,CHECK,$(program) is hardened)
	$(Q)$(PYTHON) tests/house/hardening.py $(program)
else
	@echo 'check-hardening SKIPPED: a build with sanitizers or without optimisation is not hardened.'
endif

# Instructions per event of a replay, against those that are committed. ARGS=--record commits to new ones.
check-cost: export TCPLIFE_FSM = $(abspath $(program))
check-cost: $(program)
ifneq ($(optimised),)
	$(Q)tests/install-deps.sh cost
	$(call msg,CHECK,instructions per event)
	$(Q)CC=$(call quoted,$(CC)) $(PYTHON) tests/bench/instructions.py $(ARGS)
	$(Q)CC=$(call quoted,$(CC)) CLANG=$(call quoted,$(CLANG)) $(PYTHON) tests/bench/scan_instructions.py $(ARGS)
else
	@echo 'check-cost SKIPPED: the figures are of an optimised build.'
endif

check-replay: export TCPLIFE_FSM = $(abspath $(program))
check-replay: $(program)
	$(Q)$(pytest) -n auto tests/replay

# What takes minutes and gigabytes: long recordings, and as root a million sockets and a thousand namespaces.
check-scale: export TCPLIFE_FSM = $(abspath $(program))
check-scale: $(program)
	$(Q)LONG_EVENTS=100000000 $(pytest) tests/replay/test_long.py
ifeq ($(shell id -u),0)
	$(Q)SCALE=20 $(pytest) -s tests/live/test_scale.py
	$(Q)SCALE=20 $(pytest) tests/live/test_load.py -k hits_with_losses
	$(Q)SCALE=20 $(pytest) tests/live/test_outputs.py -k nobody_reads
endif

# What shippers and databases make of the lines: the real ones, with the configurations of contrib/. SCALE=1: a million lines.
check-pipelines: export TCPLIFE_FSM = $(abspath $(program))
check-pipelines: export OTLP_FEED = $(abspath $(O)/tests/pipelines/otlp_feed)
check-pipelines: export TEST_JSON = $(abspath $(O)/tests/unit/test_json)
check-pipelines: $(program) $(pipelines_bin) $(O)/tests/unit/test_json $(O)/tests/unit/test_journal
	$(Q)tests/install-deps.sh check journal pipelines
	$(Q)$(pytest) tests/pipelines $(ARGS)

# contrib/clickhouse/ in ClickHouse's engine, which npm brings once: 100,000 records, or with SCALE=1 a million. -s: its times.
check-fleet: export TCPLIFE_FSM = $(abspath $(program))
check-fleet: $(program)
	$(Q)tests/install-deps.sh check fleet
	$(Q)$(PYTHON) tests/fleet/engine.py
	$(Q)SCALE=$(or $(SCALE),0.1) $(pytest) -s tests/fleet $(ARGS)

# The page of `report` in a headless Chromium. PICTURES=DIR: keeps what it looks like.
check-report: export TCPLIFE_FSM = $(abspath $(program))
check-report: export PICTURES := $(abspath $(PICTURES))
check-report: $(program) $(O)/tests/unit/test_live
	$(Q)tests/install-deps.sh report
	$(Q)$(pytest) tests/report $(ARGS)

# What `make install`, `make deb` and `make rpm` make, and what it leaves on a system in a folder (as root).
check-packages: export TCPLIFE_FSM = $(abspath $(program))
check-packages: $(program)
	$(Q)tests/install-deps.sh --static build check packages container service
	$(Q)$(pytest) tests/packages $(ARGS)

# The package and its service in a guest whose first process is systemd: five minutes. KERNEL=6.12 for another kernel.
check-service:
	$(Q)tests/install-deps.sh build check vm packages service
	$(Q)$(MAKE) --no-print-directory deb
	$(Q)$(PYTHON) tests/service/service.py $(O)/deb $(KERNEL)

# A libFuzzer target with a main() that runs each file of its corpus once: no libFuzzer needed, any compiler will do.
$(O)/tests/fuzz/%_corpus: tests/fuzz/%.c tests/fuzz/corpus.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $(@:_corpus=.d) tests/fuzz/corpus.c $< $(archive) $(no_lto) $(all_ldflags) $(link_libs) -o $@

check-fuzz: $(fuzz_replay)
	$(Q)set -e; for test in $^; do name=$${test##*/fuzz_}; $$test tests/fuzz/corpus/$${name%_corpus}; done

check-live: export TCPLIFE_FSM = $(abspath $(program))
check-live: $(program)
ifeq ($(shell id -u),0)
	$(Q)$(PYTHON) tests/live/run.py $(ARGS)
else
	@echo 'Live tests SKIPPED: they load BPF programs and make network namespaces, which needs root. Run: sudo make check-live'
endif

# --stacks of C++, Rust, Go, Java, Node and Python, and the leaks of docs/leaks.md, with compilers, runtimes and servers of some hundred
# MB. `make check-live` tries those that are here. check-chroot is a part of it: in a root of Debian 13.
check-languages: export TCPLIFE_FSM = $(abspath $(program))
check-languages:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build check chroot languages
	$(Q)$(MAKE) --no-print-directory $(jobs) all
ifeq ($(shell id -u),0)
	$(Q)ALL_LANGUAGES=1 $(pytest) tests/live/test_languages.py tests/live/test_leak_table.py $(ARGS)
else
	@echo 'check-languages SKIPPED: it loads BPF programs, which needs root. Run: sudo make check-languages'
endif

check-chroot: export TCPLIFE_FSM = $(abspath $(program))
check-chroot: $(program)
	$(Q)tests/install-deps.sh check chroot
ifeq ($(shell id -u),0)
	$(Q)ALL_LANGUAGES=1 $(pytest) tests/live/test_languages.py -k python_3_13
else
	@echo 'check-chroot SKIPPED: it loads BPF programs, which needs root. Run: sudo make check-chroot'
endif

# The live tests in Debian's kernels, emulated: KERNEL='6.1 newest' for some of them, ARGS for tests/vm/vm.py.
KERNEL ?=
check-vm: export TCPLIFE_FSM = $(abspath $(program))
check-vm:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build check vm
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)CC=$(call quoted,$(CC)) $(PYTHON) tests/vm/vm.py $(ARGS) $(KERNEL)

sources := $(wildcard src/*.[ch] src/*/*.[ch] bpf/*.[ch] tests/*/*.[ch])
check-style:
	$(Q)tests/install-deps.sh style
	$(call msg,STYLE,$(CLANG_FORMAT))
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(sources)

test-programs: $(unit_bin) $(fuzz_replay) $(pipelines_bin)

jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
check: check-quick
	$(Q)$(MAKE) --no-print-directory -j1 check-live

# All that needs neither root nor a live connection.
check-quick:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build check
	$(Q)$(MAKE) --no-print-directory $(jobs) all test-programs
	$(Q)$(MAKE) --no-print-directory -j1 check-layers check-core check-hardening check-unit check-fuzz check-replay

# For clangd and other tools that ask how a file is compiled.
compdb: $(bpf_skel) $(O)/version.stamp
	$(Q)$(PYTHON) tests/house/compdb.py $(call quoted,$(CC) $(all_cflags) $(embedded_cflags)) $(call quoted,$(CLANG) $(bpf_cflags)) > compile_commands.json

# libFuzzer comes with clang only: objects of its own, under $(O)/fuzz.
fuzz_seconds ?= 60
fuzz:
	$(Q)tests/install-deps.sh build check fuzz
	$(Q)$(MAKE) --no-print-directory O=$(O)/fuzz CC=$(CLANG) SANITIZE=address,undefined,fuzzer-no-link $(jobs) -Otarget fuzz-run

$(O)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $@.d $< $(archive) $(no_lto) $(all_ldflags) -fsanitize=fuzzer $(link_libs) -o $@

# Side by side, as many as make has jobs.
fuzz_runs := $(fuzz_src:tests/fuzz/fuzz_%.c=fuzz-run-%)
fuzz-run: $(fuzz_runs)
$(fuzz_runs): fuzz-run-%: $(O)/tests/fuzz/fuzz_%
	$(call msg,FUZZ,$*)
	$(Q)mkdir -p $(O)/found/$*
	$(Q)$< -max_total_time=$(fuzz_seconds) -artifact_prefix=$(O)/found/ $(O)/found/$* tests/fuzz/corpus/$*

bench: export TCPLIFE_FSM = $(abspath $(program))
bench:
	$(Q)tests/install-deps.sh build check
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)$(sudo) env TCPLIFE_FSM=$(abspath $(program)) REFERENCE=$(abspath $(REFERENCE)) CC=$(CC) $(PYTHON) tests/bench/bench.py $(ARGS)

## Use

sudo := $(if $(filter-out 0,$(shell id -u)),sudo)

deps:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build

run: deps
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)$(sudo) $(program) $(ARGS)

share := $(DESTDIR)$(PREFIX)/share
lib := $(DESTDIR)$(PREFIX)/lib
completion := $(share)/bash-completion/completions/tcplife-fsm
etc := $(DESTDIR)$(SYSCONFDIR)
unit := $(lib)/systemd/system/tcplife-fsm.service
installed := $(DESTDIR)$(PREFIX)/sbin/tcplife-fsm $(share)/man/man8/tcplife-fsm.8 $(share)/man/man5/tcplife-fsm.conf.5 $(completion) $(unit) \
	$(lib)/sysusers.d/tcplife-fsm.conf $(lib)/tmpfiles.d/tcplife-fsm.conf
# A configuration that is there is somebody's: it stays, also when the program is removed.
install: all
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/sbin/tcplife-fsm
	install -D -m 644 docs/tcplife-fsm.8 $(share)/man/man8/tcplife-fsm.8
	install -D -m 644 docs/tcplife-fsm.conf.5 $(share)/man/man5/tcplife-fsm.conf.5
	install -d $(share)/doc/tcplife-fsm $(dir $(completion)) $(etc)/tcplife-fsm.d $(dir $(unit))
	$(program) completion > $(completion) || { rm $(completion); echo 'No completion for bash: this host cannot run the program.'; }
	sed 's|/usr/sbin/tcplife-fsm|$(PREFIX)/sbin/tcplife-fsm|; s|/etc/tcplife-fsm|$(SYSCONFDIR)/tcplife-fsm|g' \
		contrib/systemd/tcplife-fsm.service > $(unit)
	chmod 644 $(unit) $(wildcard $(completion))
	install -D -m 644 contrib/systemd/tcplife-fsm.sysusers.conf $(lib)/sysusers.d/tcplife-fsm.conf
	install -D -m 644 contrib/systemd/tcplife-fsm.tmpfiles.conf $(lib)/tmpfiles.d/tcplife-fsm.conf
	test -e $(etc)/tcplife-fsm.conf || install -m 644 contrib/systemd/tcplife-fsm.conf $(etc)/tcplife-fsm.conf
	install -m 644 README.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/*.json docs/*.svg) $(share)/doc/tcplife-fsm
ifneq ($(wildcard contrib/*),)
	install -d $(share)/doc/tcplife-fsm/contrib
	cp -r $(filter-out contrib/debian contrib/rpm contrib/package.sh,$(wildcard contrib/*)) $(share)/doc/tcplife-fsm/contrib
endif

uninstall:
	rm -f $(installed)
	rm -rf $(share)/doc/tcplife-fsm
	-rmdir $(etc)/tcplife-fsm.d

## Packages, of what is committed, in $(O)/deb and $(O)/rpm. Two builds of one commit are the same: all times are the commit's.

package_version = $(subst -,+,$(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed s/^v//))
commit_version = $(or $(package_version),$(RELEASE)+git$(shell git log -1 --format=%cd --date=format:%Y%m%d.%H%M%S).$(shell git rev-parse --short=8 HEAD))
commit_time = $(shell git log -1 --format=%ct)

deb:
	$(Q)tests/install-deps.sh build packages
	$(Q)contrib/debian/build.sh '$(O)/deb' '$(commit_version)' '$(commit_time)'

rpm:
	$(Q)tests/install-deps.sh build packages
	$(Q)contrib/rpm/build.sh '$(O)/rpm' '$(commit_version)' '$(commit_time)'

clean:
	rm -rf $(O)

define help_text
make             build $(program)
make run         install what is missing, build, trace; flags: make run ARGS="--json -D 443"
make check       install what the tests need, run all tests (as root the live ones too)
make check-quick the tests that need no root, within a minute
make deps        install what the build needs, from the distribution's packages
make install     honours PREFIX ($(PREFIX)), SYSCONFDIR ($(SYSCONFDIR)) and DESTDIR; make uninstall undoes it
make deb         a package for Debian and Ubuntu in $(O)/deb; make rpm: one for Fedora and RHEL in $(O)/rpm
make bench       measure cost and loss under load (as root)
make fuzz        run the fuzzers, fuzz_seconds=60 each
make check-fleet the queries of contrib/clickhouse; SCALE=1 for a million records
make check-vm    run the live tests in Debian's kernels under QEMU; KERNEL=6.1 for one of them
make compdb      write compile_commands.json, for clangd and other tools
make clean       remove $(O)
Parts of check:  check-layers check-core check-hardening check-unit check-fuzz check-replay check-live;
                 on their own: check-cost check-pipelines check-fleet check-style check-vm check-scale check-languages
                 check-chroot check-packages check-service check-report
Variables:       O=build CC=gcc CLANG=clang CROSS_COMPILE= CFLAGS="-O3 -g" LDFLAGS= SANITIZE=address,undefined
                 STATIC=1 (no shared libbpf needed to run), full (no library at all) WERROR=1 V=1 (show commands)
endef
help:
	$(info $(help_text))
	@:

FORCE:
.PHONY: all bench check check-chroot check-core check-cost check-fleet check-fuzz check-hardening check-languages check-layers check-live check-packages check-pipelines \
	check-quick check-replay check-report check-scale check-service check-style check-unit check-vm clean compdb deb deps fuzz fuzz-run $(fuzz_runs) help install rpm run test-programs uninstall FORCE
