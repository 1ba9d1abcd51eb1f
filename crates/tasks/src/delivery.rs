//! Whether the model knows how a task finished. Only [`Delivery::after`] changes it: pure, with its whole table in one
//! test.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sisyphus_base::clock::Tick;
use sisyphus_base::process_ref::ProcessRef;

/// The version of a record's outcome: it grows with each change of meaning. An acknowledgement names the printed
/// revision, so that a correction that came in between is delivered too.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, Hash,
)]
#[serde(transparent)]
pub struct Revision(pub u32);

impl Revision {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where the delivery of a task's result is.
///
/// ```
/// use sisyphus_base::clock::Tick;
/// use sisyphus_tasks::delivery::{Attempt, Delivery, DeliveryEvent, Revision};
///
/// let delivery = Delivery::NotDue.after(DeliveryEvent::Finished, Revision::default(), Tick(7));
/// assert_eq!(delivery, Delivery::Owed { since: Tick(7), attempt: Attempt::First });
/// // What was owed already is not owed again.
/// assert_eq!(delivery.clone().after(DeliveryEvent::Finished, Revision::default(), Tick(9)), delivery);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// There is no result yet.
    #[default]
    NotDue,
    /// The result waits for an event of its session.
    Owed { since: Tick, attempt: Attempt },
    /// A process is about to print it, or died while doing so.
    Leased { by: ProcessRef, revision: Revision, attempt: Attempt },
    /// It went out. Whether the model has read it is not known yet.
    Sent {
        at: DateTime<Utc>,
        revision: Revision,
        attempt: Attempt,
        /// Records of earlier versions don't name it: then it was a prompt.
        #[serde(default, skip_serializing_if = "crate::is_default")]
        with: Channel,
        /// The Claude Code that got it. Two of them may have one conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ProcessRef>,
    },
    /// The model has read it.
    Delivered { at: Tick, revision: Revision },
    /// No reader needs a reminder: Claude Code itself notifies the model about every agent, and about every task that
    /// the model stopped.
    NotNeeded,
}

/// Whether the model may have read about this task before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    #[default]
    First,
    /// The process that was to print it died, before or after printing. Or the transcript does not say what became of
    /// what it went out with.
    Redelivery,
    /// The model read another outcome, and a better source corrected it.
    Correction,
}

impl Attempt {
    /// The attempt that follows one of which nothing is known.
    pub(crate) fn repeated(self) -> Self {
        match self {
            Self::First | Self::Redelivery => Self::Redelivery,
            Self::Correction => Self::Correction,
        }
    }
}

/// What carries a result to the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A prompt, which another hook may block: then the model reads neither prompt nor result.
    #[default]
    Prompt,
    /// An event that has happened already. The model reads the result, unless Claude Code ends, or the user interrupts
    /// it, before it has written what the hooks of the event said.
    Event,
    /// Such an event of the subagent that started the task. What that subagent has read is in a transcript of its own.
    AgentEvent,
}

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// The task finished, and the model must read how.
    Finished,
    /// The task finished, and the model knows how.
    FinishedKnown,
    /// A better source changed the meaning of the outcome.
    Corrected,
    /// This process is about to print it.
    Leased { by: ProcessRef },
    /// The holder of the lease printed this revision.
    Printed {
        by: ProcessRef,
        revision: Revision,
        channel: Channel,
        at: DateTime<Utc>,
        client: Option<ProcessRef>,
    },
    /// The prompt that it went out with was blocked.
    Blocked,
    /// What it went out with reached the model.
    Passed,
    /// Nothing says what became of what it went out with.
    Unconfirmed,
    /// The model read this revision in another way.
    Read { revision: Revision },
}

