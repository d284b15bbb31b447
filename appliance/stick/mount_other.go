//go:build !linux

package stick

// mount is for Linux only.
func mount(string) (*mounted, error) { return nil, ErrNotAllowed }
