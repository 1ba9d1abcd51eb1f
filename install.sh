#!/bin/sh
# Installs Sisyphus for Claude Code, or removes it. Run it with --help.
# Everything is in functions and `main` is called on the last line, so a cut-off download runs nothing.
set -eu

PLUGIN=sisyphus
# The texts that the model reads, copied from the repository.
TEXTS="skills agents"
HOOKS="session-start user-prompt-submit pre-tool-use post-tool-use stop subagent-start subagent-stop session-end wake"
# The other binaries beside them: the runner, the server of the model's tools, and the notifier.
OTHERS="run mcp notify"
# The packages that hold them and the command line.
PACKAGES="hooks runner cli mcp notify"
# The first Claude Code that starts a hook without a shell around it (by its changelog).
CLIENT_MIN=2.1.139

usage() {
	cat <<'USAGE'
usage: ./install.sh                       install or update
       ./install.sh --uninstall           remove what was installed, keep the task history
       ./install.sh --uninstall --purge   remove the task history too

Installs the plugin to ~/.claude/plugins/data/sisyphus and links it to ~/.claude/skills/sisyphus (CLAUDE_CONFIG_DIR is
honoured) and the command line to ~/.local/bin/sisyphus. Uses the binaries beside this script, or those in SISYPHUS_PREBUILT, else builds them with cargo.
USAGE
}

say() { printf '%s\n' "$*"; }

die() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

main() {
	action=install
	purge=no
	for argument in "$@"; do
		case $argument in
		--uninstall) action=uninstall ;;
		--purge) purge=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		*) die "unknown argument '$argument'; see --help" ;;
		esac
	done
	[ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge goes with --uninstall"
	[ -n "${HOME:-}" ] || die "HOME is not set"

	here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
	[ -f "$here/plugin.json" ] || die "plugin.json is not beside this script; run it from the plugin's own folder"
	config=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
	case $config in
	/*) ;;
	*) config=$PWD/$config ;; # the links need absolute paths
	esac
	target=$config/skills/$PLUGIN
	# Claude Code's sandbox keeps this folder read-only, also in a session that was started in the home folder.
	data=$config/plugins/data/$PLUGIN
	versions=$data/plugin
	state=${SISYPHUS_STATE_DIR:-$data/state}
	# The folders of 0.1.0, which a sandboxed command could write to. The second is a link for people now.
	old_versions=$config/.sisyphus/plugin
	old_state=$config/.sisyphus/background-tasks
	link=$HOME/.local/bin/sisyphus
	"$action"
}

install() {
	check_files
	check_client
	check_target
	version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$here/plugin.json" | head -n 1)
	staging=$versions/.new.$$
	final=$versions/$version-$(date +%Y%m%d%H%M%S)-$$
	made=
	trap undo EXIT
	trap 'exit 1' HUP INT TERM
	prepare_folders
	find_binaries
	assemble
	# The new plugin passes its self-check before anything refers to it. The last line of its output is the error.
	"$staging/bin/sisyphus" demo >"$staging/demo.log" 2>&1 ||
		die "the self-check failed, nothing was changed: $(tail -n 1 "$staging/demo.log")"
	switch
	link_command
	trap - EXIT
	import_old_state
	link_state
	remove_old_versions
	say "Installed $PLUGIN $version to $target"
	say ""
	"$target/bin/sisyphus" demo || die "the installed plugin does not work"
	say "It is active in every session of Claude Code that starts from now on."
	case $state in
	*\'*) say "Because '$state' has a quote in its name, commands are observed there, not supervised." ;;
	esac
	case ":$PATH:" in
	*":$HOME/.local/bin:"*) ;;
	*) say "For the command 'sisyphus' add ~/.local/bin to your PATH." ;;
	esac
}

check_client() {
	command -v claude >/dev/null 2>&1 || return 0
	found=$(claude --version 2>/dev/null </dev/null | sed -n 's/^\([0-9][0-9.]*\).*/\1/p' | head -n 1)
	[ -n "$found" ] || return 0
	oldest=$(printf '%s\n%s\n' "$CLIENT_MIN" "$found" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)
	[ "$oldest" = "$CLIENT_MIN" ] ||
		die "Claude Code $found is too old, $CLIENT_MIN or newer is needed; run 'claude update'"
}

# An archive holds the checksums of its files. An incomplete archive is not installed.
check_files() {
	[ -f "$here/SHA256SUMS" ] || return 0
	if command -v sha256sum >/dev/null 2>&1; then
		check=sha256sum
	elif command -v shasum >/dev/null 2>&1; then
		check="shasum -a 256"
	else
		return 0
	fi
	# $check must be split into words.
	wrong=$(cd "$here" && $check -c SHA256SUMS 2>/dev/null | sed -n 's/: FAILED.*//p' | head -n 1)
	[ -z "$wrong" ] || die "'$here/$wrong' is missing or not as it was packed; unpack the archive again"
}

