//! The waiter that starts with the `stop` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::wait(sisyphus_hooks::wake::handle)
}
