package mailfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree has everything written below dir on disk: one flush of its file
// system instead of one for each of many small files.
func syncTree(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("flush %s to disk: %w", dir, err)
	}
	return nil
}
