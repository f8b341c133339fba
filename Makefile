# Hermod's build. `make help` lists the targets; CONTRIBUTING.md tells the story.
#
# Sources are found by wildcard: a new file in c_src/<layer>/ or test/unit/<layer>/ needs no line here.
# Everything a build makes lands in build/$(VARIANT), so the variants (gcc, clang, asan, fuzz) live side by side.
# Layers are archives of their own, and a unit test links its layer and those below: an up-call breaks its link.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC := gcc
endif
VARIANT ?= $(if $(findstring clang,$(notdir $(CC))),clang,gcc)
B := build/$(VARIANT)

AR ?= ar
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
INSTALL ?= install
LDCONFIG ?= PATH=$$PATH:/usr/sbin:/sbin ldconfig

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system

FUZZ_SECONDS ?= 10

# One number, in the public header; the ABI number of the shared library is its own.
VERSION := $(shell sed -n 's/^.define HM_VERSION "\(.*\)"$$/\1/p' include/hermod/*.h 2>/dev/null)
ABI := 0

# ---- what is there ----

LAYERS := base etf dist node otp eval api services discovery http cli
LIB_LAYERS := base etf dist node otp eval api
HAVE_LAYERS := $(foreach l,$(LAYERS),$(if $(wildcard c_src/$l/*.c),$l))

# upto_X: the layers a file of layer X may call, itself included.
seen :=
$(foreach l,$(LAYERS),$(eval seen += $l)$(eval upto_$l := $(seen)))

srcs_of = $(wildcard c_src/$1/*.c)
objs_of = $(patsubst %.c,$(B)/%.o,$(call srcs_of,$1))
archives_upto = $(foreach l,$(filter $(HAVE_LAYERS),$(upto_$1)),$(B)/lib$l.a)

ALL_OBJS := $(foreach l,$(HAVE_LAYERS),$(call objs_of,$l))
LIB_OBJS := $(foreach l,$(filter $(HAVE_LAYERS),$(LIB_LAYERS)),$(call objs_of,$l))
SUPPORT_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard test/support/*.c))
UNIT_SRCS := $(foreach l,$(HAVE_LAYERS),$(wildcard test/unit/$l/*_test.c))
UNIT_ALL := $(patsubst %.c,$(B)/%,$(UNIT_SRCS))
FUZZ_SRCS := $(wildcard test/fuzz/*_fuzz.c)
FUZZ_NAMES := $(patsubst test/fuzz/%_fuzz.c,%,$(FUZZ_SRCS))
EXAMPLES := $(patsubst examples/%/Makefile,%,$(wildcard examples/*/Makefile))
HEADERS := $(wildcard include/hermod/*.h)

# `make unit T=etf/check` (one file), T=etf (one layer), or everything.
UNIT := $(if $(T),$(filter $(foreach t,$(T),$(B)/test/unit/$t_test $(B)/test/unit/$t_oom_test $(B)/test/unit/$t/%),$(UNIT_ALL)),$(UNIT_ALL))
# `make fuzz F=frame`, likewise.
FUZZ := $(if $(F),$(filter $(F),$(FUZZ_NAMES)),$(FUZZ_NAMES))

# ---- libraries ----

# erl_interface ships with Erlang and has no pkg-config file. EI_DIR=/path names another installation.
EI_DIR ?= $(firstword $(patsubst %/include/ei.h,%,$(wildcard $(addsuffix /include/ei.h, \
	/usr/lib/erlang/usr /usr/local/lib/erlang/usr /usr/lib64/erlang/usr /opt/erlang/usr /usr/local/erlang/usr \
	/usr/lib/erlang/lib/erl_interface-* /usr/local/lib/erlang/lib/erl_interface-*))))
EI_LIB = $(EI_DIR)/lib/libei.a

# Asked for when a link needs them, not when the Makefile is read: `make run` may have to install them first.
EVENT_CFLAGS = $(shell $(PKG_CONFIG) --cflags libevent_core libmd)
EVENT_LIBS = $(shell $(PKG_CONFIG) --libs libevent_extra libevent_core libmd libtommath)
EDIT_CFLAGS = $(shell $(PKG_CONFIG) --cflags libedit)
# DNS (discovery): the program's, not the library's. What is loaded when it is needed (base/lazy.h) is not linked.
CRYPTO_LIBS = -lresolv -ldl
# The other end of TLS, in its tests.
TLS_LIBS = $(shell $(PKG_CONFIG) --libs libevent_openssl libssl libcrypto)
needs_tls = $(if $(filter discovery,$(upto_$1)),$$(TLS_LIBS))
needs_crypto = $(if $(filter discovery,$(upto_$1)),$$(CRYPTO_LIBS))
CMOCKA_LIBS = -lcmocka

# ---- flags ----

WERROR ?= 1
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith \
	-Wwrite-strings -Wformat-security -Wvla $(if $(filter 1,$(WERROR)),-Werror)

# _GNU_SOURCE is defined empty, so that a file that says `#define _GNU_SOURCE` itself is no redefinition.
DEFS := -D_GNU_SOURCE=
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

flags_gcc := -O2 -g $(HARDEN)
flags_clang := -O2 -g $(HARDEN)
flags_asan := -O1 -g $(SANITIZE)
flags_fuzz := -O1 -g -fsanitize=fuzzer-no-link $(SANITIZE)
ldflags_asan := $(SANITIZE)
ldflags_fuzz := $(SANITIZE)

CFLAGS ?= $(or $(flags_$(VARIANT)),$(flags_gcc))
HM_CFLAGS = -std=gnu11 $(DEFS) $(WARN) -fPIC -fno-plt -fvisibility=hidden -fno-semantic-interposition -ffunction-sections -pthread \
	-Iinclude -MMD -MP $(CFLAGS)
# A table of 60 KB that is read at every start becomes one of 1 KB. glibc 2.36 and later understand it.
RELR := $(shell getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ split($$2, v, "."); if (v[1] > 2 || v[2] >= 36) print "-Wl,-z,pack-relative-relocs" }')
HM_LDFLAGS = $(ldflags_$(VARIANT)) -pthread -Wl,--as-needed -Wl,-z,relro,-z,now $(RELR) $(LDFLAGS)

# clang before 18 does not know this one and says so, which -Werror makes fatal.
ifneq ($(findstring clang,$(notdir $(CC))),)
HM_CFLAGS := $(filter-out -fno-semantic-interposition,$(HM_CFLAGS))
endif

# What only one layer may see: ei is behind etf, line editing is the chat client's.
layer_cflags_etf = $(if $(EI_DIR),-isystem $(EI_DIR)/include,$(error ei.h was not found: run scripts/bootstrap, or give EI_DIR=))
layer_cflags_cli = $(EDIT_CFLAGS)
layer_cflags_eval = $(shell $(PKG_CONFIG) --cflags libtommath)

# -rdynamic, but for hm_* only: a module given to --load finds the API in the program.
EXE_EXPORT := -Wl,--dynamic-list=scripts/hermod.dynlist
LIB_EXPORT := -Wl,--version-script=scripts/libhermod.map
# What every message passes lies together, as far as the linker can be told.
EXE_ORDER := $(if $(findstring GNU ld,$(shell $(CC) -Wl,--version 2>/dev/null)),-T scripts/hot.ld)
# What the library lacks shows now, not when a user links it. (A sanitizer's run-time comes with the program.)
ifeq ($(findstring -fsanitize,$(HM_LDFLAGS)),)
LIB_EXPORT += -Wl,-z,defs
endif

# The status page is part of the program; page.c includes it as it is.
$(B)/c_src/http/page.o: c_src/http/page.html

# The allocation-failure tests replace the allocator from test/support.
WRAP_ALLOC := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=strdup

# A sanitizer's finding ends the process: a daemon that prints and goes on would pass its suite.
export ASAN_OPTIONS ?= abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1
export UBSAN_OPTIONS ?= abort_on_error=1:halt_on_error=1:print_stacktrace=1

Q := $(if $(V),,@)

# For targets that people run as they are, `make run` above all: every core, unless -j was given. In a recipe only.
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
say = $(if $(V),,@printf '  %-8s %s\n' '$1' '$2')

# ---- all ----

LIBS := $(B)/libhermod.a $(B)/libhermod.so
PROGRAM := $(B)/hermod

.PHONY: all
all: $(if $(wildcard c_src/api/*.c),$(LIBS)) $(if $(wildcard c_src/cli/*.c),$(PROGRAM)) ## the program and the two libraries, in build/gcc (default)

.PHONY: layers
layers: $(foreach l,$(HAVE_LAYERS),$(B)/lib$l.a) ## each layer's archive, which is all of the code but no program

# A change of flags rebuilds; a change of the list of files relinks. Each stamp is touched only when its text changes.
.PHONY: FORCE
FORCE:
define stamp
$1: FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$2' | cmp -s - $$@ || printf '%s\n' '$2' >$$@
endef
$(eval $(call stamp,$(B)/.flags,$(CC) $(HM_CFLAGS)))
$(eval $(call stamp,$(B)/.ldflags,$(CC) $(HM_LDFLAGS)))
$(eval $(call stamp,$(B)/.libobjs,$(LIB_OBJS)))
$(eval $(call stamp,$(B)/.allobjs,$(ALL_OBJS)))
$(eval $(call stamp,$(B)/.supportobjs,$(SUPPORT_OBJS)))

define layer
$(eval $(call stamp,$(B)/.objs_$1,$(call objs_of,$1)))
$(B)/c_src/$1/%.o: c_src/$1/%.c $(B)/.flags
	$$(call say,CC,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(HM_CFLAGS) -Ic_src $$(layer_cflags_$1) $$(EVENT_CFLAGS) -c -o $$@ $$<

$(B)/lib$1.a: $(call objs_of,$1) $(B)/.objs_$1
	$$(Q)rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach l,$(HAVE_LAYERS),$(eval $(call layer,$l)))

$(PROGRAM): $(ALL_OBJS) $(B)/.allobjs $(B)/.ldflags scripts/hermod.dynlist scripts/hot.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(HM_LDFLAGS) $(EXE_EXPORT) $(EXE_ORDER) -o $@ $(ALL_OBJS) $(EI_LIB) $(EVENT_LIBS) $(CRYPTO_LIBS) -ldl

# The library is one relocatable object, erl_interface's members included, in which everything but hm_* has become
# local: a program may link libhermod.a next to its own list.o, its own ei and its own uthash tables.
$(B)/libhermod.o: $(LIB_OBJS) $(B)/.libobjs
	$(call say,LINK,$@)
	$(Q)$(CC) -r -nostdlib -o $@.tmp $(LIB_OBJS) $(EI_LIB)
	$(Q)$(OBJCOPY) --localize-hidden --wildcard --keep-global-symbol='hm_*' $@.tmp $@
	$(Q)rm -f $@.tmp

$(B)/libhermod.a: $(B)/libhermod.o
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $<

$(B)/libhermod.so.$(ABI): $(B)/libhermod.o $(B)/.ldflags scripts/libhermod.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(HM_LDFLAGS) -Wl,-soname,libhermod.so.$(ABI) $(LIB_EXPORT) -o $@ $< $(EVENT_LIBS) -ldl

$(B)/libhermod.so: $(B)/libhermod.so.$(ABI)
	$(Q)ln -sf $(<F) $@

# ---- unit tests ----

# cmocka does not tell the compiler that a failed assertion never returns, so "uninitialized" is often wrong here; and
# the tables of tests hold literals that go over two lines on purpose.
TEST_CFLAGS = $(HM_CFLAGS) -Wno-unused-parameter \
	$(if $(findstring clang,$(CC)),-Wno-sometimes-uninitialized -Wno-string-concatenation,-Wno-maybe-uninitialized)
$(B)/test/%.o: test/%.c $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -Ic_src -Itest $(EVENT_CFLAGS) -c -o $@ $<

# An archive, so that a test takes only the helpers it names (a helper may need a higher layer than the test has).
$(B)/libsupport.a: $(SUPPORT_OBJS) $(B)/.supportobjs
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

define unit_layer
$(B)/test/unit/$1/%_test: $(B)/test/unit/$1/%_test.o $(B)/libsupport.a $(call archives_upto,$1) $(B)/.ldflags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(HM_LDFLAGS) $$(if $$(filter %_oom_test,$$@),$$(WRAP_ALLOC)) -o $$@ $$< \
		-Wl,--start-group $(B)/libsupport.a $(call archives_upto,$1) $(if $(filter etf,$(upto_$1)),$$(EI_LIB)) -Wl,--end-group \
		$$(CMOCKA_LIBS) $(call needs_tls,$1) $$(EVENT_LIBS) $(call needs_crypto,$1) -ldl
endef
$(foreach l,$(HAVE_LAYERS),$(eval $(call unit_layer,$l)))
.PRECIOUS: $(B)/test/%.o

.PHONY: unit-build unit check
unit-build: $(UNIT)

unit: unit-build $(if $(T),,check) ## build and run the unit tests; T=etf/check runs one, T=etf a layer
	$(if $(UNIT),,$(error no unit test matches T=$(T)))
	@test/unit/run $(B)/test/unit $(UNIT)

check: all ## the rules of the tree: exported symbols, includes per layer, generated files, log ids
	@test/check-includes
	@test/check-style
	@test/check-library
	@test/check-log-ids
	@CC='$(CC)' test/check-docs
	$(if $(wildcard c_src/api/*.c),@test/check-symbols $(B))

# ---- fuzzing ----

# The first line of a target names the layer it links: /* layer: dist */
define fuzz_target
$(B)/test/fuzz/$1_replay: $(B)/test/fuzz/$1_fuzz.o $(B)/test/fuzz/replay.o $(call archives_upto,$2) $(B)/.ldflags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(HM_LDFLAGS) -o $$@ $(B)/test/fuzz/$1_fuzz.o $(B)/test/fuzz/replay.o \
		-Wl,--start-group $(call archives_upto,$2) $$(EI_LIB) -Wl,--end-group $$(EVENT_LIBS) $(call needs_crypto,$2) -ldl

$(B)/test/fuzz/$1_fuzz: $(B)/test/fuzz/$1_fuzz.o $(call archives_upto,$2) $(B)/.ldflags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(HM_LDFLAGS) -fsanitize=fuzzer -o $$@ $(B)/test/fuzz/$1_fuzz.o \
		-Wl,--start-group $(call archives_upto,$2) $$(EI_LIB) -Wl,--end-group $$(EVENT_LIBS) $(call needs_crypto,$2) -ldl
endef
fuzz_layer = $(or $(filter $(LAYERS),$(shell sed -n '1s,.*layer: *\([a-z]*\).*,\1,p' test/fuzz/$1_fuzz.c)), \
	$(error test/fuzz/$1_fuzz.c: its first line must name its layer, as in /* layer: dist */))
$(foreach f,$(FUZZ_NAMES),$(eval $(call fuzz_target,$f,$(call fuzz_layer,$f))))

.PHONY: fuzz-replay-build fuzz-replay fuzz fuzz-build fuzz-run fuzz-merge fuzz-run-merge
fuzz-replay-build: $(FUZZ:%=$(B)/test/fuzz/%_replay)

fuzz-replay: fuzz-replay-build ## every file of test/fuzz/corpus through its target, without a fuzzer
	@test/fuzz/run-replay $(B)/test/fuzz $(FUZZ)

fuzz: ## fuzz every target for FUZZ_SECONDS (10) with clang's libFuzzer; F=frame fuzzes one
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-run

fuzz-merge: ## take what fuzzing found into test/fuzz/corpus, as few files as cover it
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-run-merge

fuzz-build: $(FUZZ:%=$(B)/test/fuzz/%_fuzz)

fuzz-run: fuzz-build
	@test/fuzz/run-fuzz $(B) $(FUZZ_SECONDS) $(FUZZ)

fuzz-run-merge: fuzz-build
	@test/fuzz/run-fuzz $(B) merge $(FUZZ)

# ---- programs against the public headers ----

# The same sources twice: a program on the static library, and a module for `hermod start --load`. With the visibility
# that a user's own compiler call gives, or the entry point of a module could not be found.
MODULE_CFLAGS = $(filter-out -fvisibility=hidden,$(HM_CFLAGS)) -Wno-unused-parameter
$(B)/examples/%.o: examples/%.c $(B)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MODULE_CFLAGS) $(EVENT_CFLAGS) -c -o $@ $<

