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
# The first Claude Code that loads a plugin from the skills folder (CC-1).
CLIENT_MIN=2.1.157
# How much an installation and a build take, in MB, with some room.
SPACE_TO_INSTALL=100
SPACE_TO_BUILD=1500

usage() {
	cat <<'USAGE'
usage: ./install.sh                       install or update
       ./install.sh --uninstall           remove what was installed, keep the task history
       ./install.sh --uninstall --purge   remove the task history too

       --yes   don't ask before an open session or a running task loses the plugin

Installs the plugin to ~/.claude/plugins/data/sisyphus and links it to ~/.claude/skills/sisyphus (CLAUDE_CONFIG_DIR is
honoured) and the command line to ~/.local/bin/sisyphus. Uses the binaries beside this script, or those in SISYPHUS_PREBUILT, else builds them with cargo.
The installed plugin has a copy named uninstall.sh, which removes that plugin.
USAGE
}

say() { printf '%s\n' "$*"; }

die() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

main() {
	# The installed plugin has a copy with this name. It only uninstalls.
	case $0 in
	*uninstall.sh) action=uninstall ;;
	*) action=install ;;
	esac
	purge=no
	sure=no
	for argument in "$@"; do
		case $argument in
		--uninstall) action=uninstall ;;
		--purge) purge=yes ;;
		--yes) sure=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		*) die "unknown argument '$argument'; see --help" ;;
		esac
	done
	[ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge goes with --uninstall"
	[ -n "${HOME:-}" ] || die "HOME is not set"

	here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
	config=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
	case $config in
	/*) ;;
	*) config=$PWD/$config ;; # the links need absolute paths
	esac
	if ! [ "$config/plugins/data/$PLUGIN/plugin" -ef "${here%/*}" ]; then
		case $here in
		# An installed plugin removes itself, whatever folder is meant now.
		*/plugins/data/$PLUGIN/plugin/*)
			config=${here%/plugins/data/"$PLUGIN"/plugin/*}
			export CLAUDE_CONFIG_DIR="$config"
			;;
		*) [ -f "$here/plugin.json" ] || die "plugin.json is not beside this script; run it from the plugin's own folder" ;;
		esac
	fi
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
	check_system
	check_client
	check_target
	version=$(version_in "$here/plugin.json")
	before=$(version_in "$target/plugin.json")
	staging=$versions/.new.$$
	final=$versions/$version-$(date +%Y%m%d%H%M%S)-$$
	made=
	trap undo EXIT
	trap 'exit 1' HUP INT TERM
	prepare_folders
	find_binaries
	assemble
	# Under its final name, so that nothing is named that is gone later.
	mv "$staging" "$final"
	# The new plugin passes its self-check before anything refers to it. The last line of its complaint is the error.
	say "Checking the new plugin with a session of its own ..."
	say ""
	"$final/bin/sisyphus" demo 2>"$final.log" ||
		die "the self-check failed, nothing was changed: $(tail -n 1 "$final.log")"
	rm -f "$final.log"
	switch_to "$final"
	link_command
	trap - EXIT
	import_old_state
	link_state
	rm -rf "$versions"/removed-*
	# A session may still use the previous version; versions older than a week are unused. Errors are ignored, because
	# another installer may rename files at the same time.
	remove_versions "$final" -mtime +7 2>/dev/null || :
	say ""
	conclude
}

version_in() {
	sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$1" 2>/dev/null | head -n 1
}

# The last words: what was done, and what to type next.
conclude() {
	case $before in
	'') say "Installed $PLUGIN $version to $target" ;;
	"$version") say "Installed $PLUGIN $version again, in place of the same version in $target" ;;
	*) say "Updated $PLUGIN from $before to $version in $target" ;;
	esac
	if [ -n "$before" ]; then
		say "Open sessions of Claude Code use it from now on, and so does each new one."
	else
		say "It is active in every session of Claude Code that starts from now on."
	fi
	case $state in
	*\'*) say "Because '$state' has a quote in its name, commands are observed there, not supervised." ;;
	esac
	market=$(market_copy)
	if [ -n "$market" ]; then
		say "Claude Code also has '$market' from a marketplace. Of the two it uses that one, or none while that is switched off."
		say "To use this one:  claude plugin uninstall $market"
	fi
	case ":$PATH:" in
	*":$HOME/.local/bin:"*) ;;
	*) say "To have the command 'sisyphus', type this once:  $(path_line)" ;;
	esac
	say "Next: start 'claude'. In a second terminal, 'sisyphus top' shows its tasks."
}

# The line that puts the command line on the PATH of the user's shell, now and from now on.
path_line() {
	# shellcheck disable=SC2016 # the shell that reads the line replaces the variable
	add='export PATH="$HOME/.local/bin:$PATH"'
	case ${SHELL:-} in
	*/fish) say 'fish_add_path ~/.local/bin' ;;
	*/zsh) say "echo '$add' >>~/.zshrc && $add" ;;
	*/bash) say "echo '$add' >>~/.bashrc && $add" ;;
	*) say "echo '$add' >>~/.profile && $add" ;;
	esac
}

