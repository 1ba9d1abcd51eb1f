//! The `user-prompt-submit` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::user_prompt_submit::handle)
}
