# Everything a person or CI asks of this tree. Each target is one line or one
# script, so that it can also be typed by hand.

# The version is the last tag, or the commit where there is none. A release
# tarball has no .git: VERSION=1.2 make build.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo unversioned)

# A build depends on the source, the Go release and nothing else: no paths, no
# time, no build id. Two builds of one commit are byte-identical.
export CGO_ENABLED = 0
FLAGS   = -trimpath -buildvcs=false -ldflags='-s -w -buildid= -X main.version=$(VERSION)'
PROGRAM = ./cmd/posthorn
SOURCES = $(shell go list -f '{{.Dir}}' ./...)

# The race detector needs a C compiler; without one the tests run without it.
RACE = $(shell command -v gcc >/dev/null && echo CGO_ENABLED=1 go test -race || echo go test)

.PHONY: run build cross test lint bench bench-card fuzz test-arm test-32bit test-clients test-crash test-full test-certs test-discovery test-rename test-thunderbird screens image test-image test-safe test-states test-stick test-update clean

build:
	go build $(FLAGS) -o build/posthorn $(PROGRAM)

# A whole box from ./data on ports above 2000: no root, no hardware.
run: build
	build/posthorn serve --data data --port-offset 2000 --display terminal

cross: dist/posthorn-linux-amd64 dist/posthorn-linux-arm64 dist/posthorn-linux-armv7 dist/posthorn-linux-armv6

# Go knows what has changed; make does not.
.PHONY: FORCE
dist/posthorn-linux-amd64 dist/posthorn-linux-arm64: dist/posthorn-linux-%: FORCE
	GOOS=linux GOARCH=$* go build $(FLAGS) -o $@ $(PROGRAM)

# 32-bit programs take a mended allocator along; scripts/patch-ristretto says why.
dist/posthorn-linux-armv6 dist/posthorn-linux-armv7: dist/posthorn-linux-armv%: build/32bit/go.mod FORCE
	GOOS=linux GOARCH=arm GOARM=$* go build -modfile=build/32bit/go.mod $(FLAGS) -o $@ $(PROGRAM)

build/32bit/go.mod: go.mod go.sum scripts/patch-ristretto
	scripts/patch-ristretto build/32bit

test:
	$(RACE) ./...

lint:
	@unformatted=$$(gofmt -l $(SOURCES)); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

bench:
	go test -run='^$$' -bench=. -benchmem ./...

# Every fuzz target, a few seconds each: FUZZTIME=10m make fuzz for a night.
fuzz:
	scripts/fuzz $(or $(FUZZTIME),5s)

test-arm test-32bit: build/32bit/go.mod
	scripts/$@

# What a mail costs the card; needs root for a loop device.
bench-card: build
	scripts/bench-card

# These build what they need; all but test-certs want root, for network namespaces.
test-certs test-discovery test-rename test-thunderbird:
	scripts/$@

test-clients test-crash test-full: build
	scripts/$@

# Every page of the screen in every size, as one picture.
screens:
	scripts/screens build/screens.png

# The memory card of a board: make image BOARD=rpi4. QEMU plays the board "qemu".
image:
	scripts/image $(or $(BOARD),qemu)

test-image:
	scripts/image qemu
	scripts/test-image dist/posthorn-qemu.img

test-safe:
	scripts/image qemu
	scripts/test-safe dist/posthorn-qemu.img

test-stick:
	scripts/image qemu
	scripts/test-stick dist/posthorn-qemu.img

# These build the images they need.
test-states test-update:
	scripts/$@

clean:
	rm -rf build dist
