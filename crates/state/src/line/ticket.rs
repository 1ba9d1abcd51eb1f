//! The order of the queue.

use std::fmt;

use sisyphus_base::id::{ClientTaskId, TaskId, Ticket};
use sisyphus_base::sys;

/// Digits of the time, enough for every `u64`.
const TIME_DIGITS: usize = 20;
/// Characters of the boot id.
const BOOT_DIGITS: usize = 8;

/// A call's order in the queue of all configuration folders of a user: lower is earlier.
///
/// It is a time, not a counter, because the configuration folders share no file to count in. The text of a ticket is
/// `TIME-BOOT-TAIL`: the nanoseconds since boot, the beginning of the boot id, and a tail that makes it unique. Tickets
/// sorted as text are sorted by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineTicket(String);

impl LineTicket {
    /// The ticket of a call's shell. Shells with the same command text share one announcement, so Claude Code's id of
    /// the shell tells them apart.
    pub fn new(ticket: Ticket, shell: &ClientTaskId) -> Self {
        Self(format!("{:0TIME_DIGITS$}-{}-{shell}", ticket.0, boot()))
    }

    /// The ticket of the same shell that comes before `other`.
    #[must_use]
    pub fn before(&self, other: &Self) -> Self {
        let time = other.ticket().0.saturating_sub(1);
        Self(format!("{time:0TIME_DIGITS$}-{}-{}", boot(), self.shell()))
    }

    /// Parses the name of an entry.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (time, boot, tail) = (parts.next()?, parts.next()?, parts.next()?);
        let is_time = time.len() == TIME_DIGITS && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_boot = boot.len() == BOOT_DIGITS
            && boot.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let is_ticket = is_time && is_boot && TaskId::new(tail).is_ok();
        is_ticket.then(|| Self(text.to_owned()))
    }

    /// Claude Code's id of the shell.
    pub fn shell(&self) -> &str {
        self.0.splitn(3, '-').nth(2).unwrap_or_default()
    }

    /// When the call was made.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.0[..TIME_DIGITS].parse().unwrap_or(u64::MAX))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LineTicket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The beginning of the boot id; zeros where the system has none.
fn boot() -> String {
    let id = sys::boot_id().unwrap_or_default();
    let digits = id.chars().filter(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
    let digits: String = digits.take(BOOT_DIGITS).collect();
    format!("{digits:0>BOOT_DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S12: no counter of one configuration folder decides.
    #[test]
    fn tickets_sort_by_the_time_of_the_call() {
        let of = |at, shell| LineTicket::new(Ticket(at), &ClientTaskId::new(shell).unwrap());
        let sorted = [of(9, "b7"), of(10, "b1"), of(10, "b2"), of(u64::MAX, "b1")];
        assert!(sorted.is_sorted(), "{sorted:?}");
        for ticket in &sorted {
            assert_eq!(LineTicket::parse(ticket.as_str()).as_ref(), Some(ticket));
            let shell = ClientTaskId::new(ticket.shell()).unwrap();
            assert_eq!(&LineTicket::new(ticket.ticket(), &shell), ticket);
        }
    }

    /// Whatever the tails are, the one that is moved comes first.
    #[test]
    fn a_ticket_moves_before_another() {
        let of = |at, shell| LineTicket::new(Ticket(at), &ClientTaskId::new(shell).unwrap());
        let moved = of(50, "z").before(&of(10, "a"));
        assert!(moved < of(10, "a"));
        assert_eq!((moved.ticket(), moved.shell()), (Ticket(9), "z"));
        assert_eq!(LineTicket::parse(moved.as_str()), Some(moved));
        // Nothing is before the first moment. Then the order of the names decides.
        assert_eq!(of(5, "z").before(&of(0, "a")).ticket(), Ticket(0));
    }

    #[test]
    fn other_names_are_no_tickets() {
        let shell = ClientTaskId::new("b1").unwrap();
        let good = LineTicket::new(Ticket::now(), &shell).to_string();
        let longer = format!("{good}/x");
        let upper = format!("{}-ABCDEF01-b1", &good[..TIME_DIGITS]);
        assert!(LineTicket::parse(&upper.to_lowercase()).is_some());
        for name in ["", "notes", "000000000000-t1", &good[1..], &longer, &upper, "-", "1-2-3"] {
            assert_eq!(LineTicket::parse(name), None, "{name}");
        }
    }
}
