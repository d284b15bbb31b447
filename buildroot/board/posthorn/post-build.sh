#!/bin/sh
# Buildroot calls this with the target folder when all packages are in it; the
# second argument is the board.
set -eu

target=${1:?usage: post-build.sh TARGET BOARD}
board=${2:?usage: post-build.sh TARGET BOARD}
here=$(dirname "$0")

cp -R "$here/overlay/." "$target/"
echo "$board" >"$target/etc/posthorn-board"
date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" '+%Y-%m-%d %H:%M:%S' >"$target/etc/posthorn-built"
git -C "$here" describe --tags --always >"$target/etc/posthorn-version" 2>/dev/null || echo unversioned >"$target/etc/posthorn-version"
: >"$target/etc/modules"
[ -z "${UPDATE_KEY:-}" ] || cp "$UPDATE_KEY" "$target/etc/posthorn-update.pub"
# The system is its initramfs; nothing else is started.
ln -sf sbin/init "$target/init"
rm -f "$target"/etc/init.d/S* "$target/etc/init.d/rcK"

# The root lies in memory, and of the vendor's two thousand modules the box can
# use some hundred: those of these folders, and what they need.
wanted='crypto|lib|net/(wireless|mac80211|rfkill)|fs/(ext4|fat|nls|pstore|jbd2)|arch'
wanted="$wanted|drivers/(char/hw_random|clk|cpufreq|gpio|i2c|leds|mfd|mmc|nvme|pinctrl|thermal|watchdog)"
wanted="$wanted|drivers/usb/(dwc2|dwc3|host)|drivers/net/(mdio|phy|usb|ethernet/(broadcom|cadence)|wireless/broadcom)"
for modules in "$target"/lib/modules/*; do
	[ -f "$modules/modules.dep" ] || continue
	(
		cd "$modules"
		grep -E "^kernel/($wanted)/" modules.dep | tr -d : | tr ' ' '\n' | sort -u >keep
		find kernel -type f | sort | comm -23 - keep | xargs -r rm -f
		find kernel -type d -empty -delete
		rm keep
		"$HOST_DIR/sbin/depmod" -b "$target" "$(basename "$modules")"
	)
done
