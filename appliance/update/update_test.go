package update

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aead.dev/minisign"
)

const testSlot = 2 << 20

var builtNow = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// newCard makes a card with a FAT16 first partition and two slots of the old
// system, as scripts/card does.
func newCard(t *testing.T, key minisign.PublicKey) *Card {
	t.Helper()
	starts := []uint32{0, 64, 1024, 1024 + testSlot/sector, 1024 + 2*testSlot/sector}
	sizes := []uint32{0, 512, testSlot / sector, testSlot / sector, 64}
	b := make([]byte, int(starts[4]+sizes[4])*sector)
	for i := 1; i <= 4; i++ {
		binary.LittleEndian.PutUint32(b[446+16*(i-1)+8:], starts[i])
		binary.LittleEndian.PutUint32(b[446+16*(i-1)+12:], sizes[i])
	}
	b[510], b[511] = 0x55, 0xAA
	p1 := b[64*sector:]
	binary.LittleEndian.PutUint16(p1[11:], sector)
	p1[13] = 1                                 // sectors in a cluster
	binary.LittleEndian.PutUint16(p1[14:], 1)  // sectors before the tables
	p1[16] = 2                                 // tables
	binary.LittleEndian.PutUint16(p1[17:], 32) // entries of the root directory
	binary.LittleEndian.PutUint16(p1[22:], 4)  // sectors of a table
	root := p1[9*sector:]
	copy(root, "POSTHORN   \x08")
	entry := root[32:]
	copy(entry, switchFile)
	binary.LittleEndian.PutUint16(entry[26:], 3)
	binary.LittleEndian.PutUint32(entry[28:], uint32(len(switchText(2))))
	copy(p1[(9+2+1)*sector:], switchText(2))
	for slot := 2; slot <= 3; slot++ {
		copy(b[starts[slot]*sector:], bytes.Repeat([]byte("old "), testSlot/4))
	}
	path := filepath.Join(t.TempDir(), "card")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return &Card{Path: path, Running: 2, Board: "rpi4", Built: builtNow, Key: key}
}

