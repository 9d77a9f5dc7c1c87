# SPDX-License-Identifier: BSD-2-Clause
# Build, test and run in one command each. `make help` lists them.
BUILD ?= build
MESON_DIR := $(BUILD)/meson

.PHONY: all
all: $(BUILD)/cxlvm

.PHONY: $(BUILD)/cxlvm
$(BUILD)/cxlvm: tools-installed
	@[ -f $(MESON_DIR)/build.ninja ] || meson setup $(MESON_DIR) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; }
	@ninja -C $(MESON_DIR)
	@ln -sf meson/cxlvm $@

.PHONY: tools-installed
tools-installed:
	@mkdir -p $(BUILD)
	@tools/install-packages build

.PHONY: debug
debug: tools-installed
	@[ -f $(BUILD)/debug/build.ninja ] || meson setup $(BUILD)/debug -Db_sanitize=address,undefined -Dbuildtype=debug >/dev/null
	@ninja -C $(BUILD)/debug