impl Delivery {
    /// The delivery after the event, for a record of this revision. An event that does not apply changes nothing.
    #[must_use]
    pub fn after(self, event: DeliveryEvent, revision: Revision, now: Tick) -> Self {
        use DeliveryEvent::{
            Blocked, Corrected, Finished, FinishedKnown, Leased, Passed, Printed, Read, Unconfirmed,
        };
        match (self, event) {
            (Self::NotDue, Finished) => Self::Owed { since: now, attempt: Attempt::First },
            (Self::NotDue | Self::Owed { .. }, FinishedKnown) => Self::NotNeeded,

            (Self::Delivered { .. } | Self::Sent { .. }, Corrected) => {
                Self::Owed { since: now, attempt: Attempt::Correction }
            }

            (Self::Owed { attempt, .. }, Leased { by }) => Self::Leased { by, revision, attempt },
            (Self::Leased { attempt, .. }, Leased { by }) => {
                Self::Leased { by, revision, attempt: attempt.repeated() }
            }

            (
                Self::Leased { by: holder, attempt, .. },
                Printed { by, revision: printed, channel, at, client },
            ) if holder == by => {
                if printed == revision {
                    Self::Sent { at, revision, attempt, with: channel, client }
                } else {
                    Self::Owed { since: now, attempt: Attempt::Correction }
                }
            }

            (Self::Sent { attempt, .. }, Blocked) => Self::Owed { since: now, attempt },
            (Self::Sent { revision, .. }, Passed) => Self::Delivered { at: now, revision },
            (Self::Sent { attempt, .. }, Unconfirmed) => {
                Self::Owed { since: now, attempt: attempt.repeated() }
            }

            (
                Self::Owed { .. } | Self::Leased { .. } | Self::Sent { .. },
                Read { revision: read },
            ) if read == revision => Self::Delivered { at: now, revision },

            (unchanged, _) => unchanged,
        }
    }

    /// Whether the model read, or is about to read, this revision.
    pub fn has_reached(&self, revision: Revision) -> bool {
        match self {
            Self::Sent { revision: printed, .. } | Self::Delivered { revision: printed, .. } => {
                *printed == revision
            }
            Self::NotNeeded => true,
            Self::NotDue | Self::Owed { .. } | Self::Leased { .. } => false,
        }
    }

