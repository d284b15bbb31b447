package stick

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// computer is a folder with what Find looks at.
type computer struct {
	*testing.T
	root string
}

func newComputer(t *testing.T) *computer {
	c := &computer{t, t.TempDir()}
	c.file("proc/self/mountinfo", "22 1 179:4 / /data rw - ext4 /dev/mmcblk0p4 rw\n")
	c.disk("platform/mmc0/mmcblk0", "179:0", 60_000_000, 60_000_000)
	return c
}

func (c *computer) file(name, content string) {
	c.Helper()
	path := filepath.Join(c.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.Fatal(err)
	}
}

// disk adds one with partitions of so many sectors.
func (c *computer) disk(path, dev string, sectors int, parts ...int) {
	c.Helper()
	name := filepath.Base(path)
	c.file("dev/"+name, strings.Repeat("\x00", 512))
	folder := "sys/devices/" + path
	c.file(folder+"/dev", dev+"\n")
	c.file(folder+"/size", fmt.Sprintln(sectors))
	c.file(folder+"/ro", "0\n")
	c.file(folder+"/device/vendor", "Sandy   \n")
	c.file(folder+"/device/model", "Blade 3.0   \n")
	major, _, _ := strings.Cut(dev, ":")
	for i, size := range parts {
		part := fmt.Sprintf("%s/%s%d", folder, name, i+1)
		c.file(part+"/partition", fmt.Sprintln(i+1))
		c.file(part+"/dev", fmt.Sprintf("%s:%d\n", major, i+1))
		c.file(part+"/size", fmt.Sprintln(size))
	}
	if err := os.MkdirAll(filepath.Join(c.root, "sys/block"), 0o700); err != nil {
		c.Fatal(err)
	}
	if err := os.Symlink("../devices/"+path, filepath.Join(c.root, "sys/block", name)); err != nil {
		c.Fatal(err)
	}
}

const port = "pci0/usb1/1-1/host0/target0/block/"

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name   string
		plug   func(*computer)
		device string
		size   int64
		err    error
	}{
		{"none", func(*computer) {}, "", 0, ErrNone},
		{"an empty reader", func(c *computer) { c.disk(port+"sda", "8:0", 0) }, "", 0, ErrNone},
		{"one partition", func(c *computer) { c.disk(port+"sda", "8:0", 3000, 2000) }, "sda1", 2000 * 512, nil},
		{"no partition", func(c *computer) { c.disk(port+"sda", "8:0", 3000) }, "sda", 3000 * 512, nil},
		{"the largest one", func(c *computer) { c.disk(port+"sda", "8:0", 3000, 400, 2500, 10) }, "sda2", 2500 * 512, nil},
		{"two sticks", func(c *computer) { c.disk(port+"sda", "8:0", 3000); c.disk(port+"sdb", "9:0", 3000) }, "", 0, ErrSeveral},
		{"one mounted", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000, 100, 2000)
			c.file("proc/self/mountinfo", "30 1 8:1 / /media/stick rw - vfat /dev/sda1 rw\n")
		}, "", 0, ErrInUse},
		{"a whole disk mounted", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000)
			c.file("proc/self/mountinfo", "30 1 8:0 / /media/stick rw - vfat /dev/sda rw\n")
		}, "", 0, ErrInUse},
		{"one mounted, one not", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000, 100)
			c.disk(port+"sdb", "9:0", 3000, 100)
			c.file("proc/self/mountinfo", "30 1 8:1 / /data rw - ext4 /dev/sda1 rw\n")
		}, "sdb1", 100 * 512, nil},
		{"write-protected", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000, 100)
			c.file("sys/devices/"+port+"sda/ro", "1\n")
		}, "", 0, ErrProtected},
		{"a box's card", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000, 100)
			c.file("dev/sda", strings.Repeat("\x00", 440)+"TSOP"+strings.Repeat("\x00", 68))
		}, "", 0, ErrNone},
		{"no device", func(c *computer) {
			c.disk(port+"sda", "8:0", 3000, 100)
			os.Remove(filepath.Join(c.root, "dev/sda"))
		}, "", 0, ErrGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newComputer(t)
			test.plug(c)
			s, err := Find(c.root)
			if !errors.Is(err, test.err) {
				t.Fatalf("the error is %v, want %v", err, test.err)
			}
			if err == nil && (filepath.Base(s.device) != test.device || s.Size != test.size || s.Name != "Sandy Blade 3.0") {
				t.Errorf("found %+v", s)
			}
		})
	}
	if _, err := Find(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("without /proc: %v", err)
	}
}
