#!/bin/sh
# Installs an unpacked archive in a virtual machine of arm64, and prints what the installer said. The machine has Debian's
# kernel, bash and busybox, and nothing else. Nothing is installed here: the packages are unpacked in FOLDER.
#
#   machine.sh FOLDER ARCHIVE
set -eu

folder=$1
archive=$2
seconds=300

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

command -v qemu-system-aarch64 >/dev/null 2>&1 || die "'qemu-system-aarch64' is missing; type: sudo apt-get install -y qemu-system-arm"
command -v busybox >/dev/null 2>&1 || die "'busybox' is missing; type: sudo apt-get install -y busybox-static"

# Debian's packages for arm64, with lists of their own.
packages() {
	verb=$1
	program=$2
	shift 2
	"$program" -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
		-o "Dir::State=$folder/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$folder/cache" "$verb" "$@"
}

fetch() {
	rm -rf "$folder"
	mkdir -p "$folder/lists/lists/partial" "$folder/cache/archives/partial" "$folder/packages" "$folder/unpacked"
	packages update apt-get
	kernel=$(packages depends apt-cache linux-image-cloud-arm64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	(cd "$folder/packages" && packages download apt-get "$kernel" bash-static busybox-static)
	for package in "$folder"/packages/*.deb; do
		dpkg-deb -x "$package" "$folder/unpacked"
	done
	mv "$folder"/unpacked/boot/vmlinuz-* "$folder/kernel"
	mv "$folder/unpacked/bin/busybox" "$folder"
	mv "$folder/unpacked/bin/bash-static" "$folder/bash"
	rm -rf "$folder/unpacked" "$folder/packages" "$folder/lists" "$folder/cache"
}

[ -e "$folder/bash" ] || fetch

# The files that the machine starts with.
root=$folder/root
rm -rf "$root"
mkdir -p "$root/bin" "$root/usr/bin" "$root/dev" "$root/etc" "$root/proc" "$root/root" "$root/tmp"
cp "$folder/bash" "$folder/busybox" "$root/bin"
cp -R "$archive" "$root/archive"
echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
cat >"$root/init" <<-'END'
	#!/bin/busybox sh
	export PATH=/bin:/usr/bin HOME=/root SHELL=/bin/bash
	# busybox must not replace the file that it runs from, nor bash.
	for name in $(busybox --list); do
	    [ -e "/bin/$name" ] || busybox ln -s busybox "/bin/$name"
	done
	mount -t proc proc /proc
	mount -t devtmpfs dev /dev
	mount -t tmpfs -o mode=1777 tmp /tmp
	cd /archive
	uname -srm
	if ./install.sh; then echo 'the plugin is installed'; fi
	poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$folder/files"
rm -rf "$root"

said=$(timeout "$seconds" qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 2 -m 2048 -nographic -no-reboot \
	-kernel "$folder/kernel" -initrd "$folder/files" -append "console=ttyAMA0 quiet panic=-1" </dev/null 2>&1) ||
	die "the machine did not end within $seconds seconds: $said"
rm -f "$folder/files"
printf '%s\n' "$said"
printf '%s\n' "$said" | tr -d '\r' | grep -qx 'the plugin is installed'
