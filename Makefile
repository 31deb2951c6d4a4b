# make demo   shows cdplan at work: five services, real branches, a cloud of its own
# make test   installs what the tests need and runs them all; with artifacts=DIR it keeps what they make for people to look at
# make test-openstack  tries on a real OpenStack what a stand-in cannot tell; brings it up for that, and down again
# make test-scaling  measures a load by a real RabbitMQ and a real Prometheus, and scales by it
# make check  all that a change has to pass: format, vet, linters, generated files, and the tests under the race detector

GO     ?= go
tool    = $(GO) tool -modfile=tools.mod
prefix ?= /usr/local
count  ?= 3
fuzztime ?= 30s

.PHONY: all build demo test test-openstack test-scaling check bench crash golden generate fuzz tools install clean

all: build

build:
	$(GO) build -trimpath -o bin/ ./cmd/cdplan ./examples/stand-in/...

demo: build
	@test/needs.sh brz
	@examples/quickstart/demo.sh

artifacts ?=

test:
	@test/needs.sh
	$(if $(artifacts),@mkdir -p $(artifacts))
	$(GO) test -timeout 30m $(if $(artifacts),-artifacts -outputdir $(artifacts)) ./...

# These hold on a real OpenStack too (test/openstack/up says what it is, and where it is kept).
openstack = ./providers/nova/novatest ./providers/nova ./cmd/cdplan

test-openstack:
	@test/needs.sh
	@test/openstack/with $(GO) test -count 1 -timeout 30m -run OpenStack $(openstack) -openstack

# These hold on a real RabbitMQ and a real Prometheus too, which they start themselves (test/scaling).
scaling = ./providers/meter ./cmd/cdplan

test-scaling:
	@test/needs.sh brz rabbitmq-server prometheus
	$(GO) test -count 1 -timeout 30m -run Scaling $(scaling) -scaling

check:
	@test/needs.sh
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not formatted (run gofmt -w):"; echo "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(tool) staticcheck -checks all ./...
	$(tool) errcheck ./...
	$(GO) test -race -timeout 30m -skip '$(reliability)|$(canaries)' $$($(GO) list ./... | grep -v '/cmd/internal/view$$')

# The packages that have benchmarks.
benchmarks = $(shell grep -l "^func Benchmark" -r --include="*_test.go" . | xargs -n 1 dirname | sort -u)

# One line a benchmark of each run, several minutes in all; x-NAME says how many times as long NAME takes for the same, in that run
# (docs/performance.md). Compare two files of them, made with count=10, by "go tool -modfile=tools.mod benchstat OLD NEW".
bench:
	@test/needs.sh
	$(GO) test -run '^$$' -bench . -benchmem -count $(count) $(benchmarks)

# The tests that kill cdplan, race it and load it. They look at it from outside, at a length that suits "make test"; "make check" leaves them out,
# since the race detector sees what they run in all the other stories. So it does with what the canaries run. The views, whose tests draw a lot, start nothing that could race.
reliability = ^Test(Crash|Many|Race|Readers)
canaries    = ^TestCanaries$$

# The tests of reliability at full length, minutes of them, with the figures of docs/reliability.md.
crash:
	@test/needs.sh
	$(GO) test ./cmd/cdplan -run '$(reliability)' -count 1 -long -v -timeout 2h

# The packages that keep expected output beside their input.
golden = $(shell grep -l '"update", false' -r --include='*_test.go' . | xargs -n 1 dirname | sort -u)

golden:
	@test/needs.sh
	$(GO) test $(golden) -update

# The reference in docs/ is written by the tests that compare it.
generate:
	$(GO) test ./cmd/internal/cli -run '^TestReference$$' -update

fuzz:
	@for package in $$(grep -l '^func Fuzz' -r --include='*_test.go' . | xargs -n 1 dirname | sort -u); do \
		for fuzz in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$package/*_test.go); do \
			$(GO) test -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime $(fuzztime) $$package || exit 1; \
		done; \
	done

tools:
	$(GO) install -modfile=tools.mod tool

install: build
	install -D -m 755 bin/cdplan $(DESTDIR)$(prefix)/bin/cdplan
	install -d $(DESTDIR)$(prefix)/share/man/man1
	install -m 644 docs/man/*.1 $(DESTDIR)$(prefix)/share/man/man1
	install -D -m 644 docs/schema/plan.schema.json $(DESTDIR)$(prefix)/share/doc/cdplan/schema/plan.schema.json
	for file in cron/cdplan systemd/cdplan.service systemd/cdplan.timer systemd/cdplan-agent.service logrotate/cdplan; do \
		install -D -m 644 examples/$$file $(DESTDIR)$(prefix)/share/doc/cdplan/examples/$$file || exit 1; \
	done

clean:
	rm -rf bin
