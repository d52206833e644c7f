//! What others ask of this node over MQTT: [`Command`]s, each with a way to answer it.
//!
//! ```text
//! parse    payload into Command, or what is wrong with it          pure
//! desk     retained, late, repeated, too many: refused; who waits   pure: time comes as an argument
//! ```
//!
//! Nothing is done here: a command that passes goes through a bounded channel to whoever [`Orders`] was given to,
//! with a deadline; the answer comes back through its [`Slot`] and is published.

mod desk;
mod parse;

use std::{sync::mpsc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

pub(super) use desk::{Answer, Desk, Received};

use crate::{clock::Moment, plate::PlateText};

/// Something that an authorised client of the broker wants done, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The sender's name for it; never accepted twice within its life.
    pub id: String,
    /// Not to be done after this, by the wall clock.
    pub expires_at: Timestamp,
    pub request: Request,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `plates/add`
    AddPlate(NewPlate),
    /// `plates/remove`
    RemovePlate { list: String, plate: PlateText },
    /// `gate/open`
    OpenGate { gate: String, reason: Option<String> },
    /// `camera/trigger`
    Trigger { camera: String },
    /// `status`
    Status,
}

/// A list entry to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPlate {
    pub list: String,
    pub plate: PlateText,
    pub note: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// A guest's entry is used up after so many passages,
    pub uses: Option<u32>,
    /// or so long after the first of them.
    pub lasts: Option<Duration>,
    /// It holds only while this schedule of the configuration is open.
    pub schedule: Option<String>,
}

impl Request {
    /// The verb that stands in the topic.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::AddPlate(_) => "plates/add",
            Self::RemovePlate { .. } => "plates/remove",
            Self::OpenGate { .. } => "gate/open",
            Self::Trigger { .. } => "camera/trigger",
            Self::Status => "status",
        }
    }

    /// How far ahead a command may expire: one that opens something must not lie about somewhere.
    const fn longest_life(&self) -> Duration {
        match self {
            Self::OpenGate { .. } | Self::Trigger { .. } => Duration::from_secs(30),
            _ => Duration::from_secs(300),
        }
    }
}

/// Whether a payload would be understood as a command for this verb, and the word for why not. Nothing is done.
pub fn understood(verb: &str, payload: &[u8]) -> Result<(), &'static str> {
    parse::parse(verb, payload).map(|_| ()).map_err(|fault| fault.code.as_str())
}

/// What these fields ask for under this verb, or what is wrong with them, the field first: for those who ask by another
/// way than a broker, by the same rules.
pub fn request(verb: &str, fields: serde_json::Map<String, Value>) -> Result<Request, String> {
    parse::request(verb, fields)?.ok_or_else(|| format!("verb: there is {}", parse::VERBS))
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done; with what there is to say about it.
    Done(Value),
    /// It was understood and will not be done, in words.
    Refused(String),
    /// It should have been done and could not be, in words.
    Failed(String),
    /// Nobody here can do that: it is not configured, or not built in.
    NotAvailable(String),
}

/// A command on its way to whoever does it.
#[derive(Debug)]
pub struct Order {
    pub command: Command,
    /// Not to be begun after this; the sender has been told by then that it came to nothing.
    pub deadline: Moment,
    pub slot: Slot,
}

/// The way back. Dropped without an answer it says that nobody answered.
#[derive(Debug)]
pub struct Slot {
    ticket: u64,
    answers: tokio::sync::mpsc::Sender<(u64, Outcome)>,
    answered: bool,
}

impl Slot {
    pub(super) fn new(ticket: u64, answers: tokio::sync::mpsc::Sender<(u64, Outcome)>) -> Self {
        Self { ticket, answers, answered: false }
    }

    pub fn answer(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        self.answered = true;
        if self.answers.try_send((self.ticket, outcome)).is_err() {
            tracing::warn!(ticket = self.ticket, "a command's outcome came too late to be told");
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.answered {
            self.send(Outcome::Failed("it was given up on the way".to_owned()));
        }
    }
}

/// Where orders come out.
pub type Orders = mpsc::Receiver<Order>;

/// Orders that may wait for whoever does them; more are refused.
pub(super) const WAITING: usize = 16;

/// The way in, for the publisher's settings, and the way out.
pub fn channel() -> (mpsc::SyncSender<Order>, Orders) {
    mpsc::sync_channel(WAITING)
}
