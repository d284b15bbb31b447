package stick

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mount opens the file system of a device for this program alone.
func mount(device string) (*mounted, error) {
	// With O_EXCL Linux says EBUSY if it is mounted, even where it can't be seen.
	disk, err := os.OpenFile(device, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		return nil, err
	}
	kind, err := fileSystem(disk)
	if err = errors.Join(err, disk.Close()); err != nil {
		return nil, err
	}
	hold, err := detached(kind, device)
	if err != nil {
		return nil, err
	}
	folder := fmt.Sprintf("/proc/self/fd/%d", hold.Fd())
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	top, err := os.Open(folder) // what hold leads to can't be asked itself
	if err != nil {
		return nil, errors.Join(err, root.Close(), hold.Close())
	}
	m := &mounted{kind: kind, root: root}
	m.sync = func() error { return os.NewSyscallError("syncfs", unix.Syncfs(int(top.Fd()))) }
	m.release = func() error { return errors.Join(m.sync(), root.Close(), top.Close(), hold.Close(), closed(device)) }
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(top.Fd()), &st); err != nil {
		return nil, errors.Join(os.NewSyscallError("fstatfs", err), m.release())
	}
	m.free = int64(st.Bavail) * int64(st.Bsize)
	return m, nil
}

// closed returns an error if a device is still mounted, or is there no more.
func closed(device string) error {
	disk, err := os.OpenFile(device, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		return err
	}
	return disk.Close()
}

// detached mounts a file system at no place: what is returned leads to it.
func detached(kind, device string) (*os.File, error) {
	ctx, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("%w (this computer's Linux has no %s)", ErrFormat, kind)
	}
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigSetString(ctx, "source", device); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	switch err := unix.FsconfigCreate(ctx); {
	case errors.Is(err, unix.EINVAL):
		return nil, fmt.Errorf("%w (it looks like %s, but is damaged)", ErrFormat, kind)
	case err != nil:
		return nil, os.NewSyscallError("fsconfig", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(fd), device), nil
}

// fileSystem tells which file system a partition has, by what it begins with:
// the names that makers write into a boot sector, and the number of ext4's
// superblock.
func fileSystem(disk io.ReaderAt) (string, error) {
	start := make([]byte, 2048)
	if _, err := disk.ReadAt(start, 0); err != nil && err != io.EOF {
		return "", err
	}
	boot := binary.LittleEndian.Uint16(start[510:]) == 0xaa55
	switch {
	case boot && string(start[3:11]) == "EXFAT   ":
		return "exfat", nil
	case boot && (string(start[54:57]) == "FAT" || string(start[82:87]) == "FAT32"):
		return "vfat", nil
	case binary.LittleEndian.Uint16(start[1024+56:]) == 0xef53:
		return "ext4", nil
	}
	return "", ErrFormat
}
