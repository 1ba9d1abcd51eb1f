# Installs Sisyphus for Claude Code on Windows, or removes it. PowerShell 5 or newer.
#
#   .\install.ps1                       install or update
#   .\install.ps1 -Uninstall            remove what was installed, keep the task history
#   .\install.ps1 -Uninstall -Purge     remove the task history too
#
# Uses the binaries beside this script, or those in SISYPHUS_PREBUILT, else builds them with cargo. This
# script was never run on Windows.
param([switch]$Uninstall, [switch]$Purge)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

$HookBinaries = @('session-start', 'user-prompt-submit', 'pre-tool-use', 'post-tool-use', 'stop', 'subagent-start',
    'subagent-stop', 'session-end', 'wake', 'run', 'mcp', 'notify') | ForEach-Object { "sisyphus-$_.exe" }

# The texts that the model reads, as in install.sh.
$Texts = @('skills', 'agents')

# The first Claude Code that loads a plugin from the skills folder, as in install.sh.
$ClientMin = '2.1.157'

# Everything in the state folder; SISYPHUS_STATE_DIR may be a folder with other things in it.
$StateNames = '^((active|completed|failed|journal|on_complete)\.json.*|events\.(1\.)?jsonl.*|conversations|archive|announced|inbox|runs|sessions|output|bin|wake|transfers|outbox|claims|left|notify\..*|terminal\.json.*|state\.lock|runners\.lock|hooks\.log.*|imported-0\.1)$'

function Main {
    if ($Purge -and -not $Uninstall) { throw '-Purge goes with -Uninstall' }
    $config = $env:CLAUDE_CONFIG_DIR
    if (-not $config) {
        if (-not $env:USERPROFILE) { throw 'USERPROFILE is not set' }
        $config = Join-Path $env:USERPROFILE '.claude'
    }
    # .NET and PowerShell don't agree on the current folder.
    $config = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($config)
    $target = Join-Path $config 'skills\sisyphus'
    # On the volume of the target, so that a rename can put it there.
    $data = Join-Path $config 'plugins\data\sisyphus'
    $work = Join-Path $data 'plugin'
    $state = $env:SISYPHUS_STATE_DIR
    if (-not $state) { $state = Join-Path $data 'state' }
    # The folders of 0.1.0.
    $oldWork = Join-Path $config '.sisyphus\plugin'
    $oldState = Join-Path $config '.sisyphus\background-tasks'

    if ((Test-Path -LiteralPath $target) -and -not (Test-Ours $target)) { throw "'$target' is not ours; move it away" }
    if ($Uninstall) { Uninstall-Plugin } else { Install-Plugin }
}

function Test-Ours([string]$folder) {
    $manifest = Join-Path $folder '.claude-plugin\plugin.json'
    if (-not (Test-Path -LiteralPath $manifest -PathType Leaf)) { return $false }
    return [IO.File]::ReadAllText($manifest) -match '"name"\s*:\s*"sisyphus"'
}

function Test-Client {
    if (-not (Get-Command claude -ErrorAction SilentlyContinue)) { return }
    $found = [regex]::Match((& claude --version | Out-String), '^\d+\.\d+\.\d+').Value
    if ($found -and [version]$found -lt [version]$ClientMin) {
        throw "Claude Code $found is too old, $ClientMin or newer is needed; run 'claude update'"
    }
}

function Install-Plugin {
    Test-Client
    $binaries = Find-Binaries
    $staging = Join-Path $work "new-$PID"
    try {
        Build-Folder $staging $binaries
        Switch-Folder $staging
    } finally {
        Remove-Folder $staging
    }
    # Imports the records of 0.1.0 for running sessions. If that fails, the next session start tries again.
    if (-not $env:SISYPHUS_STATE_DIR -and (Test-Path -LiteralPath $oldState)) {
        & (Join-Path $target 'bin\sisyphus.exe') import
    }
    Remove-Folder $oldWork
    Write-Output "Installed sisyphus to $target"
    Write-Output 'On Windows background commands are observed, not supervised, so there is no self-check.'
    Write-Output 'It is active in every session of Claude Code that starts from now on.'
    Write-Output "For the command 'sisyphus' add $(Join-Path $target 'bin') to your PATH."
}

# The folder of the hooks and the runner, and the path of the command line.
function Find-Binaries {
    if ($env:SISYPHUS_PREBUILT) {
        $folder = $env:SISYPHUS_PREBUILT
    } elseif (Test-Path -LiteralPath (Join-Path $PSScriptRoot 'hooks\bin\sisyphus-run.exe')) {
        $folder = Join-Path $PSScriptRoot 'hooks\bin'
    } else {
        $folder = Invoke-Build
    }
    $commandLine = Join-Path $folder 'sisyphus.exe'
    if (-not (Test-Path -LiteralPath $commandLine)) { $commandLine = Join-Path $PSScriptRoot 'bin\sisyphus.exe' }
    foreach ($path in @($HookBinaries | ForEach-Object { Join-Path $folder $_ }) + $commandLine) {
        if (-not (Test-Path -LiteralPath $path -PathType Leaf)) { throw "'$path' is missing" }
    }
    return @{ Folder = $folder; CommandLine = $commandLine }
}

