//! The `post-tool-use` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::post_tool_use::handle)
}
