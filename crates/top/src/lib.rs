//! The dashboard of `sisyphus top`: what it shows, what its keys do, and how it leaves the terminal. It knows tasks only
//! as rows of harmless text, which the command line gives it.

mod backend;
mod dashboard;
mod draw;
mod event;
#[cfg_attr(
    all(windows, not(test)),
    expect(dead_code, reason = "the console of Windows sends keys, and no bytes")
)]
mod key;
mod model;
mod palette;
mod screen;
mod sys;
mod worker;

pub use backend::{Backend, Life, Row, Snapshot, Tone};
pub use dashboard::{Exit, run};
pub use palette::Palette;
