package store

import (
	"fmt"

	"github.com/dgraph-io/ristretto/v2/z"
)

// checkAllocator exercises the memory allocator that Badger builds its tables
// with. As published, it computes an index with a shift that overflows on
// 32-bit machines, begins again at the start of a buffer in use and overwrites
// the table being built: mail vanishes without an error. The scripts that make
// 32-bit binaries correct the expression; a binary made without them must not
// touch a store.
func checkAllocator() error {
	const size = 512
	a := z.NewAllocator(2*size, "posthorn: start-up check")
	defer a.Release()
	// Enough to need several buffers, which grow.
	blocks := make([][]byte, 64)
	for i := range blocks {
		blocks[i] = a.Allocate(size)
		for j := range blocks[i] {
			blocks[i][j] = byte(i)
		}
	}
	for i, b := range blocks {
		for _, c := range b {
			if c != byte(i) {
				return fmt.Errorf("%w: build it with `make cross`, which corrects a library for 32-bit machines, not with `go build`", ErrBrokenBuild)
			}
		}
	}
	return nil
}
