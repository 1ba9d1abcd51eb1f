//! The `subagent-start` hook.

#![cfg_attr(not(test), no_main)]

sisyphus_hook::program!(sisyphus_hook::main(sisyphus_hooks::subagent_start::handle));
