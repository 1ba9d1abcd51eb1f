//! The `pre-tool-use` hook.

#![cfg_attr(not(test), no_main)]

sisyphus_hook::program!(sisyphus_hook::main(sisyphus_hooks::pre_tool_use::handle));
