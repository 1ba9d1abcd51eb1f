//! `sisyphus`: runs the command line and exits with its code.

mod args;
mod cancel;
mod canvas;
mod clean;
mod completions;
mod config;
mod delegate;
mod demo;
mod details;
mod dispatch;
mod doctor;
mod events;
mod format;
mod install;
mod list;
mod man;
mod notification_route;
mod notify;
mod output;
mod print;
mod project;
mod queue;
mod screen;
mod session;
mod show;
mod spinner;
mod stats;
mod statusline;
mod style;
mod table;
mod terminal;
mod timeline;
mod view;
mod wait;

fn main() -> std::process::ExitCode {
    dispatch::run()
}
