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