function Invoke-Build {
    if (-not (Get-Command cargo -ErrorAction SilentlyContinue)) {
        throw 'cargo is needed to build sisyphus: install Rust 1.89 or newer from https://rustup.rs and run this again'
    }
    Write-Host 'Building sisyphus with cargo (some minutes) ...'
    $out = Join-Path $PSScriptRoot 'target\install'
    # To the screen, because other output would become part of the return value.
    & cargo build --quiet --profile quick --locked --manifest-path (Join-Path $PSScriptRoot 'Cargo.toml') --target-dir $out `
        -p sisyphus-hooks -p sisyphus-runner -p sisyphus-cli -p sisyphus-mcp -p sisyphus-notify | Out-Host
    if ($LASTEXITCODE -ne 0) { throw 'the build failed' }
    return Join-Path $out 'quick'
}

function Build-Folder([string]$staging, [hashtable]$binaries) {
    Remove-Folder $staging
    foreach ($name in '.claude-plugin', 'hooks\bin', 'bin') {
        New-Item -ItemType Directory -Force -Path (Join-Path $staging $name) | Out-Null
    }
    foreach ($name in 'plugin.json', 'LICENSE', 'README.md', 'CHANGELOG.md') {
        Copy-Item -LiteralPath (Join-Path $PSScriptRoot $name) -Destination (Join-Path $staging $name)
    }
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'marketplace.json') -Destination (Join-Path $staging '.claude-plugin')
    Copy-Item -LiteralPath (Join-Path $PSScriptRoot 'hooks\register.js') -Destination (Join-Path $staging 'hooks')
    foreach ($name in $Texts) {
        Copy-Item -LiteralPath (Join-Path $PSScriptRoot $name) -Destination $staging -Recurse
    }
    foreach ($name in $HookBinaries) {
        Copy-Item -LiteralPath (Join-Path $binaries.Folder $name) -Destination (Join-Path $staging 'hooks\bin')
    }
    Copy-Item -LiteralPath $binaries.CommandLine -Destination (Join-Path $staging 'bin\sisyphus.exe')
    # Claude Code starts exactly the named file, without a shell that would add `.exe`.
    $named = @{ 'hooks\hooks.json' = 'hooks\hooks.json'; '.claude-plugin\plugin.json' = 'plugin.json' }
    foreach ($name in $named.Keys) {
        $text = [IO.File]::ReadAllText((Join-Path $PSScriptRoot $named[$name]))
        $text = $text -replace '(/hooks/bin/sisyphus-[a-z-]+)"', '$1.exe"'
        [IO.File]::WriteAllText((Join-Path $staging $name), $text)
    }
}

# Two renames with a short gap between them: unlike a link on other systems, a folder can't be replaced in one step.
function Switch-Folder([string]$staging) {
    New-Item -ItemType Directory -Force -Path (Split-Path $target) | Out-Null
    $old = Move-Away
    try {
        [IO.Directory]::Move($staging, $target)
    } catch {
        if ($old) { [IO.Directory]::Move($old, $target) }
        throw
    }
    if ($old) { Remove-Folder $old }
}

# Renames the installed folder, if there is one, and returns its new name.
function Move-Away {
    if (-not (Test-Path -LiteralPath $target)) { return $null }
    New-Item -ItemType Directory -Force -Path $work | Out-Null
    $old = Join-Path $work ('old-' + [Guid]::NewGuid())
    # A running hook keeps the folder in use for some milliseconds.
    for ($attempt = 1; ; $attempt++) {
        try {
            [IO.Directory]::Move($target, $old)
            return $old
        } catch {
            if ($attempt -eq 20) { throw "'$target' is in use; end the sessions of Claude Code and run this again" }
            Start-Sleep -Milliseconds 100
        }
    }
}

# Best effort: the next update removes files that are in use now.
function Remove-Folder([string]$folder) {
    if (Test-Path -LiteralPath $folder) {
        Remove-Item -LiteralPath $folder -Recurse -Force -ErrorAction SilentlyContinue
    }
}

function Uninstall-Plugin {
    $here = @($target, $work, $oldWork | Where-Object { Test-Path -LiteralPath $_ })
    Move-Away | Out-Null
    Remove-Folder $work
    Remove-Folder $oldWork
    Write-Output $(if ($here) { "Removed sisyphus from $config." } else { "sisyphus is not installed in $config." })
    # With SISYPHUS_STATE_DIR only that folder counts.
    $states = if ($env:SISYPHUS_STATE_DIR) { @($state) } else { @($state, $oldState) }
    $kept = @($states | Where-Object { Test-Path -LiteralPath $_ })
    if (-not $kept) {
        Write-Output 'There is no task history.'
    } elseif ($Purge) {
        $kept | ForEach-Object { Remove-State $_ }
        Write-Output 'Removed the task history.'
    } else {
        Write-Output "The task history is kept in $($kept[0]); -Uninstall -Purge removes it."
    }
    # Claude Code made the second one for us.
    foreach ($folder in $data, "$data-skills-dir", (Join-Path $config '.sisyphus')) {
        if ((Test-Path -LiteralPath $folder) -and -not (Get-ChildItem -LiteralPath $folder -Force)) {
            Remove-Item -LiteralPath $folder
        }
    }
}

function Remove-State([string]$folder) {
    $others = @(Get-ChildItem -LiteralPath $folder -Force | Where-Object { $_.Name -notmatch $StateNames })
    if ($others) { throw "'$($others[0].FullName)' is not ours; move it away, or remove the task history yourself" }
    Remove-Item -LiteralPath $folder -Recurse -Force
}

try {
    Main
} catch {
    [Console]::Error.WriteLine("install.ps1: $($_.Exception.Message)")
    exit 1
}
