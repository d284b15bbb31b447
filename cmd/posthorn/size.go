package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseSize reads "2G", "512M", "100k" or a plain number of octets; units are
// powers of 1024.
func parseSize(s string) (int64, error) {
	number, unit := s, int64(1)
	if s != "" {
		if i := strings.IndexByte("KMGT", upper(s[len(s)-1])); i >= 0 {
			number, unit = s[:len(s)-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*float64(unit) > 1<<60 {
		return 0, fmt.Errorf("%q is no size; write 2G, 512M or a number of octets", s)
	}
	return int64(n * float64(unit)), nil
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// formatSize writes a number of octets for people.
func formatSize(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), "KMGT"
	for f /= 1024; f >= 1024 && len(units) > 1; f /= 1024 {
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", f, units[0])
}
