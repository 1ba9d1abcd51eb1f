//! The `session-start` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::session_start::handle)
}