// slotOf returns what a slot holds.
func (c *Card) slotOf(t *testing.T, slot int) (content []byte) {
	t.Helper()
	err := c.with(os.O_RDONLY, func(f *os.File, p [5]partition) error {
		content = make([]byte, p[slot].size)
		_, err := f.ReadAt(content, p[slot].start)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func newKey(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func newSlot() []byte { return bytes.Repeat([]byte("new!"), testSlot/4) }

func manifest(slot []byte) Manifest {
	sum := sha256.Sum256(slot)
	return Manifest{Board: "rpi4", Version: "2", Built: builtNow.Add(time.Hour), Size: int64(len(slot)), SHA256: hex.EncodeToString(sum[:])}
}

func bundle(t *testing.T, m Manifest, slot []byte, key minisign.PrivateKey) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHead(&out, m, key); err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(&out)
	w.Write(slot)
	w.Close()
	return out.Bytes()
}

func TestInstall(t *testing.T) {
	public, private := newKey(t)
	c := newCard(t, public)
	m, err := c.Install(t.Context(), bytes.NewReader(bundle(t, manifest(newSlot()), newSlot(), private)), nil)
	if err != nil || m.Version != "2" {
		t.Fatalf("Install: %v, version %q", err, m.Version)
	}
	if !bytes.Equal(c.slotOf(t, 3), newSlot()) {
		t.Error("the other slot does not hold the update")
	}
	if !bytes.HasPrefix(c.slotOf(t, 2), []byte("old ")) {
		t.Error("the running slot was touched")
	}
	if slot, err := c.Default(); slot != 2 || err != nil {
		t.Errorf("before the trial the board starts from %d, %v", slot, err)
	}

	// The trial: slot 3 runs and proves itself.
	c.Running = 3
	before, _ := os.ReadFile(c.Path)
	if err := c.Confirm(); err != nil {
		t.Fatal(err)
	}
	if slot, err := c.Default(); slot != 3 || err != nil {
		t.Errorf("after the trial the board starts from %d, %v", slot, err)
	}
	after, _ := os.ReadFile(c.Path)
	changed := 0
	for at := 0; at < len(before); at += sector {
		if !bytes.Equal(before[at:at+sector], after[at:at+sector]) {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("making it permanent changed %d sectors", changed)
	}
	if err := c.Confirm(); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestInstallRefuses(t *testing.T) {
	public, private := newKey(t)
	_, stranger := newKey(t)
	slot := newSlot()
	good := bundle(t, manifest(slot), slot, private)
	board, older, same, big, sum := manifest(slot), manifest(slot), manifest(slot), manifest(slot), manifest(slot)
	board.Board = "rpi3"
	older.Built = builtNow.Add(-time.Hour)
	same.Built = builtNow
	big.Size = 1 << 40
	sum.SHA256 = hex.EncodeToString(make([]byte, 32))
	changed := bytes.Replace(good, []byte(`"rpi4"`), []byte(`"rpi5"`), 1)
	for _, test := range []struct {
		name      string
		bundle    []byte
		want      error
		untouched bool // nothing was written
	}{
		{"empty", nil, ErrNoBundle, true},
		{"not a bundle", bytes.Repeat([]byte("x"), 1<<20), ErrNoBundle, true},
		{"signed by a stranger", bundle(t, manifest(slot), slot, stranger), ErrSignature, true},
		{"manifest changed", changed, ErrSignature, true},
		{"another board", bundle(t, board, slot, private), ErrBoard, true},
		{"older", bundle(t, older, slot, private), ErrOlder, true},
		{"the same", bundle(t, same, slot, private), ErrOlder, true},
		{"size out of range", bundle(t, big, slot, private), ErrNoBundle, true},
		{"cut short", good[:len(good)-100], ErrDamaged, false},
		{"another slot than was signed", bundle(t, sum, slot, private), ErrDamaged, false},
		{"slot too short", bundle(t, manifest(slot), slot[:testSlot/2], private), ErrDamaged, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCard(t, public)
			before, _ := os.ReadFile(c.Path)
			if _, err := c.Install(t.Context(), bytes.NewReader(test.bundle), nil); !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			after, _ := os.ReadFile(c.Path)
			if test.untouched && !bytes.Equal(before, after) {
				t.Error("the card was written to")
			}
			if slot, err := c.Default(); slot != 2 || err != nil {
				t.Errorf("the board starts from %d, %v", slot, err)
			}
			if !test.untouched && !bytes.Equal(c.slotOf(t, 3)[:sector], make([]byte, sector)) {
				t.Error("the broken slot has a boot sector")
			}
		})
	}
}

// Stopped at any point, the slot has no boot sector and the board starts from
// the running one.
func TestInstallStopped(t *testing.T) {
	public, private := newKey(t)
	data := bundle(t, manifest(newSlot()), newSlot(), private)
	for stop := int64(0); stop < testSlot; stop += 1 << 20 {
		c := newCard(t, public)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.Install(ctx, bytes.NewReader(data), func(_ Manifest, done int64) {
			if done >= stop {
				cancel()
			}
		})
		if stop < testSlot-(1<<20) && !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		if err != nil && !bytes.Equal(c.slotOf(t, 3)[:sector], make([]byte, sector)) {
			t.Errorf("stopped at %d there is a boot sector", stop)
		}
		if slot, _ := c.Default(); slot != 2 {
			t.Errorf("stopped at %d the board starts from %d", stop, slot)
		}
		cancel()
	}
}

func TestInstallDuringTrial(t *testing.T) {
	public, private := newKey(t)
	c := newCard(t, public)
	c.Running = 3
	data := bundle(t, manifest(newSlot()), newSlot(), private)
	if _, err := c.Install(t.Context(), bytes.NewReader(data), nil); err == nil {
		t.Error("an update on trial was overwritten by another: the board would start from nothing")
	}
}

func TestSystem(t *testing.T) {
	public, _ := newKey(t)
	root := t.TempDir()
	if _, err := System(root); !errors.Is(err, ErrNoCard) {
		t.Errorf("no image: %v", err)
	}
	key, _ := public.MarshalText()
	for name, text := range map[string]string{
		"etc/posthorn-board": "rpi4\n", "etc/posthorn-version": "1.2\n", "etc/posthorn-built": "2026-11-01 00:00:00\n", "run/posthorn/disk": "mmcblk0\n",
		"proc/cmdline": "console=tty1 posthorn.slot=3\n", "etc/posthorn-update.pub": string(key),
	} {
		os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700)
		os.WriteFile(filepath.Join(root, name), []byte(text), 0o600)
	}
	c, err := System(root)
	if err != nil {
		t.Fatal(err)
	}
	if c.Board != "rpi4" || c.Version != "1.2" || c.Running != 3 || !c.Built.Equal(builtNow) || c.Path != root+"/dev/mmcblk0" || !c.Key.Equal(public) {
		t.Errorf("%+v", c)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/posthorn-no-trial"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := System(root); !errors.Is(err, ErrNoTrial) {
		t.Errorf("a kernel that knows of no trial: %v", err)
	}
}

func FuzzReadHead(f *testing.F) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	var good bytes.Buffer
	if err := WriteHead(&good, manifest(newSlot()), private); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(magic + "{}\n5\nabcde"))
	f.Add([]byte(magic + "{}\n99999\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := readHead(bufio.NewReader(bytes.NewReader(b)), public); err == nil {
			t.Errorf("accepted without the key: %+v", m)
		}
	})
	if _, err := readHead(bufio.NewReader(&good), public); err != nil {
		f.Errorf("the good one: %v", err)
	}
}
