//! The `pre-tool-use` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::pre_tool_use::handle)
}
