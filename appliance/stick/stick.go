// Package stick puts a file onto a USB stick: finds the one that is plugged in,
// opens its file system for as long as the file needs, and leaves the stick so
// that it can be taken out.
//
// # What counts as the stick
//
// A disk that Linux reaches over USB, with something in it, of which nothing is
// mounted, and which is no card of a box like this one, such as the card it
// runs on. Of several partitions the largest is meant; the small ones before it
// belong to the makers of computers. There must be one such disk, so that
// nobody has to know its name.
//
// # Never half
//
// The file system is mounted nowhere: fsopen(2) and fsmount(2) give a file
// descriptor that leads to it, and Linux lets go of it when that is closed,
// also if the program is killed. The file has another name until it is whole
// and on the stick; what an earlier, broken attempt left is removed.
//
//	find.go    which disk is the stick
//	save.go    the file, and how many older ones stay
//	mount.go   its file system
package stick

import (
	"errors"
	"fmt"
)

// Limits.
const (
	// Keep is how many files of ours a stick has at most; older ones go once a
	// new one is whole.
	Keep = 5
	// maxFAT is how many octets a file on FAT may have.
	maxFAT = 1<<32 - 1
	// syncEvery is after how many octets what was written is waited for, so
	// that a slow stick does not fill the memory, and one that was pulled out
	// is noticed.
	syncEvery = 8 << 20
)

// Errors, each of which says what to do. They are for [errors.Is].
var (
	// ErrNone says that no stick is there.
	ErrNone = errors.New("no USB stick is plugged in; plug one in and try again")
	// ErrSeveral says that it isn't clear which one is meant.
	ErrSeveral = errors.New("more than one USB stick is plugged in; leave only the one to write to")
	// ErrInUse says that the computer has mounted the stick itself.
	ErrInUse = errors.New("the USB stick is in use by this computer already; unmount it, or write to it as to any folder")
	// ErrFormat says that the kernel can't read what is on the stick.
	ErrFormat = errors.New("the USB stick is not formatted as FAT, exFAT or ext4; format it as exFAT on a computer, which erases it")
	// ErrProtected says that nothing can be written.
	ErrProtected = errors.New("the USB stick is write-protected, or its file system is damaged; move its switch, or have a computer repair it")
	// ErrFull says that the file does not fit.
	ErrFull = errors.New("there is not enough room on the USB stick; delete something from it, or take a larger one")
	// ErrLarge says that the file system takes no file of this size.
	ErrLarge = errors.New("the backup is larger than 4 GB, which FAT does not take; format the USB stick as exFAT on a computer, which erases it")
	// ErrGone says that the stick was pulled out.
	ErrGone = errors.New("the USB stick was pulled out before the backup was whole, or is broken; plug it in and try again")
	// ErrNotAllowed says that the program may not open disks.
	ErrNotAllowed = errors.New("this program may not open a USB stick, because it does not run as root; let the computer mount the stick, and write a backup file to its folder")
)

// Stick is the one that is plugged in.
type Stick struct {
	Name string `json:"name"` // of maker and kind, such as "SanDisk Cruzer Blade"
	Size int64  `json:"size"` // octets, of the partition that is used

	device string // "/dev/sda1"
	system string // its folder below /sys, which is gone when it is
}

// String implements [fmt.Stringer].
func (s Stick) String() string { return fmt.Sprintf("%s (%.1f GB)", s.Name, float64(s.Size)/1e9) }
