# make run    installs what is missing, builds, runs the DP+EP MoE case and shows its result
# make test   builds everything and runs all the tests
# Further: make check (format, includes, static analysis), asan, tsan, bench, format, clean, fuzz
# (every parser, FUZZ_SECONDS each; needs clang), differential (random runs, CASES of them),
# valgrind, coverage (needs gcovr), mutants (mistakes that the tests must notice), nightly (the slow
# ones of these),
# package (a .deb), sbom (what is in it, with licences), web (the report page from its sources;
# needs node and npm).

PRESET  ?= release
BUILD   := build/$(PRESET)
JOBS    ?= $(shell nproc)
CONFIG  := configs/cluster/single_node_moe_dp_ep_instance.json
DATASET := workloads/swe-bench-qwen3-30b-a3b-50-sps0.2.jsonl
OUTPUT  := outputs/dp_ep_moe_run.csv

.PHONY: run test build deps check asan tsan bench format clean web package sbom fuzz differential \
  nightly valgrind coverage mutants

FUZZ_SECONDS ?= 60
CASES ?= 10000

run: build $(DATASET)
	python3 -m serving --cluster-config '$(CONFIG)' --dtype bfloat16 --block-size 16 \
	  --dataset '$(DATASET)' --output '$(OUTPUT)' --num-req 1
	@tools/show_csv.py $(OUTPUT)

$(DATASET): | build
	$(BUILD)/lockstep workload agentic --sessions 50 --sps 0.2 --seed 42 --output $@

test: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

build: deps
	cmake --preset $(PRESET)
	cmake --build $(BUILD) -j $(JOBS)

deps:
	@tools/install_dependencies.sh

check:
	tools/check_format.sh
	tools/check_includes.py
	tools/check_names.py
	tools/check_tidy.sh

asan:
	$(MAKE) test PRESET=$@

tsan:
	TSAN_OPTIONS=suppressions=$(CURDIR)/tools/tsan.supp $(MAKE) test PRESET=$@

fuzz: deps
	cmake --preset fuzz
	cmake --build build/fuzz -j $(JOBS) --target fuzzers
	tools/run_fuzzers.sh build/fuzz $(FUZZ_SECONDS)

# Address and undefined, then threads, then every fuzzer, random runs, and the main case under valgrind.
nightly:
	$(MAKE) asan
	$(MAKE) tsan
	$(MAKE) fuzz FUZZ_SECONDS=60
	$(MAKE) differential CASES=100000
	$(MAKE) valgrind

valgrind: build $(DATASET)
	valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
	  $(BUILD)/lockstep run --cluster-config '$(CONFIG)' --dtype bfloat16 --block-size 16 \
	  --dataset '$(DATASET)' --output build/valgrind.csv --num-req 1 --quiet

coverage:
	$(MAKE) test PRESET=coverage
	tools/coverage.sh build/coverage

mutants: build
	for area in scheduler collectives look-ups; do tools/mutate.py $(BUILD) $$area || exit 1; done

differential: build
	$(BUILD)/tests/differential/differential --count $(CASES) --keep $(BUILD)/differential-case

bench: deps
	cmake --preset release -DLOCKSTEP_BENCH=ON
	cmake --build build/release -j $(JOBS)
	tools/run_benchmarks.sh build/release

web:
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run build

package: build
	cd $(BUILD) && cpack -G DEB

sbom:
	@mkdir -p build
	tools/sbom.py build/sbom.cdx.json

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean:
	rm -rf build outputs
