# A front for scripts/build (Meson) and scripts/run-tests. Every target is complete on a fresh
# Debian with git and make: missing packages are installed by scripts/install-deps.sh.
BUILD ?= build
# With -R the guest has 12 GiB of addresses: the emulator fills in some bytes for each page that it maps.
QEMU = qemu-aarch64 -R 0x300000000 -L /usr/aarch64-linux-gnu
# Of the tests those that do not fork: a leak is looked for in each child, through all that it maps.
VALGRIND = valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=9
UNFORKED = --only model- $(foreach t,cursor diff follow page record_ store_space tree_,--only unit-$(t))
PREFIX ?= /usr/local
SECONDS ?= 60

build:         ; scripts/build release $(BUILD)
python:        ; scripts/python-environment $(BUILD)/python-env
demo: build    ; examples/stream/demo.sh
demo-circuits: python
	$(BUILD)/python-env/bin/python3 examples/circuits/circuits.py --kill
	$(BUILD)/python-env/bin/python3 examples/circuits/today.py
demo-html: python
	scripts/install-deps.sh demo-html
	$(BUILD)/python-env/bin/python3 examples/scrape/scrape.py --kill
check: build   ; scripts/run-tests --tier check $(BUILD)
test: build    ; scripts/run-tests --tier test $(BUILD)
test-full: build ; scripts/run-tests --tier full $(BUILD)
torture: build ; scripts/torture --seconds $(SECONDS) $(BUILD)
asan:          ; scripts/build asan $(BUILD)-asan && scripts/run-tests --tier check $(BUILD)-asan
asan-python:   ; scripts/build asan $(BUILD)-asan && scripts/run-tests --only python $(BUILD)-asan
tsan:          ; scripts/build tsan $(BUILD)-tsan && scripts/run-tests --tier check --programs $(BUILD)-tsan
sanitize:
	scripts/build asan $(BUILD)-asan && scripts/run-tests --tier test $(BUILD)-asan
	scripts/build tsan $(BUILD)-tsan && scripts/run-tests --tier test --programs $(BUILD)-tsan
check-aarch64:
	scripts/build aarch64 $(BUILD)-aarch64
	scripts/run-tests --tier check --programs --timeout 1500 --wrapper "$(QEMU)" $(BUILD)-aarch64
valgrind:
	scripts/build valgrind $(BUILD)-valgrind
	scripts/run-tests --tier check --programs --timeout 900 --wrapper "$(VALGRIND)" $(UNFORKED) $(BUILD)-valgrind
bench:         ; scripts/build bench $(BUILD)-bench bench/copse-bench && bench/run.sh full $(BUILD)-bench
bench-python: python
	scripts/install-deps.sh bench-python
	$(BUILD)/python-env/bin/python3 bench/python/bench.py --json bench/results/python.json
	python3 bench/chart.py bench/results/python.json bench/results
bench-quick:
	@mkdir -p $(BUILD)
	scripts/build quick $(BUILD)-quick bench/copse-bench
	$(BUILD)-quick/bench/copse-bench --quick --json $(BUILD)/bench-quick.json
fuzz:          ; scripts/build fuzz $(BUILD)-fuzz && scripts/fuzz $(BUILD)-fuzz
install: build ; meson configure $(BUILD) -Dprefix=$(PREFIX) && meson install -C $(BUILD) && { ldconfig 2>/dev/null || true; }
format:        ; scripts/format
clean:         ; rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-aarch64 $(BUILD)-valgrind $(BUILD)-fuzz $(BUILD)-bench $(BUILD)-quick
.PHONY: build python demo demo-circuits demo-html check test test-full torture asan asan-python tsan sanitize check-aarch64 valgrind bench bench-python bench-quick fuzz install format clean
