//! The `subagent-start` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::subagent_start::handle)
}
