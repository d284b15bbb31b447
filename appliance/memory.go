package appliance

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// BoardMemory is the memory to size for, in octets: given if it is not 0,
// else what the kernel has, or what the control group allows if that is less.
func BoardMemory(given int64) int64 {
	if given > 0 {
		return given
	}
	memory := int64(512 << 20)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		memory = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			memory = min(memory, limit)
		}
	}
	return memory
}

// The share of a board's memory that Go's heap aims at: enough for twenty
// mail programs, and little enough that the rest, which the kernel uses to
// keep the store's files at hand, stays large.
const (
	heapShare = 8
	heapLeast = 40 << 20
	heapMost  = 256 << 20
)

// TuneMemory sets the garbage collector for a board of that much memory,
// unless GOMEMLIMIT or GOGC say otherwise. On a small board it collects early:
// a core has time between two mails, memory is what is scarce.
func TuneMemory(board int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(min(max(board/heapShare, heapLeast), heapMost))
	}
	if os.Getenv("GOGC") == "" {
		percent := 100
		if board <= 768<<20 {
			percent = 40
		}
		debug.SetGCPercent(percent)
	}
}
