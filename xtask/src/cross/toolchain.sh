#!/bin/sh
# Makes what cargo needs to build for one target and to run what it built, and prints the environment for it, one
# variable a line. What is there already is not made again.
#
#   toolchain.sh FOLDER TARGET run     to link and run programs
#   toolchain.sh FOLDER TARGET check   to check only, which links nothing for the target
set -eu

folder=$1
target=$2
purpose=$3
processor=${target%%-*}

die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# Has the program $1, from the Debian packages that follow.
need() {
	program=$1
	shift
	! command -v "$program" >/dev/null 2>&1 || return 0
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || die "'$program' is missing; type: sudo apt-get install -y $*"
	say_once "installing $*"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
		die "could not install '$program'; type: sudo apt-get install -y $*"
}

say_once() { printf '%s: %s\n' "$target" "$*" >&2; }

# The name of cargo's variable $1 for this target.
of_target() { printf 'CARGO_TARGET_%s_%s' "$(printf '%s' "$target" | tr 'a-z-' 'A-Z_')" "$1"; }

# The standard library: that of rustup, else one that Debian's compiler builds from its own sources.
library() {
	if command -v rustup >/dev/null 2>&1; then
		! rustup target list --installed | grep -qx "$target" || return 0
		say_once "asking rustup for the standard library"
		! timeout 300 rustup target add "$target" >/dev/null 2>&1 || return 0
	fi
	need /usr/bin/rustc rustc-web cargo-web rust-web-src rust-web-clippy gcc libc6-dev
	made=$folder/sysroot/lib/rustlib/$target/lib
	built_by=$(/usr/bin/rustc --version)
	# A compiler refuses the library of another one.
	[ "$(cat "$made/.built-by" 2>/dev/null)" = "$built_by" ] || build_library
	printf '%s\n' "CARGO=/usr/bin/cargo" "RUSTC=$folder/rustc" "PATH=/usr/bin:$PATH" "SYSROOT=$folder/sysroot"
	own_library=yes
}

build_library() {
	say_once "building the standard library (a minute or two)"
	rustlib=$folder/sysroot/lib/rustlib
	host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
	mkdir -p "$rustlib" "$folder/std/src"
	ln -sfn "/usr/lib/rustlib/$host" "$rustlib/$host"
	ln -sfn /usr/lib/rustlib/src "$rustlib/src"
	# The name must be `rustc`. Clippy goes past it and reads SYSROOT.
	program "$folder/rustc" "exec /usr/bin/rustc --sysroot '$folder/sysroot' \"\$@\""
	printf '[package]\nname = "nothing"\nedition = "2024"\n[workspace]\n' >"$folder/std/Cargo.toml"
	: >"$folder/std/src/lib.rs"
	# A new folder, because a build of std finds its sources twice otherwise.
	rm -rf "$folder/std/target" "$made"
	(
		cd "$folder/std"
		unset RUSTFLAGS SYSROOT
		PATH=/usr/bin:/bin RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target CARGO_INCREMENTAL=0 \
			CARGO_PROFILE_DEV_DEBUG=0 /usr/bin/cargo build -q -Zbuild-std=std,panic_abort,test --target "$target" >&2
	)
	mkdir -p "$made"
	cp "$folder/std/target/$target"/debug/deps/*.rlib "$made"
	rm -rf "$made"/libnothing-* "$folder/std/target"
	echo "$built_by" >"$made/.built-by"
}

# Writes a shell script.
program() {
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

# Zig's linker, which brings the C libraries of other systems. $1: its name of the target, $2: arguments of rustc that it
# does not know, as a pattern, $3: further arguments.
zig() {
	if ! "$folder/zig/bin/python" -m ziglang version >/dev/null 2>&1; then
		need python3 python3 python3-venv
		say_once "installing zig from PyPI"
		python3 -m venv "$folder/zig" >&2 || die "python3 has no venv; type: sudo apt-get install -y python3-venv"
		"$folder/zig/bin/pip" install -q ziglang==0.17.1 >&2 || die "could not install the package 'ziglang' from PyPI"
	fi
	program "$folder/link-$target" "for a; do shift; case \$a in $2) ;; *) set -- \"\$@\" \"\$a\" ;; esac; done
exec '$folder/zig/bin/python' -m ziglang cc -target $1 $3 \"\$@\""
	printf '%s\n' "$(of_target LINKER)=$folder/link-$target" "ZIG_GLOBAL_CACHE_DIR=$folder/zig-cache" "ZIG_LOCAL_CACHE_DIR=$folder/zig-cache"
}

musl() {
	if [ "$own_library" = yes ]; then
		# Debian's musl does not do: its libgcc_eh wants a function of glibc.
		zig "$processor-linux-musl" '-m64 | -nodefaultlibs | -nostartfiles | -lc' ''
		echo "$(of_target RUSTFLAGS)=-C link-self-contained=no -C relocation-model=static"
	elif [ "$processor" != "$(uname -m)" ]; then
		echo "$(of_target LINKER)=rust-lld"
	fi
	[ "$processor" != "$(uname -m)" ] || return 0
	need "qemu-$processor-static" qemu-user-static
	echo "$(of_target RUNNER)=qemu-$processor-static"
}

windows() {
	need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
	need wine wine wine64
	printf '%s\n' "$(of_target RUNNER)=wine" "WINEPREFIX=$folder/wine" WINEDEBUG=-all
	export WINEPREFIX="$folder/wine" WINEDEBUG=-all
	system=$WINEPREFIX/drive_c/windows/system32
	[ -d "$system" ] || wine cmd /c exit >/dev/null 2>&1 || :
	[ ! -f "$system/bcryptprimitives.dll" ] || return 0
	# Wine 8 does not have the library from which Rust takes its random numbers.
	printf '%s\n' '#include <windows.h>' '#include <ntsecapi.h>' \
		'__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, (ULONG)size); }' |
		x86_64-w64-mingw32-gcc -shared -O2 -s -o "$system/bcryptprimitives.dll" -x c - -ladvapi32
}

mac() {
	need llvm-objcopy llvm
	zig "$processor-macos.11.0" '-mmacosx-version-min=* | -mmacos-version-min=* | -liconv | -lobjc | -Wl,-exported_symbols_list*' \
		"-F'$folder/mac/System/Library/Frameworks'"
	# What the crate of the time zone asks of a library that each Mac has.
	library=$folder/mac/System/Library/Frameworks/CoreFoundation.framework
	mkdir -p "$library"
	cat >"$library/CoreFoundation.tbd" <<-'END'
		--- !tapi-tbd
		tbd-version:     4
		targets:         [ x86_64-macos, arm64-macos ]
		install-name:    '/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation'
		current-version: 1
		compatibility-version: 150
		exports:
		  - targets:     [ x86_64-macos, arm64-macos ]
		    symbols:     [ _CFRelease, _CFStringGetBytes, _CFStringGetCStringPtr, _CFStringGetLength,
		                   _CFTimeZoneCopySystem, _CFTimeZoneGetName, _CFTimeZoneResetSystem ]
		...
	END
	echo "SDKROOT=$folder/mac"
}

mkdir -p "$folder"
own_library=no
library
[ "$purpose" = run ] || exit 0
case $target in
*-linux-musl) musl ;;
*-pc-windows-gnu) windows ;;
*-apple-darwin) mac ;;
*) die "'$target' is none of the targets that this script knows" ;;
esac