# The name of a copy that Claude Code has installed from a marketplace.
market_copy() {
	list=$config/plugins/installed_plugins.json
	[ ! -f "$list" ] || sed -n "s/.*\"\($PLUGIN@[A-Za-z0-9_.-]*\)\".*/\1/p" "$list" | sed '/@skills-dir$/d' | head -n 1
}

check_system() {
	case $(uname -s) in
	Linux | Darwin) ;;
	*) die "$PLUGIN runs on Linux and macOS, not on $(uname -s); on Windows there is install.ps1" ;;
	esac
	check_space "$config" "$SPACE_TO_INSTALL"
}

# Whether $2 MB are free where $1 is or will be.
check_space() {
	place=$1
	while [ ! -d "$place" ]; do place=$(dirname -- "$place"); done
	free=$(df -Pk "$place" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9][0-9]*% .*/\1/p')
	[ -z "$free" ] || [ "$((free / 1024))" -ge "$2" ] ||
		die "'$place' has $((free / 1024)) MB left, and $2 MB are needed"
}

check_client() {
	if ! command -v claude >/dev/null 2>&1; then
		say "Claude Code is not on your PATH; $PLUGIN waits for it."
		return
	fi
	found=$(claude --version 2>/dev/null </dev/null | sed -n 's/^\([0-9][0-9.]*\).*/\1/p' | head -n 1)
	[ -z "$found" ] || is_at_least "$CLIENT_MIN" "$found" ||
		die "Claude Code $found is too old, $CLIENT_MIN or newer is needed; run 'claude update'"
}

# Whether version $2 is $1 or newer.
is_at_least() {
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]
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
	rm -rf "$staging" "$final.log" "$final.link"
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
	code=0
	"$command_line" --version >/dev/null 2>&1 || code=$?
	# Whatever the program says: at these codes the system could not start it.
	[ "$code" -lt 126 ] || die "'$command_line' does not run on this machine ($(uname -sm)); take the archive for it, or the sources"
}

build() {
	check_rust
	check_space "$here" "$SPACE_TO_BUILD"
	say "Building $PLUGIN $version with Rust $rust (some minutes) ..."
	host=$(rustc -vV | sed -n 's/^host: //p')
	binaries=$here/target/install/$host/quick
	case $host in
	*-linux-gnu)
		# A statically linked hook starts in about half the time. At a fixed address it has no addresses to adjust first. A
		# program that aborts needs no tables for unwinding. Without the static C library, link dynamically.
		static="-C target-feature=+crt-static"
		fixed="-C relocation-model=static -C force-unwind-tables=no"
		cargo_build "$host" "$static $fixed" || cargo_build "$host" "$static" || cargo_build "$host" "" ||
			die "the build failed"
		;;
	*) cargo_build "$host" "" || die "the build failed" ;;
	esac
}

check_rust() {
	oldest=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$here/Cargo.toml")
	command -v cargo >/dev/null 2>&1 ||
		die "cargo is needed to build $PLUGIN: install Rust $oldest or newer from https://rustup.rs and run this again"
	command -v cc >/dev/null 2>&1 || die "'cc' is needed to build $PLUGIN: install a C compiler, such as the package gcc"
	choose_toolchain
	rust=$(rustc --version | sed -n 's/^rustc \([0-9][0-9.]*\).*/\1/p')
	[ -z "$rust" ] || is_at_least "$oldest" "$rust" ||
		die "Rust $rust is too old to build $PLUGIN, $oldest or newer is needed; run 'rustup update'"
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
	RUSTFLAGS=$2 cargo build $quiet --profile quick --locked --manifest-path "$here/Cargo.toml" \
		--target "$1" --target-dir "$here/target/install" $packages
}

