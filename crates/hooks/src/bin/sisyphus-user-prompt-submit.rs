//! The `user-prompt-submit` hook.

#![cfg_attr(not(test), no_main)]

sisyphus_hook::program!(sisyphus_hook::main(sisyphus_hooks::user_prompt_submit::handle));
