################################################################################
#
# posthorn
#
################################################################################

POSTHORN_VERSION = $(shell git -C $(BR2_EXTERNAL_POSTHORN_PATH) describe --tags --always 2>/dev/null || echo unversioned)
POSTHORN_SITE = $(BR2_EXTERNAL_POSTHORN_PATH)/..
POSTHORN_SITE_METHOD = local
POSTHORN_LICENSE = Apache-2.0
POSTHORN_LICENSE_FILES = LICENSE
POSTHORN_GOMOD = posthorn
POSTHORN_BUILD_TARGETS = cmd/posthorn
POSTHORN_LDFLAGS = -s -w -buildid= -X main.version=$(POSTHORN_VERSION)

# The program needs no C, and a static one runs with any C library.
POSTHORN_GO_ENV = CGO_ENABLED=0

# A 32-bit program takes a mended allocator along: scripts/patch-ristretto.
ifeq ($(BR2_ARCH_IS_64),)
define POSTHORN_MEND
	cd $(@D) && PATH=$(BR_PATH) $(HOST_GO_COMMON_ENV) GOPROXY=https://proxy.golang.org GOFLAGS=-mod=mod \
		scripts/patch-ristretto build/32bit && cp build/32bit/go.mod go.mod
endef
endif

# Buildroot builds from vendored modules only, which this tree does not carry:
# they are brought in here, against the checksums of go.sum.
define POSTHORN_VENDOR
	$(POSTHORN_MEND)
	cd $(@D) && $(HOST_GO_COMMON_ENV) GOPROXY=https://proxy.golang.org GOFLAGS=-mod=mod \
		$(GO_BIN) mod vendor
endef
POSTHORN_PRE_BUILD_HOOKS += POSTHORN_VENDOR

$(eval $(golang-package))
