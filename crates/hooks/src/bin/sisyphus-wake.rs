//! The waiter that starts with the `stop` hook.

#![cfg_attr(not(test), no_main)]

sisyphus_hook::program!(sisyphus_hook::wait(sisyphus_hooks::wake::handle));