    /// Whether nothing is left to do: the model has read the result, or does not need to.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::NotNeeded)
    }

    /// Whether a result waits for its reader.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Owed { .. } | Self::Leased { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32) -> ProcessRef {
        ProcessRef { pid, start: Some(1), namespace: None }
    }

    fn word(delivery: &Delivery) -> &'static str {
        match delivery {
            Delivery::NotDue => "not due",
            Delivery::Owed { attempt: Attempt::First, .. } => "owed",
            Delivery::Owed { attempt: Attempt::Redelivery, .. } => "again",
            Delivery::Owed { attempt: Attempt::Correction, .. } => "correct",
            Delivery::Leased { attempt: Attempt::First, .. } => "leased",
            Delivery::Leased { .. } => "leased*",
            Delivery::Sent { with: Channel::Prompt, .. } => "sent",
            Delivery::Sent { with: Channel::Event | Channel::AgentEvent, .. } => "shown",
            Delivery::Delivered { .. } => "read",
            Delivery::NotNeeded => "no need",
        }
    }

    /// I2: one row a state, one column an event. `leased*` is reported as possibly repeated, or as a correction.
    #[test]
    fn every_delivery_meets_every_event() {
        let (own, now) = (Revision(2), Tick(9));
        let at = DateTime::from_timestamp(5, 0).unwrap();
        let (attempt, client) = (Attempt::First, None);
        let sent =
            |with| Delivery::Sent { at, revision: own, attempt, with, client: client.clone() };
        let states = [
            Delivery::NotDue,
            Delivery::Owed { since: Tick(1), attempt: Attempt::First },
            Delivery::Leased { by: process(1), revision: own, attempt: Attempt::First },
            sent(Channel::Prompt),
            sent(Channel::Event),
            Delivery::Delivered { at: Tick(1), revision: own },
            Delivery::NotNeeded,
        ];
        let printed = |pid, revision, channel| DeliveryEvent::Printed {
            by: process(pid),
            revision,
            channel,
            at,
            client: None,
        };
        let events = [
            ("finish", DeliveryEvent::Finished),
            ("known", DeliveryEvent::FinishedKnown),
            ("correct", DeliveryEvent::Corrected),
            ("lease", DeliveryEvent::Leased { by: process(2) }),
            ("prompt", printed(1, own, Channel::Prompt)),
            ("event", printed(1, own, Channel::Event)),
            ("stale", printed(1, Revision(1), Channel::Event)),
            ("other", printed(7, own, Channel::Event)),
            ("block", DeliveryEvent::Blocked),
            ("pass", DeliveryEvent::Passed),
            ("unsure", DeliveryEvent::Unconfirmed),
            ("read", DeliveryEvent::Read { revision: own }),
            ("old", DeliveryEvent::Read { revision: Revision(1) }),
        ];
        let mut table = vec![format!(
            "{:8}{}",
            "",
            events.iter().map(|(name, _)| format!("{name:8}")).collect::<String>()
        )];
        for state in states {
            let cells = events.iter().map(|(_, event)| {
                format!("{:8}", word(&state.clone().after(event.clone(), own, now)))
            });
            table.push(format!("{:8}{}", word(&state), cells.collect::<String>()));
        }
        let table: Vec<&str> = table.iter().map(|line| line.trim_end()).collect();
        println!("{}", table.join("\n"));
        assert_eq!(
            table,
            [
                "        finish  known   correct lease   prompt  event   stale   other   block   pass    unsure  read    old",
                "not due owed    no need not due not due not due not due not due not due not due not due not due not due not due",
                "owed    owed    no need owed    leased  owed    owed    owed    owed    owed    owed    owed    read    owed",
                "leased  leased  leased  leased  leased* sent    shown   correct leased  leased  leased  leased  read    leased",
                "sent    sent    sent    correct sent    sent    sent    sent    sent    owed    read    again   read    sent",
                "shown   shown   shown   correct shown   shown   shown   shown   shown   owed    read    again   read    shown",
                "read    read    read    correct read    read    read    read    read    read    read    read    read    read",
                "no need no need no need no need no need no need no need no need no need no need no need no need no need no need",
            ]
        );
    }

    /// The process may print no revision but the record's, and a lease that is granted again keeps what it corrects.
    #[test]
    fn a_lease_that_is_granted_again_says_so() {
        let granted_again = |attempt| {
            let lease = Delivery::Leased { by: process(1), revision: Revision(2), attempt };
            let by = process(2);
            let Delivery::Leased { by, revision, attempt } =
                lease.after(DeliveryEvent::Leased { by }, Revision(3), Tick(9))
            else {
                panic!("not leased")
            };
            assert_eq!((by, revision), (process(2), Revision(3)));
            attempt
        };
        let attempts = [Attempt::First, Attempt::Redelivery, Attempt::Correction];
        let expected = [Attempt::Redelivery, Attempt::Redelivery, Attempt::Correction];
        assert_eq!(attempts.map(granted_again), expected);
    }

    /// What may have been read is marked when it goes out once more, and what was blocked is not.
    #[test]
    fn an_unconfirmed_result_goes_out_marked() {
        let after = |attempt, event| {
            let at = DateTime::from_timestamp(5, 0).unwrap();
            let (revision, with) = (Revision(2), Channel::Prompt);
            let sent = Delivery::Sent { at, revision, attempt, with, client: None };
            let Delivery::Owed { since, attempt } = sent.after(event, Revision(2), Tick(9)) else {
                panic!("not owed")
            };
            assert_eq!(since, Tick(9));
            attempt
        };
        let attempts = [Attempt::First, Attempt::Redelivery, Attempt::Correction];
        assert_eq!(attempts.map(|it| after(it, DeliveryEvent::Blocked)), attempts);
        let marked = [Attempt::Redelivery, Attempt::Redelivery, Attempt::Correction];
        assert_eq!(attempts.map(|it| after(it, DeliveryEvent::Unconfirmed)), marked);
    }

    /// One row a state: whether it waits for its reader, is settled, has reached the model with the record's revision,
    /// and with an older one.
    #[test]
    fn every_delivery_says_what_is_left_to_do() {
        let (own, at) = (Revision(2), DateTime::from_timestamp(5, 0).unwrap());
        let (attempt, with) = (Attempt::First, Channel::Event);
        let cases = [
            (Delivery::NotDue, "- - - -"),
            (Delivery::Owed { since: Tick(1), attempt }, "open - - -"),
            (Delivery::Leased { by: process(1), revision: own, attempt }, "open - - -"),
            (Delivery::Sent { at, revision: own, attempt, with, client: None }, "- - reached -"),
            (Delivery::Delivered { at: Tick(1), revision: own }, "- settled reached -"),
            (Delivery::NotNeeded, "- settled reached reached"),
        ];
        for (delivery, expected) in cases {
            let says = [
                (delivery.is_open(), "open"),
                (delivery.is_settled(), "settled"),
                (delivery.has_reached(own), "reached"),
                (delivery.has_reached(Revision(1)), "reached"),
            ];
            let row = says.map(|(holds, word)| if holds { word } else { "-" }).join(" ");
            assert_eq!(row, expected, "{delivery:?}");
        }
    }
}
