// Command i2cglass is an I2C bus with displays on it, behind a device node.
//
//	i2cglass --bus 7 --dir /glass ssd1306-128x64@0x3c sh1106@0x3d lcd-20x4@0x27
//
// It makes /dev/i2c-7 by CUSE (character devices in user space), so a program
// that drives a display through open and ioctl can be run as it is on a kernel
// that has no I2C bus, or none with a display on it. What the bytes make a
// person see is decoded by package softpanel.
//
// The directory is how a test looks and reaches in: the file 0x3c in it is the
// picture at that address, written anew within 50 ms of a change; while there
// is a file 0x3c.out, that display is pulled out.
//
// Of /dev/i2c-N it has what Documentation/i2c/dev-interface.rst calls plain
// I2C transactions: I2C_FUNCS and I2C_RDWR. Plain read and write, and SMBus,
// are refused. There is no entry in /sys/class/i2c-dev. It needs root and a
// kernel with CONFIG_CUSE.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"posthorn/hw"
	"posthorn/hw/softpanel"
)

// lookGap is how often pictures are looked at for a change.
const lookGap = 50 * time.Millisecond

func main() {
	log.SetFlags(0)
	log.SetPrefix("i2cglass: ")
	number := flag.Int("bus", 7, "number of the bus, the N of /dev/i2c-N")
	dir := flag.String("dir", "/glass", "directory for the pictures; made if absent")
	flag.Parse()
	if err := run(*number, *dir, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run serves the bus until the device is gone.
func run(number int, dir string, displays []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b := &bench{dir: dir, out: map[uint16]bool{}}
	for _, d := range displays {
		if err := b.plug(d); err != nil {
			return err
		}
	}
	go b.watch()
	name := fmt.Sprintf("i2c-%d", number)
	if err := serve(name, (&adapter{bus: &b.bus, before: b.pull}).ioctl); err != nil {
		return fmt.Errorf("serving /dev/%s: %w", name, err)
	}
	return nil
}

// bench is the bus with its displays, and the directory that shows them.
type bench struct {
	dir   string
	bus   softpanel.Bus
	addrs []uint16
	out   map[uint16]bool // pulled out
}

// plug connects a display named as MODEL@ADDR.
func (b *bench) plug(display string) error {
	model, at, _ := strings.Cut(display, "@")
	addr, err := strconv.ParseUint(at, 0, 7)
	if err != nil {
		return fmt.Errorf("display %q: name it MODEL@ADDR, such as sh1106@0x3c", display)
	}
	chip, ok := map[string]softpanel.Chip{
		"ssd1306-128x64": softpanel.NewSSD1306(hw.Dots128x64, 3),
		"ssd1306-128x32": softpanel.NewSSD1306(hw.Dots128x32, 3),
		"sh1106":         softpanel.NewSH1106(),
		"lcd-16x2":       softpanel.NewLCD(hw.Text16x2),
		"lcd-20x4":       softpanel.NewLCD(hw.Text20x4),
	}[model]
	if !ok {
		return fmt.Errorf("display %q: there is no model %q", display, model)
	}
	b.bus.Plug(uint16(addr), chip)
	b.addrs = append(b.addrs, uint16(addr))
	return nil
}

// file is where the picture at an address is.
func (b *bench) file(addr uint16) string { return filepath.Join(b.dir, fmt.Sprintf("%#02x", addr)) }

// pull makes the displays be in or out as the directory says.
func (b *bench) pull() {
	for _, addr := range b.addrs {
		_, err := os.Stat(b.file(addr) + ".out")
		switch gone := err == nil; {
		case gone && !b.out[addr]:
			b.bus.Unplug(addr)
			b.out[addr] = true
		case !gone && b.out[addr]:
			b.bus.Replug(addr)
			delete(b.out, addr)
		}
	}
}

// watch writes pictures that have changed.
func (b *bench) watch() {
	last := map[uint16]string{}
	for ; ; time.Sleep(lookGap) {
		for _, addr := range b.addrs {
			g, _ := b.bus.Glass(addr)
			if picture := g.String(); picture != last[addr] {
				if err := replace(b.file(addr), picture); err != nil {
					log.Print(err)
					continue
				}
				last[addr] = picture
			}
		}
	}
}

// replace writes a file so that a reader sees the old or the new text.
func replace(file, text string) error {
	if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
