# make demo    install, build both catalogs, serve the app          make test    the correctness tests
# make accept  the acceptance on the real catalogs, asked against measured
# make shots   the README's screenshots, from the running app
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
# Small products on few cores: threads of BLAS that spin for each other cost more than they bring.
export OPENBLAS_NUM_THREADS ?= 1

.NOTPARALLEL:
.PHONY: demo serve build test accept shots lint clean

demo: build serve

serve: .venv/.engines
	$(BIN)/streamlit run app.py --server.port $(PORT)

build: .venv/.engines
	$(BIN)/python -m recsys build

# The browser tests run in a process of their own: Playwright switches stacks below the interpreter, and one process
# that did so with all engines, torch and Streamlit loaded was once ended by the garbage collector.
# One that fails is tried once more, and named in the summary: a test that needed it is worth a look.
test: .venv/.development chromium build
	$(BIN)/python -m pytest --ignore=tests/browser
	$(BIN)/python -m pytest tests/browser --reruns 1 -rR

accept: .venv/.development chromium build
	$(BIN)/python -m tests.accept

shots: .venv/.development chromium build
	$(BIN)/python -m tests.shots docs

lint: .venv/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/.runtime: requirements.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { echo "Install python3-venv first: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --disable-pip-version-check -r requirements.txt
	touch $@

# All at once, else one by one: hnswlib, for one, needs a compiler.
.venv/.engines: requirements-engines.txt .venv/.runtime
	$(BIN)/pip install --disable-pip-version-check -r requirements-engines.txt || \
	  grep -v '^#' requirements-engines.txt | while read -r one; do \
	    $(BIN)/pip install --disable-pip-version-check "$$one" || echo "Left out of the retrieval laboratory: $$one"; \
	  done
	touch $@

.venv/.development: requirements-dev.txt .venv/.engines
	$(BIN)/pip install --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The browser tests drive Debian's Chromium.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { \
	  SUDO=$$(test $$(id -u) = 0 || echo sudo); \
	  $$SUDO apt-get update && $$SUDO apt-get install -y --no-install-recommends chromium fonts-dejavu-core; }

clean:
	rm -rf .venv data/cache