# Files of others in our places are left alone.
check_target() {
	! is_foreign_plugin || die "'$target' is not ours; move it away"
	! is_foreign "$link" "*/skills/$PLUGIN/bin/sisyphus" || die "'$link' is not ours; move it away"
}

# Whether something is at the target that no installer of ours has linked.
is_foreign_plugin() {
	is_foreign "$target" "*/plugins/data/$PLUGIN/plugin/*" && is_foreign "$target" '*/.sisyphus/plugin/*'
}

# Whether something is at $1 that is not a link to a place like $2.
is_foreign() {
	if [ -L "$1" ]; then
		# shellcheck disable=SC2254 # $2 is a pattern
		case $(readlink "$1") in
		$2) return 1 ;;
		esac
		return 0
	fi
	[ -e "$1" ]
}

prepare_folders() {
	for folder in "$versions" "$config/skills" "$HOME/.local/bin"; do
		make_folder "$folder" || die "could not create '$folder'; is its parent writable?"
		[ -w "$folder" ] || die "could not write to '$folder'; change its owner or its rights"
	done
}

# Creates a folder, and adds each folder that was missing to $made, one per line and the newest first.
make_folder() {
	[ ! -d "$1" ] || return 0
	make_folder "$(dirname -- "$1")" || return 1
	mkdir -- "$1" 2>/dev/null || [ -d "$1" ] || return 1
	made="$1
$made"
}

# Runs when an installation ends early: removes what it has created.
undo() {
	rm -rf "$staging" "$staging.link"
	[ "$(readlink "$target" || :)" = "$final" ] && return
	rm -rf "$final"
	printf '%s' "$made" | while IFS= read -r folder; do
		rmdir -- "$folder" 2>/dev/null || :
	done
}

# Sets $binaries to the folder of the hooks and the other binaries, and $command_line to the command line.
find_binaries() {
	if [ -n "${SISYPHUS_PREBUILT:-}" ]; then
		binaries=$SISYPHUS_PREBUILT
	elif [ -x "$here/hooks/bin/sisyphus-run" ]; then
		binaries=$here/hooks/bin
	else
		build
	fi
	for name in $HOOKS $OTHERS; do
		[ -x "$binaries/sisyphus-$name" ] || die "'$binaries/sisyphus-$name' is missing"
	done
	command_line=$binaries/sisyphus
	[ -x "$command_line" ] || command_line=$here/bin/sisyphus
	[ -x "$command_line" ] || die "'$binaries/sisyphus' is missing"
}

build() {
	command -v cargo >/dev/null 2>&1 ||
		die "cargo is needed to build $PLUGIN: install Rust 1.89 or newer from https://rustup.rs and run this again"
	say "Building $PLUGIN $version with cargo (some minutes) ..."
	choose_toolchain
	host=$(rustc -vV | sed -n 's/^host: //p')
	binaries=$here/target/install/$host/release
	case $host in
	*-linux-gnu)
		# A statically linked hook starts in about half the time. Without the static C library, link dynamically.
		cargo_build "$host" "-C target-feature=+crt-static" || cargo_build "$host" "" || die "the build failed"
		;;
	*) cargo_build "$host" "" || die "the build failed" ;;
	esac
}

# The user's own compiler builds the plugin. Without this, rustup would obey rust-toolchain.toml, which is for
# changes of the code, and download another compiler or tools that the build does not use.
choose_toolchain() {
	[ -z "${RUSTUP_TOOLCHAIN:-}" ] || return 0
	chosen=$(cd / && rustup show active-toolchain 2>/dev/null) || return 0
	RUSTUP_TOOLCHAIN=${chosen%% *}
	export RUSTUP_TOOLCHAIN
}

cargo_build() {
	# On a terminal cargo shows its progress.
	quiet=--quiet
	[ ! -t 2 ] || quiet=
	packages=
	for name in $PACKAGES; do
		packages="$packages -p $PLUGIN-$name"
	done
	# shellcheck disable=SC2086 # each word is an argument
	RUSTFLAGS=$2 cargo build $quiet --release --locked --manifest-path "$here/Cargo.toml" \
		--target "$1" --target-dir "$here/target/install" $packages
}

