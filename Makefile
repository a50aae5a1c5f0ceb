# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists the targets.

RELEASE := 0.1.0

O ?= build
PREFIX ?= /usr/local
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
CFLAGS ?= -O2 -g
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
all_cflags := -std=gnu11 -D_GNU_SOURCE -pthread $(warnings) -Wstrict-prototypes -Wmissing-prototypes $(sanitize) \
	-I. -I$(O) $(CPPFLAGS) $(CFLAGS)
all_ldflags := -pthread $(sanitize) $(CFLAGS) $(LDFLAGS)
depflags := -MMD -MP

libs = $(shell $(PKG_CONFIG) $(if $(STATIC),--static) --libs libbpf libdw libcap-ng zlib jansson)
link_libs = $(if $(STATIC),-Wl$(comma)-Bstatic $(filter-out -pthread,$(libs)) -Wl$(comma)-Bdynamic,$(libs))
comma := ,

all_obj := $(patsubst %.c,$(O)/%.o,$(wildcard src/*.c src/*/*.c))
core_obj := $(filter $(O)/src/core/%,$(all_obj))
bpf_obj := $(patsubst %.c,$(O)/%.o,$(wildcard bpf/*.bpf.c))
bpf_skel := $(bpf_obj:.bpf.o=.skel.h)
unit_bin := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/test_*.c))
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
$(eval $(call stamp,cc.stamp,$$(CC) $$(all_cflags)))
$(eval $(call stamp,link.stamp,$$(CC) $$(all_ldflags) $$(STATIC)))
$(eval $(call stamp,bpf.stamp,$$(CLANG) $$(bpf_cflags)))
$(eval $(call stamp,version.stamp,$$(version)))

# A tag vX.Y.Z names a release. Elsewhere the last release and the commit; outside of our own repository the release alone.
version = $(or $(shell test -e .git && git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null | sed s/^v//),$\
	$(shell test -e .git && git describe --always --dirty --exclude '*' 2>/dev/null | sed s/^/$(RELEASE)+g/),$\
	$(RELEASE))

## Kernel side

bpf_cflags = -target bpf -mcpu=v3 -g -O2 $(warnings) -D__TARGET_ARCH_$(arch) -Ivmlinux -I.
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
	$(Q)$(CC) $(all_cflags) $(depflags) -c $< -o $@

# Order only: the skeletons must be there for the first compilation, after which the .d files say who includes which.
$(filter $(O)/src/kernel/%,$(all_obj)): | $(bpf_skel)

embedded_cflags = -DVERSION='"$(version)"' -DSCHEMA_FILE='"docs/schema.json"' \
	-DEXPLAIN_FILE='"docs/explain.txt"'
$(O)/src/cli/embedded.o: src/cli/embedded.c docs/schema.json docs/explain.txt $(O)/version.stamp $(O)/cc.stamp
	$(call msg,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(embedded_cflags) $(depflags) -c $< -o $@

$(program): $(all_obj) $(O)/link.stamp
	$(call msg,LINK,$@)
	$(Q)$(CC) $(all_ldflags) $(filter %.o,$^) $(link_libs) -o $@

-include $(all_obj:.o=.d) $(bpf_obj:.o=.d) $(unit_bin:=.d) $(fuzz_bin:=.d)

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
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $@.d $< $(archive) $(all_ldflags) -lcmocka $(link_libs) -o $@

check-unit: $(unit_bin)
	$(Q)failed=; for test in $^; do echo "== $$test"; $$test || failed="$$failed $$test"; done; \
		test -z "$$failed" || { echo "FAILED:$$failed" >&2; exit 1; }
	$(call msg,SCHEMA,the lines of test_json)
	$(Q)$(O)/tests/unit/test_json --lines | $(PYTHON) tests/schema.py

# The core has no I/O, no clock and no libbpf: what its objects together leave undefined is this and nothing else.
core_symbols := malloc calloc realloc reallocarray free qsort memcpy memmove memset memcmp strlen strnlen strcmp strncmp \
	__stack_chk_fail _GLOBAL_OFFSET_TABLE_
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

check-replay: export TCPLIFE_FSM = $(abspath $(program))
check-replay: $(program)
	$(Q)$(pytest) tests/replay

# A libFuzzer target with a main() that runs each file of its corpus once: no libFuzzer needed, any compiler will do.
$(O)/tests/fuzz/%_corpus: tests/fuzz/%.c tests/fuzz/corpus.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $(@:_corpus=.d) tests/fuzz/corpus.c $< $(archive) $(all_ldflags) $(link_libs) -o $@

check-fuzz: $(fuzz_replay)
	$(Q)set -e; for test in $^; do name=$${test##*/fuzz_}; $$test tests/fuzz/corpus/$${name%_corpus}; done

check-live: export TCPLIFE_FSM = $(abspath $(program))
check-live: $(program)
ifeq ($(shell id -u),0)
	$(Q)$(PYTHON) tests/live/run.py $(ARGS)
else
	@echo 'Live tests SKIPPED: they load BPF programs and make network namespaces, which needs root. Run: sudo make check-live'
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

test-programs: $(unit_bin) $(fuzz_replay)

jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
check: check-quick
	$(Q)$(MAKE) --no-print-directory -j1 check-live

# All that needs neither root nor a live connection.
check-quick:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build check
	$(Q)$(MAKE) --no-print-directory $(jobs) all test-programs
	$(Q)$(MAKE) --no-print-directory -j1 check-layers check-core check-unit check-fuzz check-replay

# For clangd and other tools that ask how a file is compiled.
compdb: $(bpf_skel) $(O)/version.stamp
	$(Q)$(PYTHON) tests/house/compdb.py $(call quoted,$(CC) $(all_cflags) $(embedded_cflags)) $(call quoted,$(CLANG) $(bpf_cflags)) > compile_commands.json

# libFuzzer comes with clang only: objects of its own, under $(O)/fuzz.
fuzz_seconds ?= 60
fuzz:
	$(Q)tests/install-deps.sh build check fuzz
	$(Q)$(MAKE) --no-print-directory O=$(O)/fuzz CC=$(CLANG) SANITIZE=address,undefined,fuzzer-no-link $(jobs) fuzz-run

$(O)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(archive) $(O)/cc.stamp $(O)/link.stamp
	$(call msg,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) $(depflags) -MF $@.d $< $(archive) $(all_ldflags) -fsanitize=fuzzer $(link_libs) -o $@

fuzz-run: $(fuzz_bin)
	$(Q)set -e; for test in $^; do name=$${test##*/fuzz_}; mkdir -p $(O)/found/$$name; \
		$$test -max_total_time=$(fuzz_seconds) -artifact_prefix=$(O)/found/ $(O)/found/$$name tests/fuzz/corpus/$$name; done

bench: export TCPLIFE_FSM = $(abspath $(program))
bench:
	$(Q)tests/install-deps.sh build check
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)$(sudo) env TCPLIFE_FSM=$(abspath $(program)) CC=$(CC) $(PYTHON) tests/bench/bench.py $(ARGS)

## Use

sudo := $(if $(filter-out 0,$(shell id -u)),sudo)

deps:
	$(Q)tests/install-deps.sh $(if $(STATIC),--static) build

run: deps
	$(Q)$(MAKE) --no-print-directory $(jobs) all
	$(Q)$(sudo) $(program) $(ARGS)

share := $(DESTDIR)$(PREFIX)/share
completion := $(share)/bash-completion/completions/tcplife-fsm
install: all
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/sbin/tcplife-fsm
	install -D -m 644 docs/tcplife-fsm.8 $(share)/man/man8/tcplife-fsm.8
	install -d $(share)/doc/tcplife-fsm $(dir $(completion))
	$(program) completion > $(completion) || { rm $(completion); echo 'No completion for bash: this host cannot run the program.'; }
	install -m 644 README.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/*.json) $(share)/doc/tcplife-fsm
ifneq ($(wildcard contrib/*),)
	cp -r contrib $(share)/doc/tcplife-fsm
endif

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/tcplife-fsm $(share)/man/man8/tcplife-fsm.8 $(completion)
	rm -rf $(share)/doc/tcplife-fsm

clean:
	rm -rf $(O)

define help_text
make             build $(program)
make run         install what is missing, build, trace; flags: make run ARGS="--json -D 443"
make check       install what the tests need, run all tests (as root the live ones too)
make check-quick the tests that need no root, within a minute
make deps        install what the build needs, from the distribution's packages
make install     honours PREFIX ($(PREFIX)) and DESTDIR; make uninstall undoes it
make bench       measure cost and loss under load (as root)
make fuzz        run the fuzzers, fuzz_seconds=60 each
make check-vm    run the live tests in Debian's kernels under QEMU; KERNEL=6.1 for one of them
make compdb      write compile_commands.json, for clangd and other tools
make clean       remove $(O)
Parts of check:  check-layers check-core check-unit check-fuzz check-replay check-live; on their own: check-style check-vm
Variables:       O=build CC=gcc CLANG=clang CROSS_COMPILE= CFLAGS="-O2 -g" LDFLAGS= SANITIZE=address,undefined
                 STATIC=1 (no shared libbpf needed to run) WERROR=1 V=1 (show commands)
endef
help:
	$(info $(help_text))
	@:

FORCE:
.PHONY: all bench check check-core check-fuzz check-layers check-live check-quick check-replay check-style check-unit check-vm clean \
	compdb deps fuzz fuzz-run help install run test-programs uninstall FORCE
