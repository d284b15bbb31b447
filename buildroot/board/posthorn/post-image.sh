#!/bin/sh
# Buildroot calls this with the images folder: puts a slot together and has
# scripts/card make the card of it. The second argument is the board.
set -eu

images=${1:?usage: post-image.sh IMAGES BOARD}
board=${2:?usage: post-image.sh IMAGES BOARD}
here=$(cd "$(dirname "$0")" && pwd)

slot=$images/slot
rm -rf "$slot"
mkdir "$slot"
if [ -f "$images/zImage" ]; then
	cp "$images/zImage" "$slot/kernel.img"
else
	gzip -9n <"$images/Image" >"$slot/kernel.img"
fi
cp "$images/rootfs.cpio.gz" "$slot/root.cpio.gz"
for file in "$images"/*.dtb "$images"/rpi-firmware/bootcode.bin "$images"/rpi-firmware/start* "$images"/rpi-firmware/fixup*; do
	[ ! -f "$file" ] || cp "$file" "$slot/"
done
[ ! -d "$images/rpi-firmware/overlays" ] || cp -R "$images/rpi-firmware/overlays" "$slot/"
cp "$here/$board/config.txt" "$slot/"
sed 's/@SLOT@/2/' "$here/cmdline.txt" >"$slot/cmdline-a.txt"
sed 's/@SLOT@/3/' "$here/cmdline.txt" >"$slot/cmdline-b.txt"
"$here/../../../scripts/card" "$slot" "$images/posthorn-$board.img" "$images/posthorn-$board.slot"
