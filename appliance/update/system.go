package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"
)

// slotArgument is how the kernel's command line names the running slot.
var slotArgument = regexp.MustCompile(`(?:^| )posthorn\.slot=([23])(?: |\n|$)`)

// ErrNoCard says that this is not a system that runs from a card of ours.
var ErrNoCard = errors.New("this box does not run from a card image, so there is nothing to update; install a new program instead")

// ErrNoTrial says that the kernel of the image can't start the other slot once.
// An update that is not tried first could end a box.
var ErrNoTrial = errors.New("this image has a kernel that can't start an update for a trial, so it takes none; make a backup, write the new image onto the card and restore the backup")

// System describes the card that the running system was started from, from
// what the image put into /etc and the start-up scripts into /run. Its root is
// "/". The error is ErrNoCard if there is none, and ErrNoTrial for an image
// that can't be updated.
func System(root string) (*Card, error) {
	read := func(name string) (string, error) {
		b, err := os.ReadFile(filepath.Join(root, name))
		return strings.TrimSpace(string(b)), err
	}
	board, err := read("etc/posthorn-board")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoCard
	}
	if _, err := read("etc/posthorn-no-trial"); err == nil {
		return nil, ErrNoTrial
	}
	version, err0 := read("etc/posthorn-version")
	built, err1 := read("etc/posthorn-built")
	disk, err2 := read("run/posthorn/disk")
	cmdline, err3 := read("proc/cmdline")
	if err := errors.Join(err, err0, err1, err2, err3); err != nil {
		return nil, fmt.Errorf("look at the running system: %w", err)
	}
	c := &Card{Path: filepath.Join(root, "dev", disk), Board: board, Version: version}
	if c.Built, err = time.Parse(time.DateTime, built); err != nil {
		return nil, fmt.Errorf("look at the running system: %w", err)
	}
	slot := slotArgument.FindStringSubmatch(cmdline)
	if slot == nil {
		return nil, errors.New("the kernel was not told which slot it runs from (posthorn.slot)")
	}
	c.Running, _ = strconv.Atoi(slot[1])
	if c.Key, err = minisign.PublicKeyFromFile(filepath.Join(root, "etc/posthorn-update.pub")); err != nil {
		return nil, fmt.Errorf("this image was built without a key for updates (UPDATE_KEY), so none can be trusted: %w", err)
	}
	return c, nil
}
