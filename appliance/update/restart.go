package update

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restart is reboot(2) with a text for the firmware.
func restart(arg *byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2,
		unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(arg)), 0, 0)
	return fmt.Errorf("restart: %w", errno)
}
