# `make demo` shows the main job, `make test` runs every test. `make` alone lists what there is.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PROGRAM := $(TARGET)/release/countersign
# A package of its own, with its own lock file: what it needs, the program does not.
BOOK := CARGO_TARGET_DIR=$(TARGET)/book-tool $(CARGO)
BOOK_PACKAGE := --manifest-path tools/book/Cargo.toml

.PHONY: help demo test lint bench bench-short bench-bounds bench-growth bench-micro bench-paths bench-ledger instructions fuzz \
	book build install-deps

help:
	@echo 'make demo          build, then push for real to a repository with the hook, in a temporary folder'
	@echo 'make test          run every test'
	@echo 'make lint          format, clippy, shellcheck, licences (what of it is installed)'
	@echo 'make bench         how much the hook slows a push, beside a push without it, in some twenty minutes'
	@echo 'make bench-short   the main rows of it, in two; BENCH="--only paths" for others, BENCH=--help for all there is'
	@echo 'make bench-bounds  what hostile objects cost, beside what git takes for them'
	@echo 'make bench-growth  how the cost grows with what is pushed and with what is there; BENCH=--short for less'
	@echo 'make bench-micro   what the parts of a judgement cost, by Criterion, beside openssl speed; BENCH=verify for some'
	@echo 'make bench-paths   what a rule on paths costs, beside git diff-tree'
	@echo 'make bench-ledger  what recording and looking up costs, beside the disk; BENCH="--records 100000" for less'
	@echo 'make instructions  whether a push takes more or fewer instructions than is recorded; UPDATE=1 records'
	@echo 'make fuzz          look for inputs that break what must hold; TARGETS="commit tag", TIME=60'
	@echo 'make book          the manual as web pages, in target/book, whose links are followed'
	@echo 'make build         the release program, $(PROGRAM)'
	@echo 'make install-deps  what the above need, on Debian and Ubuntu, as root'

build:
	@./tools/need cargo git cc
	@echo 'building the release program; the first time takes some minutes'
	$(CARGO) build --release --locked --quiet

demo: build
	@./tools/need ssh-keygen gpg
	@./demo.sh

test: book
	@./tools/need git cc ssh-keygen gpg gpgsm sshd python3 chromium
	$(BOOK) test --locked --quiet $(BOOK_PACKAGE)
	$(CARGO) test --locked
	@echo 'all tests passed'

lint:
	@./tools/need cargo
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) fmt --check $(BOOK_PACKAGE)
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(BOOK) clippy --locked --all-targets $(BOOK_PACKAGE) -- -D warnings
	@if command -v shellcheck >/dev/null; then echo shellcheck; shellcheck install.sh demo.sh $$(find hooks -type f) tools/compare-with-git tools/fuzz tools/need fuzz/seeds/make.sh fixtures/keys/*.sh fixtures/wild/*.sh .ci/run; \
	else echo 'shellcheck is not installed: left out'; fi
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check licenses bans sources && \
	$(CARGO) deny $(BOOK_PACKAGE) check licenses bans sources; \
	else echo 'cargo-deny is not installed: left out'; fi

bench:
	@./tools/need cargo git cc ssh-keygen gpg gpgv
	$(CARGO) bench --locked --bench push -- $(BENCH)

bench-short:
	@$(MAKE) --no-print-directory bench BENCH='--short $(BENCH)'

bench-bounds:
	@./tools/need cargo git cc ssh-keygen
	$(CARGO) bench --locked --bench bounds

bench-growth:
	@./tools/need cargo git cc
	$(CARGO) bench --locked --bench growth -- $(BENCH)

bench-micro:
	@./tools/need cargo git cc
	$(CARGO) bench --locked --bench micro -- $(BENCH)

bench-paths:
	@./tools/need cargo git cc
	$(CARGO) bench --locked --bench paths

bench-ledger:
	@./tools/need cargo cc
	$(CARGO) bench --locked --bench ledger -- $(BENCH)

instructions:
	@./tools/need cargo git cc valgrind
	$(CARGO) bench --locked --bench instructions

TIME ?= 600
fuzz:
	@./tools/need cargo cc
	@TIME=$(TIME) ./tools/fuzz $(TARGETS)

book:
	@./tools/need cargo cc
	$(BOOK) run --locked $(BOOK_PACKAGE)

install-deps:
	@./tools/need cargo git cc ssh-keygen gpg gpgsm sshd python3 chromium
