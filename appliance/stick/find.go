package stick

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cardNumber is at cardNumberAt of a box's card, written there by
// scripts/card. Such a disk is never written to.
const (
	cardNumber   = 0x504f5354
	cardNumberAt = 440
)

// Find returns the stick that is plugged in, without opening its file system.
// Files of the system are looked for below root, which is "/". Errors:
// [ErrNone], [ErrSeveral], [ErrInUse], [ErrProtected], [ErrNotAllowed].
func Find(root string) (s Stick, err error) {
	mounted, err := mountedOn(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return s, err
	}
	disks, err := filepath.Glob(filepath.Join(root, "sys/block/*"))
	if err != nil {
		return s, err
	}
	found := 0
	problem := ErrNone
	for _, link := range disks {
		disk, err := filepath.EvalSymlinks(link)
		if err != nil || !strings.Contains(disk, "/usb") || number(disk, "size") == 0 {
			continue // gone meanwhile, no USB, or a reader without a card
		}
		next, err := look(root, disk, mounted)
		if errors.Is(err, errCard) {
			continue
		}
		if err != nil {
			problem = err
			continue
		}
		s = next
		found++
	}
	switch {
	case found == 1:
		return s, nil
	case found > 1:
		return Stick{}, ErrSeveral
	}
	return Stick{}, problem
}

// errCard says that a disk is a card of a box.
var errCard = errors.New("a box's card")

// look tells what is on one disk, named by its folder below /sys.
func look(root, disk string, mounted map[string]bool) (Stick, error) {
	device := filepath.Join(root, "dev", filepath.Base(disk))
	switch card, err := isCard(device); {
	case errors.Is(err, os.ErrPermission):
		return Stick{}, ErrNotAllowed
	case err != nil:
		return Stick{}, fmt.Errorf("%w (%w)", ErrGone, err)
	case card:
		return Stick{}, errCard
	}
	parts, err := filepath.Glob(filepath.Join(disk, "*", "partition"))
	if err != nil {
		return Stick{}, err
	}
	place := disk // of a disk without partitions, itself
	for i, file := range parts {
		part := filepath.Dir(file)
		if mounted[text(part, "dev")] {
			return Stick{}, ErrInUse
		}
		if i == 0 || number(part, "size") > number(place, "size") {
			place = part
		}
	}
	switch {
	case mounted[text(disk, "dev")]:
		return Stick{}, ErrInUse
	case number(disk, "ro") != 0:
		return Stick{}, ErrProtected
	}
	name := strings.Join(strings.Fields(text(disk, "device/vendor")+" "+text(disk, "device/model")), " ")
	if name == "" {
		name = "USB"
	}
	const sector = 512 // the unit of /sys, whatever the disk's own is
	return Stick{Name: name, Size: number(place, "size") * sector,
		device: filepath.Join(root, "dev", filepath.Base(place)), system: place}, nil
}

// isCard tells whether a disk is the card of a box.
func isCard(device string) (bool, error) {
	f, err := os.Open(device)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var n [4]byte
	if _, err := f.ReadAt(n[:], cardNumberAt); err != nil && err != io.EOF {
		return false, err
	}
	return binary.LittleEndian.Uint32(n[:]) == cardNumber, nil
}

// mountedOn returns the numbers of the disks that file systems are on, such as
// "8:1", from the table of proc_pid_mountinfo(5).
func mountedOn(table string) (map[string]bool, error) {
	f, err := os.Open(table)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%w (there is no %s here)", ErrNone, table)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mounted := make(map[string]bool)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 {
			mounted[fields[2]] = true
		}
	}
	return mounted, lines.Err()
}

// text reads a file of /sys; "" if it can't be read.
func text(folder, name string) string {
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number is text for a number; 0 for none.
func number(folder, name string) int64 {
	n, err := strconv.ParseInt(text(folder, name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
