# SPDX-License-Identifier: BSD-2-Clause
# Build, test and run in one command each: `make help` lists them. Everything made goes below $(BUILD).
BUILD ?= build
KERNEL ?= 6.12
MESON_DIR := $(BUILD)/meson
ifneq ($(words $(BUILD)),1)
$(error BUILD='$(BUILD)': make takes no space in a path; name a folder without one)
endif

.PHONY: all help $(BUILD)/cxlvm demo test test-long test-linux test-cross test-peer image test-image test-docs guest-kernel bench golden debug fuzz install deb rooms format clean
all: $(BUILD)/cxlvm

help:
	@sed -n 's/^#: *//p' Makefile

#: make              build $(BUILD)/cxlvm
$(BUILD)/cxlvm:
	@mkdir -p $(BUILD)
	@tools/install-packages build
	@[ -f $(MESON_DIR)/build.ninja ] || { echo "Configuring"; meson setup $(MESON_DIR) >$(BUILD)/setup.log 2>&1 || { cat $(BUILD)/setup.log; exit 1; }; }
	@flock $(BUILD) ninja -C $(MESON_DIR) --quiet cxlvm cxlvm-net
	@ln -sf meson/cxlvm $@

#: make demo         boot Debian's kernel with CXL memory online (KERNEL=6.12 or 7.3); a shell, or the tour without a terminal
demo: $(BUILD)/cxlvm
	@tools/demo $(BUILD) $(KERNEL)

#: make test         unit tests, tables, vectors, bad input, bare-metal guests and Linux boots; closes with `N passed, N failed`
test: $(BUILD)/cxlvm
	@tools/install-packages test
	@tests/run $(BUILD)

#: make test-long    the same at full length: all 2^32 words decoded, 10^6 random instructions, more boots
test-long: $(BUILD)/cxlvm
	@tools/install-packages test
	@tools/install-packages test-long
	@tests/run $(BUILD) --long

#: make test-linux   the stock 6.12 and 7.3 in all their boots: regions, errors, hot-plug; and kernels of one's own that make guest-kernel built
test-linux: $(BUILD)/cxlvm
	@tools/install-packages test
	@tests/run $(BUILD) --long --only linux

#: make test-cross   the unit tests and bare-metal programs of an arm64 build, below QEMU's user mode (tens of minutes)
test-cross:
	@tools/install-packages cross
	@tools/cross $(BUILD)

#: make test-peer    QEMU's own QMP module and scripts drive cxlvm; two fabrics walked on cxlvm and on QEMU, where only differences of docs/quirks.md pass
test-peer: $(BUILD)/cxlvm
	@tools/install-packages test
	@tests/peer/module $(BUILD)
	@tools/peer-qemu setup
	@tests/peer/run $(BUILD)

#: make image        a Debian trixie arm64 disk from packages: build/image/debian.qcow2 (IMAGE=cloud: with cloud-init and a seed; SSH_KEY=FILE)
IMAGE ?= debian
image: $(BUILD)/cxlvm
	@tools/make-image $(BUILD) $(IMAGE) $(SSH_KEY)

#: make test-image   boots what make image made: by firmware and GRUB, by -kernel, by cloud-init
test-image: $(BUILD)/cxlvm
	@tests/images/boots.py $(BUILD)

#: make test-docs    the commands of docs/guide.md, as a reader runs them (LONG=1: those that download and build for long, too)
test-docs: $(BUILD)/cxlvm
	@tools/install-packages docs
	@tests/docs/run $(BUILD) $(if $(LONG),--long)

#: make guest-kernel cross-build a kernel with every CXL option (KERNEL=6.12 or 7.3) from Debian's source, guests/kernel/config
guest-kernel:
	@mkdir -p $(BUILD)
	@tools/guest-kernel $(BUILD) $(KERNEL)

#: make bench        timed programs, disks, copies, logins (after make image) on cxlvm and on the peer, alternating; ratios with spread
bench: $(BUILD)/cxlvm
	@tools/install-packages bench
	@bench/run $(BUILD)
	@bench/disk $(BUILD)
	@bench/disk $(BUILD) --scp
	@bench/disk $(BUILD) --login

#: make golden       take the host code that the translator emits now as right: tests/golden/emit
golden: $(BUILD)/cxlvm
	@tests/golden/test_emit $(BUILD) --make

#: make debug        a build with ASan and UBSan in $(BUILD)/debug
debug:
	@mkdir -p $(BUILD)
	@tools/install-packages build
	@[ -f $(BUILD)/debug/build.ninja ] || meson setup $(BUILD)/debug -Db_sanitize=address,undefined -Dbuildtype=debugoptimized >$(BUILD)/setup-debug.log
	@ninja -C $(BUILD)/debug --quiet

#: make fuzz         libFuzzer on devices, files and monitors, SECONDS=60 each (TARGET=NAME: one of them; RUNS=N: so many executions; needs clang)
SECONDS ?= 60
fuzz:
	@mkdir -p $(BUILD)
	@tools/install-packages fuzz
	@fuzz/run $(BUILD) $(SECONDS) $(TARGET)

#: make install      below $(DESTDIR)$(PREFIX): programs, manual pages, bash completion; LINK=1 adds qemu-system-aarch64, a link
PREFIX ?= /usr/local
INTO := $(DESTDIR)$(patsubst ~/%,$(HOME)/%,$(PREFIX))
SHARE := $(INTO)/share
install: $(BUILD)/cxlvm
	@tools/manual $(BUILD)/cxlvm $(BUILD)/man
	install -d "$(INTO)/bin" "$(SHARE)/man/man1" "$(SHARE)/man/man7" "$(SHARE)/bash-completion/completions"
	install -m 755 $(MESON_DIR)/cxlvm $(MESON_DIR)/cxlvm-net "$(INTO)/bin"
	install -m 644 $(BUILD)/man/cxlvm.1 $(BUILD)/man/cxlvm-net.1 "$(SHARE)/man/man1"
	install -m 644 $(BUILD)/man/cxlvm-options.7 "$(SHARE)/man/man7"
	install -m 644 tools/cxlvm.bash "$(SHARE)/bash-completion/completions/cxlvm"
	$(if $(filter 1,$(LINK)),ln -sf cxlvm "$(INTO)/bin/qemu-system-aarch64")

#: make deb          $(BUILD)/cxlvm_VERSION_ARCHITECTURE.deb of the same and of docs/, clean by lintian
deb: $(BUILD)/cxlvm
	@tools/make-deb $(BUILD)

#: make rooms        draw which room includes which, and mark arrows that docs/design.md does not have
rooms:
	@python3 tools/rooms.py

#: make format       C files as clang-format 14 has them (.clang-format)
format:
	@tools/format

#: make clean        remove the build folder
clean:
	rm -rf $(BUILD)
