//! The `session-start` hook.

#![cfg_attr(not(test), no_main)]

sisyphus_hook::program!(sisyphus_hook::main(sisyphus_hooks::session_start::handle));