assemble() {
	rm -rf "$staging"
	mkdir -p "$staging/.claude-plugin" "$staging/hooks/bin" "$staging/bin"
	cp "$here/plugin.json" "$here/LICENSE" "$here/README.md" "$here/CHANGELOG.md" "$staging/"
	cp "$here/install.sh" "$staging/uninstall.sh"
	chmod +x "$staging/uninstall.sh"
	cp "$here/plugin.json" "$here/marketplace.json" "$staging/.claude-plugin/"
	cp "$here/hooks/hooks.json" "$here/hooks/register.js" "$staging/hooks/"
	for folder in $TEXTS; do
		cp -R "$here/$folder" "$staging/"
	done
	for name in $HOOKS $OTHERS; do
		cp "$binaries/sisyphus-$name" "$staging/hooks/bin/"
	done
	cp "$command_line" "$staging/bin/"
}

# One rename puts the link to a whole folder in place of the old one. A running session finds either the old plugin or
# the new one, and no running binary is overwritten.
switch_to() {
	ln -s "$1" "$1.link"
	previous=$(readlink "$target" || :)
	rename "$1.link" "$target"
	# From here on the old plugin counts as old: it is kept for its sessions for a week.
	[ ! -d "$previous" ] || touch "$previous" || :
}

# Neither option is in POSIX, but every mv has one of them. Without it mv would move a link into the folder.
rename() {
	mv -T -f "$1" "$2" 2>/dev/null || mv -h -f "$1" "$2" || die "could not put '$2' in place"
}

