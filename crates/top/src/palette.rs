//! Colours, unless the user has switched them off.

use ratatui::style::{Color, Modifier, Style};

use crate::backend::Tone;

/// Whether text has colours. Bold and reversed text are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    Plain,
    Coloured,
}

impl Palette {
    pub(crate) fn of(self, tone: Tone) -> Style {
        let colour = match tone {
            Tone::Good => Color::Green,
            Tone::Bad => Color::Red,
            Tone::Waiting => Color::Yellow,
            Tone::Live => Color::Cyan,
            Tone::Dim => return self.dim(),
        };
        match self {
            Self::Plain => Style::new(),
            Self::Coloured => Style::new().fg(colour),
        }
    }

    /// For what is less important than the text around it.
    pub(crate) fn dim(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Coloured => Style::new().add_modifier(Modifier::DIM),
        }
    }
}

/// For titles, also on a dim line.
pub(crate) fn title() -> Style {
    plain().add_modifier(Modifier::BOLD)
}

/// For what is not dim on a dim line.
pub(crate) fn plain() -> Style {
    Style::new().remove_modifier(Modifier::DIM)
}

/// For the chosen row. Its colours would be backgrounds.
pub(crate) fn chosen() -> Style {
    plain().fg(Color::Reset).add_modifier(Modifier::REVERSED)
}
