# Needs Python 3.11 or 3.12 and nothing else: everything is installed in .venv.
# Some installers leave stubs named python3.12 that do not run, so each candidate is tried.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& echo $$p && break; done)
# `make test EXTRAS=test,convert` also tries the command that needs PyTorch.
EXTRAS ?= test
VENV = .venv
LATEST = .venv-latest
# A file's tests in one process: it makes the fixtures of a module once.
# pytest-xdist waits for ever once a process of loadfile died: end with the name of its test instead.
PARALLEL = -n 2 --dist loadfile --max-worker-restart 0
# Seldom a process dies in a test that passes alone; once a server of an earlier test went on beside it.
# So tests with servers run apart. If a process dies, the tests end with status 70 and run again, at most twice.
define run_tests
run() { $(1) -m pytest $(PARALLEL) $(2); }; run || { test $$? = 70 && run; } || { test $$? = 70 && run; }
endef
SERVERS = tests/deploy tests/keras_hyper/cli tests/keras_hyper/live tests/keras_hyper/serving \
	tests/test_axes.py tests/test_plugin.py
OTHERS = tests $(addprefix --ignore=,$(SERVERS))
SCRIPTS = keras_hyper/live/static
SOURCES = keras_hyper pipelines benchmarks tests train.py setup.py

.PHONY: demo test test-portable test-latest browser operators lint third-party bench results clean

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or 3.12, found none" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[openvino]'
	touch $@

$(VENV)/installed-$(EXTRAS): $(VENV)/installed
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

# The newest TensorFlow has no tensorflow-io, which pyproject.toml requires: install without dependencies.
$(LATEST)/installed: pyproject.toml latest.txt
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or 3.12, found none" >&2; exit 1; }
	$(PYTHON) -m venv $(LATEST)
	$(LATEST)/bin/pip install -q -r latest.txt
	$(LATEST)/bin/pip install -q --no-deps -e .
	touch $@

# Trains the tiny network for some minutes on the pictures that ship, and writes a sheet.
demo: $(VENV)/installed
	$(VENV)/bin/python -m keras_hyper.cli.first_run

lint: $(VENV)/installed-$(EXTRAS)
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/mypy
	$(VENV)/bin/oxlint $(SCRIPTS)
	$(VENV)/bin/oxfmt --check $(SCRIPTS)

# A Chromium for the page's tests: Debian's where that can be installed, or the one of Playwright.
browser: $(VENV)/installed-$(EXTRAS)
	@command -v chromium > /dev/null || command -v google-chrome > /dev/null \
	|| { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core; } > /dev/null 2>&1 \
	|| $(VENV)/bin/playwright install --with-deps chromium \
	|| $(VENV)/bin/playwright install chromium \
	|| { echo "expected a Chromium for the page's tests, could not install one" >&2; exit 1; }

# Programs that check the files of deploy/, where Debian's packages can be installed; the tests skip others.
operators:
	@command -v haproxy > /dev/null && command -v promtool > /dev/null \
	|| { apt-get -qq update && apt-get -qq install -y --no-install-recommends haproxy prometheus; } > /dev/null 2>&1 \
	|| echo "expected haproxy and promtool, could not install both: some tests of deploy/ are skipped" >&2

test: $(VENV)/installed-$(EXTRAS) lint browser operators
	$(call run_tests,$(VENV)/bin/python,$(SERVERS))
	$(call run_tests,$(VENV)/bin/python,$(OTHERS))

# The numerical tests without newer processor features: oneDNN without AVX512 and AMX, and oneDNN off.
PORTABLE = tests/pipelines tests/keras_hyper/layers tests/keras_hyper/models \
	tests/keras_hyper/metrics tests/keras_hyper/training tests/test_conformance.py
test-portable: $(VENV)/installed-$(EXTRAS)
	$(call run_tests,ONEDNN_MAX_CPU_ISA=AVX2 $(VENV)/bin/python,$(PORTABLE))
	$(call run_tests,TF_ENABLE_ONEDNN_OPTS=0 $(VENV)/bin/python,$(PORTABLE))

test-latest: $(LATEST)/installed operators
	$(call run_tests,$(LATEST)/bin/python,$(SERVERS))
	$(call run_tests,$(LATEST)/bin/python,$(OTHERS))

# Clients of other projects, each in its own environment, against `keras-hyper serve`.
third-party: $(VENV)/installed-$(EXTRAS)
	$(VENV)/bin/python -m tests.third_party

bench: $(VENV)/installed
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[bench]'
	$(VENV)/bin/python -m benchmarks

# Measures networks on the test sets in DATA and writes docs/results.md with its plots.
DATA ?= ../shared/data/test
MODELS ?= denoise denoise_tiny dejpeg_gray dejpeg_gray_tiny dejpeg sr sr_tiny
results: $(VENV)/installed-$(EXTRAS)
	$(VENV)/bin/python -m benchmarks.paper report $(MODELS) --data $(DATA) --out docs $(RESULTS)

clean:
	rm -rf $(VENV) $(LATEST) .venv-third-party demo_out