link_command() {
	ln -s "$target/bin/sisyphus" "$final.link"
	rename "$final.link" "$link"
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

# Removes all versions but $1, of these only those that find selects by the other arguments.
remove_versions() {
	keep=${1##*/}
	shift
	for folder in "$versions" "$old_versions"; do
		[ ! -d "$folder" ] || find "$folder/" -mindepth 1 -maxdepth 1 ! -name "$keep" "$@" -exec rm -rf {} +
		rmdir "$folder" 2>/dev/null || :
	done
}

uninstall() {
	open=
	going=
	is_here=
	is_foreign_plugin || [ ! -L "$target" ] || is_here=yes
	is_of_another || [ ! -L "$link" ] || is_here=yes
	[ ! -d "$versions" ] && [ ! -d "$old_versions" ] || is_here=yes
	# Without the command line nothing lists the tasks.
	if [ "$purge" = yes ] && { is_foreign_plugin || [ ! -x "$target/bin/sisyphus" ]; }; then
		going=$(runners)
		[ -z "$going" ] || die "nothing was removed: tasks run under these processes, which write the task history: $(echo $going); end them, then run this again"
	fi
	if [ -L "$target" ] && ! is_foreign_plugin; then
		open=$(open_sessions)
		going=$(unfinished_tasks)
		[ -z "$open$going" ] || confirm
	fi
	is_of_another || rm -f "$link" 2>/dev/null || die "could not remove '$link'; is its folder writable?"
	quiet=
	if [ -n "$open" ]; then
		leave_quiet_hooks
	else
		is_foreign_plugin || rm -f "$target"
	fi
	remove_versions "$quiet"
	if [ "$(readlink "$old_state" || :)" = "$data/state" ] || { [ -L "$old_state" ] && [ "$old_state" -ef "$data/state" ]; }; then
		rm -f "$old_state"
	fi
	# With SISYPHUS_STATE_DIR only that folder counts.
	[ -z "${SISYPHUS_STATE_DIR:-}" ] || old_state=$state
	if [ -n "$is_here" ]; then say "Removed $PLUGIN from $config."; else say "$PLUGIN is not installed in $config."; fi
	[ -z "$open" ] || say "For the open sessions $target leads to scripts that do nothing. When they have ended, run $target/uninstall.sh to remove these."
	[ -z "$(sed -n "/$PLUGIN statusline/p" "$config/settings.json" 2>/dev/null)" ] ||
		say "The status line still starts '$PLUGIN statusline': remove the key 'statusLine' from $config/settings.json."
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
		say "The task history is kept in $kept. --purge would have removed it; delete that folder when no task runs any more."
	fi
	# Claude Code made the second one for us.
	for folder in "$data" "$data-skills-dir" "$config/plugins/data" "$config/plugins" "$config/.sisyphus"; do
		rmdir "$folder" 2>/dev/null || :
	done
}

# Whether the command is a foreign file, or leads to the installation of another configuration folder.
is_of_another() {
	! is_foreign "$link" "*/skills/$PLUGIN/bin/sisyphus" || return 0
	[ -L "$link" ] && [ "$(readlink "$link")" != "$target/bin/sisyphus" ] && ! [ "$link" -ef "$target/bin/sisyphus" ]
}

# The running sessions of Claude Code as it notes them, a line each (CC-69).
open_sessions() {
	for note in "$config"/sessions/*.json; do
		[ -f "$note" ] || continue
		process=$(sed -n 's/.*"pid": *\([0-9][0-9]*\).*/\1/p' "$note")
		kill -0 "${process:-x}" 2>/dev/null || continue
		# Another process may have the same number now, or this one may have ended.
		started=$(sed -n 's/.*"procStart": *"\([0-9][0-9]*\)".*/\1/p' "$note")
		[ ! -r /proc/self/stat ] || [ -z "$started" ] ||
			[ "$(sed -n 's/.*) [^Z] \([^ ]* \)\{18\}\([0-9]*\).*/\2/p' "/proc/$process/stat" 2>/dev/null)" = "$started" ] || continue
		say "  process $process in $(sed -n 's/.*"cwd": *"\([^"]*\)".*/\1/p' "$note")"
	done
}

# The tasks that a runner of ours holds, as the command line lists them.
unfinished_tasks() {
	[ -x "$target/bin/sisyphus" ] || return 0
	held=$("$target/bin/sisyphus" list --status live --json 2>/dev/null |
		sed -n '/"watch": "supervised"/p; /"from_terminal": {/p; /"kind"/h; /"status": "queued"/{ x; /"agent"/!p; }')
	[ -z "$held" ] || "$target/bin/sisyphus" list --status live 2>/dev/null
}

# The runners with a lock below the state folder open: what waits for a task has that open too. Without /proc none is found.
runners() {
	held=$(cd "$state/runs" 2>/dev/null && pwd -P | sed 's/[][*?\\]/\\&/g') || return 0
	find /proc/[0-9]*/fd -lname "$held/*/lock" 2>/dev/null | sed 's#/proc/\([0-9]*\)/.*#\1#' | sort -u |
		while read -r process; do
			case $(readlink "/proc/$process/exe" 2>/dev/null) in
			*/sisyphus-run*) say "$process" ;;
			esac
		done
}

confirm() {
	# Without a terminal nothing is asked, so there is no moment between this text and the removal.
	[ -t 0 ] || sure=yes
	if [ -n "$going" ]; then
		say "Tasks that have not ended:"
		say "$going"
		[ "$purge" = no ] || die "nothing was removed: their runners write the task history; type 'sisyphus cancel --all', then run this again"
		if [ "$sure" = no ]; then
			say "They go on. To stop them, answer 'n' and type 'sisyphus cancel --all' first."
		else
			say "They go on. The command that lists and stops them is removed."
		fi
	fi
	if [ -n "$open" ]; then
		say "Open sessions of Claude Code:"
		say "$open"
		say "They go on without $PLUGIN: what runs goes on, nothing more waits for a slot, and Claude Code alone reports the ends."
	fi
	[ "$sure" = no ] || return 0
	printf 'Remove %s all the same? [y/n] ' "$PLUGIN"
	read -r answer || answer=n
	case $answer in
	[yY]*) ;;
	*) die "nothing was removed" ;;
	esac
}

# An open session goes on to start the hooks by their paths, and shows a missing program as an error at each event. So
# the paths lead to a script that does nothing. Without a manifest beside it no later session loads it.
leave_quiet_hooks() {
	quiet=$versions/removed-$$
	mkdir -p "$quiet/hooks/bin"
	# It reads its input to the end: Claude Code complains if it can't write it.
	printf '#!/bin/sh\nexec cat >/dev/null\n' >"$quiet/hooks/bin/quiet"
	chmod +x "$quiet/hooks/bin/quiet"
	for name in $HOOKS; do
		ln -s quiet "$quiet/hooks/bin/sisyphus-$name"
	done
	for script in "$here/uninstall.sh" "$here/install.sh"; do
		[ ! -f "$script" ] || cp "$script" "$quiet/uninstall.sh"
	done
	chmod +x "$quiet/uninstall.sh"
	switch_to "$quiet"
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
