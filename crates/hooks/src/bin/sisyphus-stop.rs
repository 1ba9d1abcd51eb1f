//! The `stop` hook.

fn main() -> std::process::ExitCode {
    sisyphus_hook::main(sisyphus_hooks::stop::handle)
}
