package update

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// sector is the unit that a card writes at once, in octets.
const sector = 512

// The slots are the partitions 2 and 3.
const (
	slotA = 2
	slotB = 3
)

// partition is where one lies, in octets.
type partition struct{ start, size int64 }

// partitions reads a card's table: the classic one, with four entries of 16
// octets from 446 on.
func partitions(card io.ReaderAt) (p [5]partition, err error) {
	table := make([]byte, sector)
	if _, err := card.ReadAt(table, 0); err != nil {
		return p, fmt.Errorf("read the partition table: %w", err)
	}
	if table[510] != 0x55 || table[511] != 0xAA {
		return p, errors.New("the card has no partition table")
	}
	for i := 1; i <= 4; i++ {
		entry := table[446+16*(i-1):]
		p[i].start = int64(binary.LittleEndian.Uint32(entry[8:])) * sector
		p[i].size = int64(binary.LittleEndian.Uint32(entry[12:])) * sector
	}
	if p[slotA].size == 0 || p[slotA].size != p[slotB].size {
		return p, errors.New("the card does not have two slots; write the image onto it anew")
	}
	return p, nil
}

// switchFile is the file of the first partition that names the slot to start
// from, and the other one, for a trial.
const switchFile = "AUTOBOOTTXT"

func switchText(slot int) string {
	return fmt.Sprintf("[all]\ntryboot_a_b=1\nboot_partition=%d\n[tryboot]\nboot_partition=%d\n", slot, other(slot))
}

func other(slot int) int { return slotA + slotB - slot }

// findSwitch finds the sector that autoboot.txt lies in, from the start of the
// card, and its length: the whole file is one sector, so that changing it is
// one write, which a card does or does not do. The partition is FAT12 or FAT16
// with its root directory in one place (Microsoft, "FAT: General Overview of
// On-Disk Format", 2000).
func findSwitch(card io.ReaderAt, p partition) (at int64, size int, err error) {
	boot := make([]byte, sector)
	if _, err := card.ReadAt(boot, p.start); err != nil {
		return 0, 0, fmt.Errorf("read the first partition: %w", err)
	}
	le16 := func(i int) int64 { return int64(binary.LittleEndian.Uint16(boot[i:])) }
	if le16(11) != sector || boot[13] == 0 || boot[16] == 0 || le16(22) == 0 {
		return 0, 0, errors.New("the first partition is not what the image made it; write the image onto the card anew")
	}
	root := p.start + (le16(14)+int64(boot[16])*le16(22))*sector
	entries := le16(17)
	files := root + (entries*32+sector-1)/sector*sector
	directory := make([]byte, entries*32)
	if _, err := card.ReadAt(directory, root); err != nil {
		return 0, 0, fmt.Errorf("read the first partition: %w", err)
	}
	for ; len(directory) >= 32 && directory[0] != 0; directory = directory[32:] {
		if string(directory[:11]) != switchFile || directory[11]&0x08 != 0 {
			continue
		}
		cluster := int64(binary.LittleEndian.Uint16(directory[26:]))
		length := binary.LittleEndian.Uint32(directory[28:])
		at := files + (cluster-2)*int64(boot[13])*sector
		if length > sector || cluster < 2 || at+sector > p.start+p.size {
			break
		}
		return at, int(length), nil
	}
	return 0, 0, errors.New("autoboot.txt is missing on the first partition, or was changed; write the image onto the card anew")
}

// readSwitch returns the slot the board starts from.
func readSwitch(card io.ReaderAt, at int64) (int, error) {
	text := make([]byte, sector)
	if _, err := card.ReadAt(text, at); err != nil {
		return 0, fmt.Errorf("read autoboot.txt: %w", err)
	}
	for _, slot := range []int{slotA, slotB} {
		if strings.HasPrefix(string(text), switchText(slot)) {
			return slot, nil
		}
	}
	return 0, errors.New("autoboot.txt was changed; put back the one of the image")
}
