// Package update puts a new system onto the card a box runs from.
//
// The card has two slots, each a FAT partition that holds a whole system:
// kernel, root in memory, device trees. autoboot.txt on the first partition
// names the one that the board's firmware starts, and the other one for a
// trial: once, when Linux is left by reboot "0 tryboot". What stands on the
// card, and what a board does when its power fails there:
//
//	other slot        autoboot.txt   the board starts
//	old system        this slot      this slot
//	no boot sector,
//	half written      this slot      this slot
//	complete          this slot      this slot, or the other for a trial
//	complete          other slot     the other slot
//
// A slot is written with its boot sector last, after all else was read back,
// so that a half-written one is none; and making an update permanent is one
// write of one sector. So there is no moment in which the board has nothing to
// start from. Mail is on a fourth partition, which an update does not touch.
//
// A bundle is a signed manifest (minisign, Ed25519) and the slot, compressed.
// The manifest is checked before the first octet is written: its signature,
// the board, and that it is newer than what runs, since an old system with
// known holes is signed as well. The slot is checked against it in the end.
package update

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"aead.dev/minisign"
	"golang.org/x/sys/unix"
)

// Card is the memory card that a box runs from.
type Card struct {
	Path    string             // the disk, such as /dev/mmcblk0, or an image of one
	Running int                // the slot that runs: partition 2 or 3
	Board   string             // what the running system was built for
	Version string             // of the running system, for people
	Built   time.Time          // when the running system's source was made
	Key     minisign.PublicKey // of who may make updates
}

// Default returns the slot that the board starts from by itself. While it is
// not the running one, an update is on trial.
func (c *Card) Default() (slot int, err error) {
	err = c.with(os.O_RDONLY, func(f *os.File, p [5]partition) error {
		at, _, err := findSwitch(f, p[1])
		if err == nil {
			slot, err = readSwitch(f, at)
		}
		return err
	})
	return slot, err
}

// Install writes a bundle's system into the slot that does not run; the box
// starts from the running one until Confirm. Its error says why a bundle is
// refused; then, or when ctx ends, the other slot can't be started. Progress,
// which may be nil, is called with the octets written, of m.Size.
func (c *Card) Install(ctx context.Context, bundle io.Reader, progress func(m Manifest, done int64)) (Manifest, error) {
	in := bufio.NewReaderSize(bundle, 64<<10)
	m, err := readHead(in, c.Key)
	if err != nil {
		return m, err
	}
	if m.Board != c.Board {
		return m, fmt.Errorf("%w: it is for %q, this is %q", ErrBoard, m.Board, c.Board)
	}
	if !m.Built.After(c.Built) {
		return m, fmt.Errorf("%w: it was made %s, this system %s", ErrOlder, m.Built.UTC().Format(time.DateTime), c.Built.UTC().Format(time.DateTime))
	}
	if slot, err := c.Default(); err != nil {
		return m, err
	} else if slot != c.Running {
		return m, errors.New("an update is on trial; wait until it has proved itself")
	}
	packed, err := gzip.NewReader(in)
	if err != nil {
		return m, ErrDamaged
	}
	return m, c.with(os.O_RDWR, func(f *os.File, p [5]partition) error {
		to := p[other(c.Running)]
		if m.Size > to.size {
			return fmt.Errorf("the update needs a slot of %d MiB, this card has %d; write the new image onto the card and restore a backup", m.Size>>20, to.size>>20)
		}
		return write(ctx, f, to.start, m, packed, progress)
	})
}

// write fills a slot: no boot sector, everything else, a look at what the card
// kept of it, the boot sector.
func write(ctx context.Context, f *os.File, at int64, m Manifest, slot io.Reader, progress func(m Manifest, done int64)) error {
	boot, chunk := make([]byte, sector), make([]byte, 1<<20)
	if _, err := f.WriteAt(boot, at); err != nil {
		return fmt.Errorf("write slot: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write slot: %w", err)
	}
	sum := sha256.New()
	if _, err := io.ReadFull(slot, boot); err != nil {
		return ErrDamaged
	}
	sum.Write(boot)
	for done := int64(sector); done < m.Size; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the update was broken off after %d of %d octets: %w", done, m.Size, err)
		}
		n := min(int64(len(chunk)), m.Size-done)
		if _, err := io.ReadFull(slot, chunk[:n]); err != nil {
			return fmt.Errorf("%w: it ends after %d of %d octets", ErrDamaged, done, m.Size)
		}
		sum.Write(chunk[:n])
		if _, err := f.WriteAt(chunk[:n], at+done); err != nil {
			return fmt.Errorf("write slot: %w", err)
		}
		// Written at once, so that mail which comes in meanwhile waits for one
		// chunk and not for all that the kernel has put off.
		if err := f.Sync(); err != nil {
			return fmt.Errorf("write slot: %w", err)
		}
		if done += n; progress != nil {
			progress(m, done)
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	if err := readBack(f, at, boot, m); err != nil {
		return err
	}
	if _, err := f.WriteAt(boot, at); err != nil {
		return fmt.Errorf("write slot: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write slot: %w", err)
	}
	return nil
}

// readBack compares what the card holds with the manifest; the boot sector is
// not there yet.
func readBack(f *os.File, at int64, boot []byte, m Manifest) error {
	// What is asked for is the card, not the kernel's memory of it.
	_ = unix.Fadvise(int(f.Fd()), at, m.Size, unix.FADV_DONTNEED)
	sum := sha256.New()
	sum.Write(boot)
	if _, err := io.Copy(sum, io.NewSectionReader(f, at+sector, m.Size-sector)); err != nil {
		return fmt.Errorf("read slot back: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.SHA256 {
		return errors.New("the card does not keep what is written to it; it is worn out: restore a backup onto a new one")
	}
	return nil
}

// Confirm makes the running slot the one that the board starts from: one
// sector is written, or nothing if it is so already.
func (c *Card) Confirm() error {
	return c.with(os.O_RDWR, func(f *os.File, p [5]partition) error {
		at, size, err := findSwitch(f, p[1])
		if err != nil {
			return err
		}
		if slot, err := readSwitch(f, at); err != nil || slot == c.Running {
			return err
		}
		text := bytes.Repeat([]byte{'\n'}, sector)
		if n := copy(text, switchText(c.Running)); size != n {
			return errors.New("autoboot.txt was changed; put back the one of the image")
		}
		if _, err := f.WriteAt(text, at); err != nil {
			return fmt.Errorf("write autoboot.txt: %w", err)
		}
		return f.Sync()
	})
}

// with opens the card.
func (c *Card) with(flag int, use func(*os.File, [5]partition) error) error {
	f, err := os.OpenFile(c.Path, flag, 0)
	if err != nil {
		return fmt.Errorf("open the card: %w", err)
	}
	defer f.Close()
	p, err := partitions(f)
	if err != nil {
		return err
	}
	return use(f, p)
}

// RestartForTrial leaves Linux at once, asking the firmware to start the other
// slot this one time. Nothing is stopped or written first; the caller has seen
// to that. It needs a kernel of the Raspberry Pi's; others start the same slot
// again.
func RestartForTrial() error {
	arg := append([]byte("0 tryboot"), 0)
	return restart(&arg[0])
}