define example
$(B)/examples/$1/$1: $(patsubst %.c,$(B)/%.o,$(wildcard examples/$1/*.c)) $(B)/libhermod.a $(B)/.ldflags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(HM_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(B)/libhermod.a $$(EVENT_LIBS) -ldl

$(B)/examples/$1/$1.so: $(patsubst %.c,$(B)/%.o,$(wildcard examples/$1/*.c)) $(B)/.ldflags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) -shared $$(HM_LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef
$(foreach e,$(EXAMPLES),$(eval $(call example,$e)))

.PHONY: examples
examples: $(foreach e,$(EXAMPLES),$(B)/examples/$e/$e $(B)/examples/$e/$e.so) ## the programs of examples/, and each as a module for --load

# ---- suites on live nodes ----

# What the runners of other folders get: the program, the folder of the examples and their modules, and the variant.
RUN_ENV = HERMOD='$(abspath $(PROGRAM))' HERMOD_BUILD='$(abspath $(B))' HERMOD_VARIANT='$(VARIANT)'

# The suites run against a BEAM peer too, which proves the suites; under a sanitizer that would prove nothing more.
BEAM_PEER ?= all

.PHONY: beam interop bench page-test page-picture test asan clang
beam: all examples ## the ExUnit and Common Test suites; S=chat runs one, BEAM_PEER=hermod skips the BEAM peer
	@$(RUN_ENV) erlang_test_nodes/run $(BEAM_PEER) $(S)

# One of 25, 27 and 29, or several.
OTP ?= 25 27 29
interop: all ## the suites against Hermod with other OTP releases: OTP=27 for one, S=chat for one suite; writes docs/interop.md
	@$(RUN_ENV) erlang_test_nodes/interop $(if $(S),--suite $(S)) $(OTP)

page-test: $(PROGRAM) ## the status page of --metrics in a headless Chromium, which is installed when it is missing
	@scripts/bootstrap page
	@$(RUN_ENV) test/page/run

page-picture: $(PROGRAM) ## docs/status-page.png, as it looks now
	@scripts/bootstrap page
	@$(RUN_ENV) test/page/run --picture docs/status-page.png

bench: all ## measure beside a BEAM in the same role
	@$(RUN_ENV) test/bench/run

test: ## install what the tests need, then unit tests, corpus replay and BEAM suites
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory $(jobs) unit
	@$(MAKE) --no-print-directory $(jobs) fuzz-replay
	@$(MAKE) --no-print-directory $(jobs) check-install
	@$(MAKE) --no-print-directory $(jobs) beam

asan: ## the same with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory VARIANT=asan unit
	@$(MAKE) --no-print-directory VARIANT=asan fuzz-replay
	@$(MAKE) --no-print-directory VARIANT=asan BEAM_PEER=hermod beam

clang: ## build everything with clang, warnings being errors
	@$(MAKE) --no-print-directory VARIANT=clang CC=clang everything

.PHONY: everything
everything: all unit-build fuzz-replay-build examples

# ---- run, install ----

.PHONY: run install uninstall check-install
run: ## install what is missing, build, and start a node in the foreground; ARGS='--sname a'
	@scripts/bootstrap run
	@$(MAKE) --no-print-directory $(jobs) $(PROGRAM)
	@exec $(PROGRAM) start --hints $(ARGS)

$(B)/hermod.1: $(PROGRAM)
	$(Q)$< --man >$@

$(B)/hermod.bash: $(PROGRAM)
	$(Q)$< --completion bash >$@

$(B)/hermod.pc: scripts/hermod.pc.in $(HEADERS) FORCE
	@sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(LIBDIR),' -e 's,@INCLUDEDIR@,$(INCLUDEDIR),' \
		-e 's,@VERSION@,$(VERSION),' $< >$@

$(B)/hermod.service: scripts/hermod.service.in FORCE
	@mkdir -p $(@D)
	@sed -e 's,@BINDIR@,$(BINDIR),' $< >$@

# The dynamic linker knows a library in /usr/local/lib once it was told, and one elsewhere not at all.
define tell_loader
@$(LDCONFIG) 2>/dev/null || true
@$(LDCONFIG) -p 2>/dev/null | grep -qF '=> $(LIBDIR)/libhermod.so.$(ABI)' || \
	printf '%s\n' 'Programs that use the shared library find it with LD_LIBRARY_PATH=$(LIBDIR), or when linked with -Wl,-rpath,$(LIBDIR)'
endef

SO_FULL := libhermod.so.$(ABI).$(VERSION)
install: all $(B)/hermod.1 $(B)/hermod.bash $(B)/hermod.pc $(B)/hermod.service ## program, libraries, headers, hermod.pc, man page, completion, systemd unit; PREFIX= DESTDIR=
	$(INSTALL) -D -m 755 $(PROGRAM) $(DESTDIR)$(BINDIR)/hermod
	$(INSTALL) -D -m 644 $(B)/libhermod.a $(DESTDIR)$(LIBDIR)/libhermod.a
	$(INSTALL) -D -m 644 $(B)/libhermod.so.$(ABI) $(DESTDIR)$(LIBDIR)/$(SO_FULL)
	ln -sf $(SO_FULL) $(DESTDIR)$(LIBDIR)/libhermod.so.$(ABI)
	ln -sf libhermod.so.$(ABI) $(DESTDIR)$(LIBDIR)/libhermod.so
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/hermod
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)/hermod/
	$(INSTALL) -D -m 644 $(B)/hermod.pc $(DESTDIR)$(LIBDIR)/pkgconfig/hermod.pc
	$(INSTALL) -D -m 644 $(B)/hermod.1 $(DESTDIR)$(MANDIR)/man1/hermod.1
	$(INSTALL) -D -m 644 $(B)/hermod.bash $(DESTDIR)$(COMPLETIONDIR)/hermod
	$(INSTALL) -D -m 644 $(B)/hermod.service $(DESTDIR)$(UNITDIR)/hermod.service
	$(if $(DESTDIR),,$(call tell_loader))

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/hermod $(DESTDIR)$(LIBDIR)/libhermod.a $(DESTDIR)$(LIBDIR)/libhermod.so* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/hermod.pc $(DESTDIR)$(MANDIR)/man1/hermod.1 $(DESTDIR)$(COMPLETIONDIR)/hermod $(DESTDIR)$(UNITDIR)/hermod.service
	rm -rf $(DESTDIR)$(INCLUDEDIR)/hermod

check-install: ## install into a temporary directory and build the examples against that; rebar3 compile
	@test/check-install '$(MAKE)'
	@test/check-rebar3

.PHONY: library
library: ## c_src/eval/library_forms.inc from the Erlang sources beside it (needs Erlang)
	scripts/make-library c_src/eval/library c_src/eval/library_forms.inc

.PHONY: priv version
priv: $(PROGRAM) ## the program as an Erlang application's priv file (rebar3 compile)
	$(Q)mkdir -p priv
	$(Q)cp -f $(PROGRAM) priv/hermod

version:
	@echo $(VERSION)

.PHONY: bootstrap clean help
bootstrap: ## install every package that building, testing and developing needs
	@scripts/bootstrap dev

clean: ## remove build/
	rm -rf build _build priv

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { split($$1, t, ":"); printf "  %-15s %s\n", t[1], $$2 }' Makefile

-include $(shell [ -d $(B) ] && find $(B) -name '*.d')
