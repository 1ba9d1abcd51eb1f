//! `sisyphus`: parses, calls, maps to an exit code.

mod args;
mod cancel;
mod clean;
mod demo;
mod dispatch;
mod list;
mod output;
mod print;
mod screen;
mod show;
mod spinner;
mod style;
mod table;
mod terminal;
mod view;
mod wait;
mod watch;
mod words;

fn main() -> std::process::ExitCode {
    dispatch::run()
}