assemble() {
	rm -rf "$staging"
	mkdir -p "$staging/.claude-plugin" "$staging/hooks/bin" "$staging/bin"
	cp "$here/plugin.json" "$here/LICENSE" "$here/README.md" "$here/CHANGELOG.md" "$staging/"
	cp "$here/plugin.json" "$here/.claude-plugin/marketplace.json" "$staging/.claude-plugin/"
	cp "$here/hooks/hooks.json" "$here/hooks/register.js" "$staging/hooks/"
	for folder in $TEXTS; do
		cp -R "$here/$folder" "$staging/"
	done
	for name in $HOOKS $OTHERS; do
		cp "$binaries/sisyphus-$name" "$staging/hooks/bin/"
	done
	cp "$command_line" "$staging/bin/"
}

# A new folder gets its final name, then one rename puts the link to it in place of the old one. A running session
# finds either the old plugin or the new one, and no running binary is overwritten.
switch() {
	rm -f "$staging/demo.log"
	mv "$staging" "$final"
	ln -s "$final" "$staging.link"
	previous=$(readlink "$target" || :)
	# Neither option is in POSIX, but every mv has one of them. Without it mv would move the link into the folder.
	mv -T -f "$staging.link" "$target" 2>/dev/null || mv -h -f "$staging.link" "$target" ||
		die "could not put '$target' in place"
	# From here on the old plugin counts as old: it is kept for its sessions for a week.
	[ ! -d "$previous" ] || touch "$previous" || :
}

link_command() {
	ln -s "$target/bin/sisyphus" "$staging.link"
	mv -T -f "$staging.link" "$link" 2>/dev/null || mv -h -f "$staging.link" "$link" || die "could not link '$link'"
}

# Running sessions start their hooks through the link that was just switched, so the records of the earlier version are
# imported. If that fails, the next session start tries again.
import_old_state() {
	[ -z "${SISYPHUS_STATE_DIR:-}" ] && [ -d "$old_state" ] && [ ! -L "$old_state" ] || return 0
	"$target/bin/sisyphus" import || :
}

# A link for people at the place that the documents name. An existing file is not replaced.
link_state() {
	[ -z "${SISYPHUS_STATE_DIR:-}" ] && [ ! -e "$old_state" ] && [ ! -L "$old_state" ] || return 0
	# With -n ln does not follow a link that another installer has made in between.
	mkdir -p "$config/.sisyphus" && ln -sn "$state" "$old_state" 2>/dev/null || :
}

# A session may still use the previous version; versions older than a week are unused. Errors are ignored, because another
# installer may rename files at the same time.
remove_old_versions() {
	for folder in "$versions" "$old_versions"; do
		find "$folder" -mindepth 1 -maxdepth 1 -mtime +7 ! -path "$final" -exec rm -rf {} + 2>/dev/null || :
	done
	rmdir "$old_versions" 2>/dev/null || :
}

uninstall() {
	is_foreign_plugin || rm -f "$target"
	is_foreign "$link" "*/skills/$PLUGIN/bin/sisyphus" || rm -f "$link"
	rm -rf "$versions" "$old_versions"
	[ "$(readlink "$old_state" || :)" != "$data/state" ] || rm -f "$old_state"
	# With SISYPHUS_STATE_DIR only that folder counts.
	[ -z "${SISYPHUS_STATE_DIR:-}" ] || old_state=$state
	say "Removed $PLUGIN."
	if [ ! -d "$state" ] && [ ! -d "$old_state" ]; then
		say "There is no task history."
	elif [ "$purge" = yes ]; then
		purge_state "$state"
		purge_state "$old_state"
		say "Removed the task history."
	else
		# The runner stays with the history, because running sessions still look for it.
		kept=$state
		[ -d "$state" ] || kept=$old_state
		say "The task history is kept in $kept; --uninstall --purge removes it."
	fi
	# Claude Code made the second one for us.
	for folder in "$data" "$data-skills-dir" "$config/plugins/data" "$config/plugins" "$config/.sisyphus"; do
		rmdir "$folder" 2>/dev/null || :
	done
}

# SISYPHUS_STATE_DIR may be a folder with other things in it.
purge_state() {
	[ -d "$1" ] || return 0
	other=$(find "$1" -mindepth 1 -maxdepth 1 ! -name 'active.json*' ! -name 'completed.json*' ! -name 'failed.json*' ! -name 'journal.json*' \
		! -name archive ! -name announced ! -name inbox ! -name runs ! -name sessions ! -name output ! -name bin ! -name wake ! -name transfers \
		! -name outbox ! -name claims ! -name left ! -name conversations ! -name 'events.jsonl*' ! -name 'events.1.jsonl*' \
		! -name 'on_complete.json*' \
		! -name state.lock ! -name runners.lock ! -name 'notify.*' ! -name 'terminal.json*' ! -name 'hooks.log*' ! -name imported-0.1 | head -n 1)
	[ -z "$other" ] || die "'$other' is not ours; move it away, or remove the task history yourself"
	rm -rf "$1"
}

main "$@"
